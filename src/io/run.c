/* SPDX-License-Identifier: Apache-2.0 */
/* Who makes a loop happen: its caller, a waiting thread, a thread of its own, a host. */
#include <signal.h>
#include <time.h>

#include <grebe/attr.h>
#include <grebe/error.h>

#include "base/assert.h"
#include "io/loop.h"

uint64_t grebe_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

int64_t grebe__epoch_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + (int64_t)now.tv_nsec -
           (int64_t)grebe_now_ns();
}

static bool is_set(const bool *flag)
{
    return __atomic_load_n(flag, __ATOMIC_ACQUIRE);
}

static void set(bool *flag)
{
    __atomic_store_n(flag, true, __ATOMIC_RELEASE);
}

static void clear(bool *flag)
{
    __atomic_store_n(flag, false, __ATOMIC_RELEASE);
}

/* True for the one that turned it from `from` to !from. */
static bool flip(bool *flag, bool from)
{
    return __atomic_exchange_n(flag, !from, __ATOMIC_ACQ_REL) == from;
}

/* ---- Driving for a moment --------------------------------------------------------- */

/* Code of the loop is on the stack: it must not wait for itself. */
static bool is_busy(const struct grebe_loop *loop)
{
    return loop->is_inside || loop->env.depth > 0;
}

bool grebe__loop_is_current(const struct grebe_loop *loop)
{
    return grebe__driver_is_me(&loop->driver) && (loop->depth > 0 || is_busy(loop));
}

uint64_t grebe__loop_now_ns(const struct grebe_loop *loop)
{
    /* A host's own callbacks may come long after the last turn of ours. */
    bool is_fresh =
        grebe__driver_is_me(&loop->driver) && (loop->is_own || loop->env.depth > 0);

    return is_fresh ? loop->env.now_ns : grebe_now_ns();
}

bool grebe__loop_try_drive(struct grebe_loop *loop)
{
    if (grebe__loop_is_forked(loop))
        return false;
    if (!grebe__driver_is_me(&loop->driver) && !grebe__driver_acquire(&loop->driver))
        return false;
    if (loop->depth++ == 0 && loop->env.depth == 0) {
        if (loop->is_awake)
            loop->env.now_ns = grebe_now_ns();
        else
            grebe__loop_begin(loop);
        grebe__loop_run_tasks(loop);
    }
    return true;
}

/* A loop of its own has no driver from now on.  What is left to be done waits for the
 * next one; a host that sleeps on the descriptor has to hear of it. */
static void give_up(struct grebe_loop *loop, bool tells_host)
{
    bool is_embedded = is_set(&loop->is_embedded), has_work;

    do {
        grebe__loop_run_tasks(loop);
        loop->has_run = false;
        has_work = grebe__loop_update_idle(loop);
        loop->is_awake = false;
    } while (!grebe__driver_release(&loop->driver, is_embedded));
    if (has_work && is_embedded && tells_host)
        grebe__loop_signal(loop);
}

static void stop_driving(struct grebe_loop *loop, bool tells_host)
{
    GREBE_ASSERT(loop->depth > 0);
    if (--loop->depth > 0)
        return;
    if (loop->is_own) {
        give_up(loop, tells_host);
    } else if (!is_busy(loop)) {
        loop->has_run = false;
        grebe__loop_update_idle(loop);
        grebe__loop_fall_asleep(loop);
    }
}

void grebe__loop_stop_driving(struct grebe_loop *loop)
{
    stop_driving(loop, true);
}

static void run_in_turn(struct grebe_loop *loop, void (*fn)(void *arg), void *arg)
{
    grebe__env_enter(&loop->env);
    fn(arg);
    grebe__env_leave(&loop->env);
}

static void run_task(void *arg)
{
    struct grebe__task *task = arg;

    task->run(task);
}

/* What asks for it may be a policy, in the middle of a turn: then it waits.  So it does
 * behind what was posted before, which is not to be overtaken. */
static bool may_run_now(struct grebe_loop *loop)
{
    return loop->env.depth == 0 && grebe__task_queue_is_empty(&loop->tasks);
}

void grebe__loop_submit(struct grebe_loop *loop, struct grebe__task *task)
{
    if (grebe__loop_try_drive(loop)) {
        if (may_run_now(loop))
            run_in_turn(loop, run_task, task);
        else
            grebe__env_post(&loop->env, task);
        grebe__loop_stop_driving(loop);
    } else if (!grebe__loop_is_forked(loop)) {
        grebe__env_post(&loop->env, task);
    }
}

/* ---- Waiting ---------------------------------------------------------------------- */

/* Ends a sleep in uv_run(). */
struct alarm {
    struct grebe__timer timer;
    bool is_over;
};

static void on_alarm(struct grebe__timer *timer)
{
    grebe_container_of(timer, struct alarm, timer)->is_over = true;
}

static void start_alarm(struct grebe_loop *loop, struct alarm *alarm,
                        uint64_t deadline_ns)
{
    *alarm = (struct alarm){.is_over = deadline_ns <= loop->env.now_ns};
    grebe__timer_init(&alarm->timer, on_alarm);
    if (!alarm->is_over && deadline_ns != UINT64_MAX)
        grebe__env_start_timer(&loop->env, &alarm->timer, deadline_ns);
}

static void drive_once(struct grebe_loop *loop, uv_run_mode mode)
{
    loop->has_run = false;
    loop->is_inside = true;
    uv_run(loop->uv, mode);
    loop->is_inside = false;
}

/* One look at the sockets at least, however little time there is. */
static int drive_until(struct grebe_loop *loop, const bool *flag, uint64_t deadline_ns)
{
    struct alarm alarm;
    bool was_over = false;

    start_alarm(loop, &alarm, deadline_ns);
    grebe__loop_hold(loop);
    while (!is_set(flag) && !was_over) {
        was_over = alarm.is_over;
        drive_once(loop, was_over ? UV_RUN_NOWAIT : UV_RUN_ONCE);
    }
    grebe__loop_unhold(loop);
    grebe__timer_cancel(&alarm.timer);
    return is_set(flag) ? GREBE_OK : GREBE_ERR_TIMEOUT;
}

/* `is_first`: before other threads that want to drive. */
static int wait_until(struct grebe_loop *loop, const bool *flag, uint64_t deadline_ns,
                      bool is_first)
{
    for (;;) {
        if (grebe__loop_try_drive(loop)) {
            int result = drive_until(loop, flag, deadline_ns);

            grebe__loop_stop_driving(loop);
            return result;
        }
        switch (grebe__driver_park(&loop->driver, flag, deadline_ns, is_first)) {
        case GREBE__PARKING_DONE:
            return GREBE_OK;
        case GREBE__PARKING_TIMED_OUT:
            return GREBE_ERR_TIMEOUT;
        case GREBE__PARKING_TRY:
            is_first = true; /* it has waited before those who came since */
            break;
        }
    }
}

int grebe__loop_wait(struct grebe_loop *loop, const bool *flag, int64_t timeout_ns)
{
    uint64_t deadline_ns;
    int result;

    if (grebe__loop_is_forked(loop))
        return GREBE_ERR_FORKED;
    if (is_set(flag))
        return GREBE_OK;
    if (grebe__driver_is_me(&loop->driver) && is_busy(loop))
        return GREBE_ERR_DEADLOCK;
    deadline_ns = timeout_ns < 0 ? UINT64_MAX : grebe_now_ns() + (uint64_t)timeout_ns;
    grebe_loop_ref(loop); /* a callback may give up all others */
    result = wait_until(loop, flag, deadline_ns, false);
    grebe_loop_unref(loop);
    return result;
}

void grebe__loop_wake(struct grebe_loop *loop, bool *flag)
{
    set(flag);
    grebe__driver_unpark(&loop->driver, flag);
}

/* ---- On behalf of other threads --------------------------------------------------- */

struct remote_call {
    struct grebe__task task;
    struct grebe_loop *loop;
    void (*fn)(void *arg);
    void *arg;
    bool is_done;
};

static void run_remote_call(struct grebe__task *task)
{
    struct remote_call *call = grebe_container_of(task, struct remote_call, task);

    call->fn(call->arg);
    grebe__loop_wake(call->loop, &call->is_done);
}

int grebe__loop_call(struct grebe_loop *loop, void (*fn)(void *arg), void *arg)
{
    struct remote_call call = {
        .task = {.run = run_remote_call}, .loop = loop, .fn = fn, .arg = arg};

    if (grebe__loop_is_forked(loop))
        return GREBE_ERR_FORKED;
    if (grebe__loop_try_drive(loop)) {
        run_in_turn(loop, fn, arg);
        grebe__loop_stop_driving(loop);
        return GREBE_OK;
    }
    grebe__env_post(&loop->env, &call.task);
    return grebe__loop_wait(loop, &call.is_done, -1);
}

/* A function of the application, which runs outside of turns like its other callbacks. */
struct posted {
    struct grebe__task task;
    struct grebe__effect effect;
    struct grebe_loop *loop;
    void (*fn)(void *arg);
    void *arg;
};

static void run_posted(struct grebe__effect *effect)
{
    struct posted *posted = grebe_container_of(effect, struct posted, effect);
    void (*fn)(void *arg) = posted->fn;
    void *arg = posted->arg;

    grebe_mem_free(posted->loop->mem, posted);
    fn(arg);
}

static void take_posted(struct grebe__task *task)
{
    struct posted *posted = grebe_container_of(task, struct posted, task);

    grebe__env_finish(&posted->loop->env, &posted->effect);
}

int grebe_loop_post(struct grebe_loop *loop, void (*fn)(void *arg), void *arg)
{
    struct posted *posted;

    if (grebe__loop_is_forked(loop))
        return GREBE_ERR_FORKED;
    posted = grebe_mem_alloc(loop->mem, sizeof *posted);
    if (posted == NULL)
        return GREBE_ERR_NOMEM;
    *posted =
        (struct posted){.task = {.run = take_posted}, .loop = loop, .fn = fn, .arg = arg};
    grebe__effect_init(&posted->effect, run_posted);
    grebe__env_post(&loop->env, &posted->task);
    return GREBE_OK;
}

/* ---- run(), and the thread that does nothing else --------------------------------- */

/* Those who wait for *flag go on, wherever they are. */
static void raise_flag(struct grebe_loop *loop, bool *flag)
{
    grebe__loop_wake(loop, flag);
    if (grebe__driver_announce(&loop->driver))
        grebe__loop_signal(loop);
}

int grebe_loop_run(struct grebe_loop *loop)
{
    int result;

    if (grebe__loop_is_forked(loop))
        return GREBE_ERR_FORKED;
    if (!loop->is_own || !flip(&loop->is_run, false))
        return GREBE_ERR_BUSY;
    result = grebe__loop_wait(loop, &loop->is_stopped, -1);
    if (result == GREBE_OK)
        clear(&loop->is_stopped);
    clear(&loop->is_run);
    return result;
}

void grebe_loop_stop(struct grebe_loop *loop)
{
    if (!grebe__loop_is_forked(loop))
        raise_flag(loop, &loop->is_stopped);
}

static void *thread_main(void *arg)
{
    struct grebe_loop *loop = arg;

    wait_until(loop, &loop->is_thread_over, UINT64_MAX, true);
    clear(&loop->is_run);
    if (loop->is_thread_detached)
        grebe_loop_unref(loop);
    return NULL;
}

/* Signals are for the application's threads. */
static int create_thread(struct grebe_loop *loop)
{
    sigset_t all, before;
    int error;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&loop->thread, NULL, thread_main, loop);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error == 0 ? GREBE_OK : GREBE_ERR_SYSTEM;
}

int grebe_loop_start_thread(struct grebe_loop *loop)
{
    int result;

    if (grebe__loop_is_forked(loop))
        return GREBE_ERR_FORKED;
    if (!loop->is_own || !flip(&loop->is_run, false))
        return GREBE_ERR_BUSY;
    clear(&loop->is_thread_over);
    loop->is_thread_detached = false;
    result = create_thread(loop);
    if (result == GREBE_OK)
        set(&loop->has_thread);
    else
        clear(&loop->is_run);
    return result;
}

bool grebe__loop_is_on_thread(struct grebe_loop *loop)
{
    return is_set(&loop->has_thread) && pthread_equal(pthread_self(), loop->thread);
}

/* A thread cannot wait for itself: it goes on without anybody, and gives up a reference
 * when it is back in thread_main(). */
void grebe__loop_detach_thread(struct grebe_loop *loop)
{
    clear(&loop->has_thread);
    loop->is_thread_detached = true;
    pthread_detach(loop->thread);
    raise_flag(loop, &loop->is_thread_over);
}

void grebe_loop_stop_thread(struct grebe_loop *loop)
{
    if (grebe__loop_is_forked(loop))
        return;
    if (grebe__loop_is_on_thread(loop)) {
        grebe__loop_detach_thread(grebe_loop_ref(loop));
    } else if (flip(&loop->has_thread, true)) {
        raise_flag(loop, &loop->is_thread_over);
        pthread_join(loop->thread, NULL);
    }
}

/* ---- Embedding -------------------------------------------------------------------- */

int grebe_loop_fd(const struct grebe_loop *loop)
{
    set(&loop->self->is_embedded);
    return uv_backend_fd(loop->uv);
}

/* A thread that drives meanwhile tells with the descriptor what it leaves behind. */
int grebe_loop_timeout_ms(const struct grebe_loop *loop)
{
    struct grebe_loop *self = loop->self;
    int timeout_ms;

    if (!grebe__loop_try_drive(self))
        return -1;
    grebe__loop_update_idle(self);
    uv_update_time(self->uv);
    timeout_ms = uv_backend_timeout(self->uv);
    stop_driving(self, timeout_ms != 0);
    return timeout_ms;
}

int grebe_loop_turn(struct grebe_loop *loop, int timeout_ms)
{
    struct alarm alarm;

    if (grebe__loop_is_forked(loop))
        return GREBE_ERR_FORKED;
    if (grebe__driver_is_me(&loop->driver) && is_busy(loop))
        return GREBE_ERR_DEADLOCK;
    if (!grebe__loop_try_drive(loop))
        return GREBE_ERR_BUSY;
    grebe_loop_ref(loop);
    start_alarm(loop, &alarm,
                timeout_ms < 0
                    ? UINT64_MAX
                    : grebe__env_after(&loop->env, (uint64_t)timeout_ms * 1000000));
    grebe__loop_hold(loop);
    drive_once(loop, timeout_ms == 0 ? UV_RUN_NOWAIT : UV_RUN_ONCE);
    grebe__loop_unhold(loop);
    grebe__timer_cancel(&alarm.timer);
    stop_driving(loop, false);
    grebe_loop_unref(loop);
    return GREBE_OK;
}
