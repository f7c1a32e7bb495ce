/* SPDX-License-Identifier: Apache-2.0 */
/* core/env.h -- everything the core can know or do beyond its own memory.
 *
 * One env stands for one loop.  The ports below are filled by a driver: src/io for
 * sockets and clocks, src/sim for virtual ones.  The core never sees anything else of the
 * world: no clock, no socket, no thread.
 *
 * One turn.  The driver delivers ONE event (a timer, bytes, an answer, a posted task)
 * between grebe__env_enter() and grebe__env_leave().  The core changes state and records
 * effects; leave() runs them in the order they were recorded, none merged, none dropped.
 * Completions (callbacks into the application) wait until the driver asks for them with
 * grebe__env_complete(), when no frame of the core is on the stack.
 *
 * Threading   The loop's thread, except post().
 */
#ifndef GREBE_CORE_ENV_H
#define GREBE_CORE_ENV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <grebe/log.h>
#include <grebe/mem.h>

#include "base/list.h"
#include "base/rng.h"
#include "base/task.h"
#include "base/timer.h"

struct grebe__book;
struct grebe__dial;
struct grebe__env;
struct grebe__file_watch;
struct grebe__lookup;

/* ---- Ports ------------------------------------------------------------------------- */

struct grebe__executor_ops {
    /* Run task->run(task) on the loop's thread, inside a turn of its own.  Any thread. */
    void (*post)(struct grebe__env *env, struct grebe__task *task);
    /* The same at once, if this thread can, no turn is on, and nothing was posted before;
     * else as post().  Any thread. */
    void (*submit)(struct grebe__env *env, struct grebe__task *task);
    /* The earliest deadline of env->wheel is now `next_ns`, sooner than it was. */
    void (*rearm)(struct grebe__env *env, uint64_t next_ns);
    /* Something is in flight (true) or nothing is: whether a host's loop may end. */
    void (*set_active)(struct grebe__env *env, bool is_active);
    /* Set *flag, with release order, and let threads that wait for it go on. */
    void (*wake)(struct grebe__env *env, bool *flag);
};

/* Makes connections.  core/transport.h has struct grebe__dial. */
struct grebe__connector_ops {
    /* Start.  dial->on_done comes in a later turn, once, unless it is cancelled. */
    void (*dial)(struct grebe__env *env, struct grebe__dial *dial);
    void (*cancel)(struct grebe__env *env, struct grebe__dial *dial);
    /* What it waits for at this moment, for people: "tls handshake". */
    void (*stage)(struct grebe__env *env, const struct grebe__dial *dial, char *buf,
                  size_t size);
};

/* Asks the DNS.  core/dns.h has struct grebe__lookup. */
struct grebe__dns_ops {
    void (*lookup)(struct grebe__env *env, struct grebe__lookup *lookup);
    /* Idle: no-op. */
    void (*cancel)(struct grebe__env *env, struct grebe__lookup *lookup);
    /* What this machine calls itself; "" if it does not know. */
    void (*host_name)(struct grebe__env *env, char *buf, size_t size);
};

/* Reads files, and looks after them.  core/file.h has struct grebe__file_watch. */
struct grebe__files_ops {
    void (*watch)(struct grebe__env *env, struct grebe__file_watch *watch);
    /* Idle: no-op. */
    void (*cancel)(struct grebe__env *env, struct grebe__file_watch *watch);
};

/* ---- Effects ----------------------------------------------------------------------- */

/* Something to do after the function that asked for it has returned.  Embedded in the
 * object it is for, which stays alive while the effect is queued. */
struct grebe__effect {
    struct grebe__list link;
    void (*run)(struct grebe__effect *effect);
};

static inline void grebe__effect_init(struct grebe__effect *effect,
                                      void (*run)(struct grebe__effect *effect))
{
    grebe__list_init(&effect->link);
    effect->run = run;
}

static inline bool grebe__effect_is_queued(const struct grebe__effect *effect)
{
    return grebe__list_is_linked(&effect->link);
}

static inline void grebe__effect_cancel(struct grebe__effect *effect)
{
    grebe__list_remove(&effect->link);
}

/* ---- Env --------------------------------------------------------------------------- */

struct grebe__env {
    const struct grebe__executor_ops *executor;
    const struct grebe__connector_ops *connector;
    const struct grebe__dns_ops *dns;
    const struct grebe__files_ops *files;
    void *driver;                /* for whoever filled the ports */
    struct grebe__book *book;    /* of what there is; NULL: nobody will look */
    const struct grebe_mem *mem; /* for what belongs to the loop itself */

    uint64_t now_ns; /* read once for each turn by the driver */
    struct grebe__rng rng;
    struct grebe__wheel wheel;
    struct grebe__list effects;     /* in the order they were recorded */
    struct grebe__list settling;    /* run when no effects are left */
    struct grebe__list completions; /* for the application */
    unsigned depth;                 /* of enter() */
    struct grebe__task drain_task;  /* posted for effects recorded outside of a turn */
    bool is_drain_posted;
    uint32_t n_active; /* calls in flight and channels closing */
};

/* `ports` and `mem` are the caller's to fill before; `seed` decides all randomness. */
void grebe__env_init(struct grebe__env *env, const struct grebe_mem *mem, uint64_t now_ns,
                     uint64_t seed);
/* Nothing may be queued any more. */
void grebe__env_fini(struct grebe__env *env);

/* Around every event, and around every entry from outside.  May nest: the outermost leave
 * runs the effects. */
void grebe__env_enter(struct grebe__env *env);
void grebe__env_leave(struct grebe__env *env);

/* Inside a turn, for whoever has it go step by step: runs the next effect.  False: none is
 * left. */
bool grebe__env_step(struct grebe__env *env);

/* Fire the timers that are due at env->now_ns, each in a turn of its own. */
void grebe__env_run_timers(struct grebe__env *env);

/* Run the completions that are queued now, oldest first; those that these cause wait for
 * the next time.  Never from inside a turn. */
void grebe__env_complete(struct grebe__env *env);

/* Already queued: stays where it is in the order.  Recorded outside of a turn, as by a
 * policy that lives on a host's loop and has timers of its own there, it runs in the
 * next. */
void grebe__env_do(struct grebe__env *env, struct grebe__effect *effect);
/* After all effects, and after everything they cause. */
void grebe__env_settle(struct grebe__env *env, struct grebe__effect *effect);
/* Outside of the core, for the application. */
void grebe__env_finish(struct grebe__env *env, struct grebe__effect *completion);

void grebe__env_start_timer(struct grebe__env *env, struct grebe__timer *timer,
                            uint64_t deadline_ns);

static inline void grebe__env_post(struct grebe__env *env, struct grebe__task *task)
{
    env->executor->post(env, task);
}

static inline void grebe__env_submit(struct grebe__env *env, struct grebe__task *task)
{
    env->executor->submit(env, task);
}

/* While the count is not zero a host's loop has reason to run. */
void grebe__env_hold(struct grebe__env *env);
void grebe__env_release(struct grebe__env *env);

/* now + delay, saturating: "never" stays never. */
static inline uint64_t grebe__env_after(const struct grebe__env *env, uint64_t delay_ns)
{
    return delay_ns > UINT64_MAX - env->now_ns ? UINT64_MAX : env->now_ns + delay_ns;
}

#endif
