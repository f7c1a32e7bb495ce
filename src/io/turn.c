/* SPDX-License-Identifier: Apache-2.0 */
/* What happens in one iteration of uv_run(): the picture is in io/loop.h. */
#include <grebe/attr.h>

#include "base/assert.h"
#include "io/loop.h"

enum {
    /* Work that causes work is done in rounds; what is left after these waits until the
     * sockets have been looked at. */
    MAX_ROUNDS = 4,
    MAX_COMPLETION_ROUNDS = 16,
    MAX_TASKS = 1024,
};

/* ---- Tasks ------------------------------------------------------------------------ */

static void post(struct grebe__env *env, struct grebe__task *task)
{
    struct grebe_loop *loop = grebe__loop_of_env(env);

    grebe__task_queue_push(&loop->tasks, task);
    if (grebe__driver_announce(&loop->driver))
        grebe__loop_signal(loop);
}

static void submit(struct grebe__env *env, struct grebe__task *task)
{
    grebe__loop_submit(grebe__loop_of_env(env), task);
}

void grebe__loop_run_tasks(struct grebe_loop *loop)
{
    struct grebe__task *task;
    unsigned n = 0;

    if (!grebe__driver_take_news(&loop->driver))
        return;
    loop->has_run = true;
    while ((task = grebe__task_queue_pop(&loop->tasks)) != NULL) {
        grebe__env_enter(&loop->env);
        task->run(task);
        grebe__env_leave(&loop->env);
        if (++n == MAX_TASKS) {
            grebe__driver_announce(&loop->driver); /* there may be more */
            return;
        }
    }
}

/* ---- Timers ----------------------------------------------------------------------- */

/* libuv counts milliseconds on the same clock: round up, so that it never fires early. */
static void arm(struct grebe_loop *loop, uint64_t next_ns)
{
    uint64_t due_ms = next_ns / 1000000 + (next_ns % 1000000 != 0);
    uint64_t now_ms = uv_now(loop->uv);

    if (next_ns >= loop->armed_ns || loop->is_closing)
        return;
    loop->armed_ns = next_ns;
    uv_timer_start(&loop->timer, grebe__loop_on_timer,
                   due_ms > now_ms ? due_ms - now_ms : 0, 0);
    grebe__loop_stir(loop);
}

static void rearm(struct grebe__env *env, uint64_t next_ns)
{
    arm(grebe__loop_of_env(env), next_ns);
}

static void run_timers(struct grebe_loop *loop)
{
    loop->has_run = true;
    grebe__env_run_timers(&loop->env);
    arm(loop, grebe__wheel_next_ns(&loop->env.wheel));
}

/* ---- Staying alive ---------------------------------------------------------------- */

void grebe__loop_hold(struct grebe_loop *loop)
{
    if (loop->n_holds++ == 0)
        uv_ref((uv_handle_t *)&loop->async);
}

void grebe__loop_unhold(struct grebe_loop *loop)
{
    GREBE_ASSERT(loop->n_holds > 0);
    if (--loop->n_holds == 0)
        uv_unref((uv_handle_t *)&loop->async);
}

static void set_active(struct grebe__env *env, bool is_active)
{
    struct grebe_loop *loop = grebe__loop_of_env(env);

    if (is_active)
        grebe__loop_hold(loop);
    else
        grebe__loop_unhold(loop);
}

static void wake(struct grebe__env *env, bool *flag)
{
    grebe__loop_wake(grebe__loop_of_env(env), flag);
}

const struct grebe__executor_ops grebe__loop_executor = {
    .post = post,
    .submit = submit,
    .rearm = rearm,
    .set_active = set_active,
    .wake = wake,
};

/* ---- Settling --------------------------------------------------------------------- */

void grebe__loop_want_write(struct grebe_loop *loop, struct grebe__writer *writer)
{
    if (!grebe__list_is_linked(&writer->link))
        grebe__list_append(&loop->writers, &writer->link);
}

/* Writers that want to go on have another go in the next round. */
static void write_all(struct grebe_loop *loop)
{
    struct grebe__list now, *link;

    grebe__list_init(&now);
    grebe__list_splice(&now, &loop->writers);
    while ((link = grebe__list_shift(&now)) != NULL) {
        struct grebe__writer *writer =
            grebe_container_of(link, struct grebe__writer, link);

        grebe__env_enter(&loop->env);
        writer->write(writer);
        grebe__env_leave(&loop->env);
    }
}

static bool owes_completions(const struct grebe_loop *loop)
{
    return !grebe__list_is_empty(&loop->env.completions);
}

static bool has_work(const struct grebe_loop *loop)
{
    return grebe__driver_has_news(&loop->driver) || owes_completions(loop) ||
           !grebe__list_is_empty(&loop->writers);
}

/* The application's callbacks come before the writes: the calls that they start leave
 * together with everything else. */
void grebe__loop_settle(struct grebe_loop *loop)
{
    for (unsigned round = 0; round < MAX_ROUNDS && has_work(loop); round++) {
        grebe__loop_run_tasks(loop);
        for (unsigned n = 0; n < MAX_COMPLETION_ROUNDS && owes_completions(loop); n++) {
            loop->has_run = true;
            grebe__env_complete(&loop->env);
        }
        write_all(loop);
    }
}

bool grebe__loop_update_idle(struct grebe_loop *loop)
{
    bool is_busy = has_work(loop) || loop->is_stirred || loop->has_run || loop->is_doomed;

    if (loop->is_closing)
        return false;
    if (is_busy)
        uv_idle_start(&loop->idle, grebe__loop_on_idle);
    else
        uv_idle_stop(&loop->idle);
    return is_busy;
}

/* ---- libuv's callbacks ------------------------------------------------------------ */

bool grebe__loop_begin(struct grebe_loop *loop)
{
    if (grebe__loop_is_forked(loop))
        return false;
    if (!loop->is_awake) {
        loop->is_awake = true;
        grebe__driver_wake(&loop->driver);
        loop->env.now_ns = grebe_now_ns();
    }
    return true;
}

/* News that came before this has the next sleep end at once. */
void grebe__loop_fall_asleep(struct grebe_loop *loop)
{
    loop->is_awake = false;
    if (!grebe__driver_sleep(&loop->driver)) {
        loop->is_awake = true;
        uv_idle_start(&loop->idle, grebe__loop_on_idle);
    }
}

void grebe__loop_on_prepare(uv_prepare_t *handle)
{
    struct grebe_loop *loop = grebe_container_of(handle, struct grebe_loop, prepare);

    if (!grebe__loop_begin(loop))
        return;
    loop->is_inside = true;
    grebe__loop_settle(loop);
    /* Whoever called uv_run() may have waited for something that has just happened: let
     * it look before a long sleep. */
    loop->is_stirred = false;
    grebe__loop_update_idle(loop);
    grebe__loop_fall_asleep(loop);
}

void grebe__loop_on_check(uv_check_t *handle)
{
    struct grebe_loop *loop = grebe_container_of(handle, struct grebe_loop, check);

    if (!grebe__loop_begin(loop))
        return;
    grebe__loop_settle(loop);
    loop->has_run = false;
    grebe__loop_update_idle(loop);
    if (loop->is_own)
        return;
    /* uv_run() may return to the host now, and nobody knows when it is called again. */
    loop->is_inside = false;
    grebe__loop_fall_asleep(loop);
    if (loop->is_doomed)
        grebe__loop_destroy_attached(loop);
}

void grebe__loop_on_async(uv_async_t *handle)
{
    grebe__loop_begin(grebe_container_of(handle, struct grebe_loop, async));
}

void grebe__loop_on_timer(uv_timer_t *handle)
{
    struct grebe_loop *loop = grebe_container_of(handle, struct grebe_loop, timer);
    bool was_inside = loop->is_inside;

    if (!grebe__loop_begin(loop))
        return;
    loop->is_inside = true;
    loop->env.now_ns = grebe_now_ns(); /* time has passed since the sockets had theirs */
    loop->armed_ns = UINT64_MAX;
    run_timers(loop);
    loop->is_inside = was_inside;
}

/* Being active is all that the idle handle is for: the next sleep then lasts no time. */
void grebe__loop_on_idle(uv_idle_t *handle)
{
    (void)handle;
}

/* ---- For connections and lookups -------------------------------------------------- */

struct grebe__loop_buffers *grebe__loop_buffers(struct grebe_loop *loop)
{
    if (loop->buffers == NULL)
        loop->buffers = grebe_mem_alloc(loop->mem, sizeof *loop->buffers);
    return loop->buffers;
}
