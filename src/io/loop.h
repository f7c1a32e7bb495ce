/* SPDX-License-Identifier: Apache-2.0 */
/* io/loop.h -- a loop from the inside: libuv's turns, made into turns of the core.
 *
 *   uv_run   timers -> prepare -> epoll_wait -> sockets -> check -> closing
 *                         |                        |         |
 *                       settle                   begin     settle
 *
 *   begin    the first callback after the sleep reads the clock, once
 *   settle   tasks of other threads, then what the application is owed, then one write
 *            for each connection that has something to say: never inside a read
 *            callback, so that all that one batch of input causes leaves in one write
 *
 * loop.c is the life of a loop, turn.c what happens in it, run.c who makes it happen.
 *
 * Threading   Whoever drives (io/driver.h), unless a function says otherwise.
 */
#ifndef GREBE_IO_LOOP_H
#define GREBE_IO_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include <grebe/loop.h>

#include "base/list.h"
#include "base/pool.h"
#include "base/task.h"
#include "core/env.h"
#include "io/driver.h"
#include "io/fork.h"
#include "io/starved.h"

struct grebe__dns;

enum { GREBE__PLAIN_BYTES = 256 * 1024, GREBE__WIRE_BYTES = 256 * 1024 };

/* Scratch memory for all connections of a loop; nothing stays in it between events. */
struct grebe__loop_buffers {
    unsigned char plain[GREBE__PLAIN_BYTES]; /* bytes as HTTP/2 has them */
    unsigned char wire[GREBE__WIRE_BYTES];   /* bytes as the socket has them */
};

/* Something that writes when the loop settles. */
struct grebe__writer {
    struct grebe__list link;                     /* on loop->writers while it wants to */
    void (*write)(struct grebe__writer *writer); /* inside a turn */
};

struct grebe_loop {
    uint32_t refs;
    uint32_t fork_generation;
    const struct grebe_mem *mem;
    struct grebe_loop *self; /* for the functions that take a const loop */
    struct grebe__env env;
    struct grebe__driver driver;
    struct grebe__task_queue tasks;

    uv_loop_t *uv;
    uv_loop_t own_uv; /* if is_own */
    uv_prepare_t prepare;
    uv_check_t check;
    uv_idle_t idle;    /* runs while there is work that no descriptor tells of */
    uv_async_t async;  /* makes the descriptor readable, from any thread */
    uv_timer_t timer;  /* under env.wheel */
    uint64_t armed_ns; /* when the timer fires; UINT64_MAX: it does not */
    uint32_t n_holds;  /* reasons for uv_run() to go on; `async` is referenced for them */
    uint32_t n_handles; /* of libuv, until their close callbacks */

    bool is_own;      /* uv is own_uv */
    bool is_embedded; /* atomic: a host watches the descriptor */
    bool is_awake;    /* a settle is sure to come before the next sleep */
    bool is_inside;   /* uv_run() is on the stack, as far as one can know */
    bool is_stirred;  /* libuv has something new to watch */
    bool has_run;     /* something ran that a driver may have waited for */
    bool is_doomed;   /* attached, and nobody refers to it any more */
    bool is_closing;
    unsigned depth; /* of grebe__loop_try_drive() */

    struct grebe__list writers;
    struct grebe__list connections;      /* struct grebe__connection.link */
    struct grebe__pool pool;             /* for HTTP/2 sessions */
    struct grebe__loop_buffers *buffers; /* NULL before the first connection */
    struct grebe__dns *dns;              /* NULL before the first question */
    struct grebe__starved starved_dials, starved_lookups;

    bool is_run;         /* atomic: a thread is in grebe_loop_run(), or the one below */
    bool is_stopped;     /* atomic: grebe_loop_stop() */
    bool has_thread;     /* atomic: `thread` is there to be stopped */
    bool is_thread_over; /* atomic: it shall end */
    bool is_thread_detached; /* it gives up a reference when it ends */
    pthread_t thread;
    struct grebe__task close_task; /* the last reference went on a foreign thread */
};

/* ---- For src/api: run.c ----------------------------------------------------------- */

static inline struct grebe__env *grebe__loop_env(struct grebe_loop *loop)
{
    return &loop->env;
}

/* Any thread: the loop was made before fork(), so answer GREBE_ERR_FORKED. */
static inline bool grebe__loop_is_forked(const struct grebe_loop *loop)
{
    return loop->fork_generation != grebe__fork_generation();
}

/* Any thread: it drives the loop right now, so that waiting would be for ever. */
bool grebe__loop_is_current(const struct grebe_loop *loop);

/* Any thread: the moment of the turn it is in, or a fresh one. */
uint64_t grebe__loop_now_ns(const struct grebe_loop *loop);

/* Any thread: what to add to a moment for nanoseconds since 1970, as the clock on the wall
 * has it now. */
int64_t grebe__epoch_ns(void);

/* Any thread: drive for a moment.  False if another thread drives, or after a fork().
 * May nest.  At the outermost level env->now_ns is fresh and posted tasks have run, so
 * nothing overtakes what the same thread posted before.  What is started goes out when
 * the loop is run. */
bool grebe__loop_try_drive(struct grebe_loop *loop);
void grebe__loop_stop_driving(struct grebe_loop *loop);

/* Any thread: run `task` in a turn of its own, here and now if this thread can drive, is
 * not in a turn already, and nothing was posted before; else as soon as that is so. */
void grebe__loop_submit(struct grebe_loop *loop, struct grebe__task *task);

/* Any thread: run fn(arg) in a turn and wait until it has. GREBE_ERR_FORKED. */
int grebe__loop_call(struct grebe_loop *loop, void (*fn)(void *arg), void *arg);

/* Any thread: until *flag is set by grebe__loop_wake(), drive the loop or sleep while
 * another thread does.  `timeout_ns` negative: no limit.  GREBE_ERR_TIMEOUT;
 * GREBE_ERR_DEADLOCK inside a callback of the loop; GREBE_ERR_FORKED. */
int grebe__loop_wait(struct grebe_loop *loop, const bool *flag, int64_t timeout_ns);

/* The driver: set *flag and let those who wait for it go on.  Not touched after it is
 * set, so it may be on the stack of the one who waits. */
void grebe__loop_wake(struct grebe_loop *loop, bool *flag);

/* ---- For the rest of src/io: turn.c ----------------------------------------------- */

static inline struct grebe_loop *grebe__loop_of_env(struct grebe__env *env)
{
    return grebe_container_of(env, struct grebe_loop, env);
}

/* First in every callback of libuv.  False in the child of a fork: do nothing. */
bool grebe__loop_begin(struct grebe_loop *loop);

/* There is something to write.  Cheap, idempotent. */
void grebe__loop_want_write(struct grebe_loop *loop, struct grebe__writer *writer);

/* A handle was started or changed: a host that sleeps on the descriptor must let uv_run()
 * see it first. */
static inline void grebe__loop_stir(struct grebe_loop *loop)
{
    loop->is_stirred = true;
}

/* A handle was given to libuv; its close callback calls the second, which may free the
 * loop. */
void grebe__loop_handle_opened(struct grebe_loop *loop);
void grebe__loop_handle_closed(struct grebe_loop *loop);

/* The shared buffers, made if need be; NULL when out of memory. */
struct grebe__loop_buffers *grebe__loop_buffers(struct grebe_loop *loop);

/* ---- Between loop.c, turn.c and run.c --------------------------------------------- */

extern const struct grebe__executor_ops grebe__loop_executor;

void grebe__loop_on_prepare(uv_prepare_t *handle);
void grebe__loop_on_check(uv_check_t *handle);
void grebe__loop_on_async(uv_async_t *handle);
void grebe__loop_on_timer(uv_timer_t *handle);
void grebe__loop_on_idle(uv_idle_t *handle);

void grebe__loop_run_tasks(struct grebe_loop *loop);
/* Do all that can be done without input.  Outside of turns. */
void grebe__loop_settle(struct grebe_loop *loop);
/* Have the next sleep last no time if there is work.  True if there is. */
bool grebe__loop_update_idle(struct grebe_loop *loop);
/* From now on, news has to be signalled. */
void grebe__loop_fall_asleep(struct grebe_loop *loop);
/* One more, or one less, reason for uv_run() to go on. */
void grebe__loop_hold(struct grebe_loop *loop);
void grebe__loop_unhold(struct grebe_loop *loop);

/* The loop's descriptor becomes readable.  Any thread. */
static inline void grebe__loop_signal(struct grebe_loop *loop)
{
    uv_async_send(&loop->async);
}

/* The caller is the loop's own thread. */
bool grebe__loop_is_on_thread(struct grebe_loop *loop);
/* That thread: end soon, and then give up a reference that the caller provides. */
void grebe__loop_detach_thread(struct grebe_loop *loop);
void grebe__loop_destroy_attached(struct grebe_loop *loop);

#endif
