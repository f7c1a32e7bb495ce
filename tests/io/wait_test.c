/* SPDX-License-Identifier: Apache-2.0 */
/* Threads and loops: who drives, who sleeps, who is woken. */
#include "support/test.h"

#include <dirent.h>

#include "loop_parts.h"

/* ---- Waiting ---------------------------------------------------------------------- */

static void *wait_at_door(void *arg)
{
    struct doorbell *bell = arg;

    bell->result = grebe__loop_wait(bell->loop, &bell->is_rung, -1);
    return NULL;
}

/* One of them drives, the others sleep; when the driver is done another takes over. */
TEST(every_waiting_thread_is_woken_whoever_drives)
{
    enum { N = 8, N_ROUNDS = 300 };
    struct grebe_loop *loop = new_loop();

    for (unsigned round = 0; round < N_ROUNDS; round++) {
        struct doorbell bells[N];
        pthread_t threads[N];

        for (unsigned i = 0; i < N; i++) {
            bells[i] = (struct doorbell){.task.run = answer_door, .loop = loop};
            threads[i] = spawn(wait_at_door, &bells[i]);
        }
        for (unsigned i = 0; i < N; i++) /* in another order than they came */
            grebe__loop_submit(loop, &bells[(i * 5 + round) % N].task);
        for (unsigned i = 0; i < N; i++) {
            pthread_join(threads[i], NULL);
            assert_int_equal(bells[i].result, GREBE_OK);
        }
    }
    grebe_loop_unref(loop);
}

struct sandglass {
    struct grebe__timer timer;
    struct grebe__task task;
    struct grebe_loop *loop;
    unsigned ms;
    bool is_over;
    int result;
};

static void run_out(struct grebe__timer *timer)
{
    struct sandglass *glass = grebe_container_of(timer, struct sandglass, timer);

    grebe__loop_wake(glass->loop, &glass->is_over);
}

static void turn_over(struct grebe__task *task)
{
    struct sandglass *glass = grebe_container_of(task, struct sandglass, task);
    struct grebe__env *env = &glass->loop->env;

    grebe__timer_init(&glass->timer, run_out);
    grebe__env_start_timer(env, &glass->timer, grebe__env_after(env, glass->ms * MS));
}

static void *watch_glass(void *arg)
{
    struct sandglass *glass = arg;

    grebe__loop_submit(glass->loop, &glass->task);
    glass->result = grebe__loop_wait(glass->loop, &glass->is_over, -1);
    return NULL;
}

/* Nobody comes from outside: if the loop is not driven, time stands still. */
TEST(when_the_driver_has_what_it_wants_another_goes_on)
{
    enum { N = 5 };
    struct grebe_loop *loop = new_loop();
    struct sandglass glasses[N];
    pthread_t threads[N];

    for (unsigned i = 0; i < N; i++) {
        glasses[i] =
            (struct sandglass){.task.run = turn_over, .loop = loop, .ms = 10 + 10 * i};
        threads[i] = spawn(watch_glass, &glasses[i]);
    }
    for (unsigned i = 0; i < N; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(glasses[i].result, GREBE_OK);
    }
    grebe_loop_unref(loop);
}

/* Every caller sends work to the loop and waits for its end, as blocking calls do. */
struct caller {
    struct grebe_loop *loop;
    unsigned n_calls, n_done;
};

static void *call_and_wait(void *arg)
{
    struct caller *self = arg;

    for (unsigned i = 0; i < self->n_calls; i++) {
        struct doorbell bell = {.task.run = answer_door, .loop = self->loop};

        grebe__loop_submit(self->loop, &bell.task);
        if (grebe__loop_wait(self->loop, &bell.is_rung, -1) == GREBE_OK)
            self->n_done++;
    }
    return NULL;
}

static void call_from_many_threads(struct grebe_loop *loop)
{
    enum { N = 4, N_CALLS = 3000 };
    struct caller callers[N];
    pthread_t threads[N];

    for (unsigned i = 0; i < N; i++) {
        callers[i] = (struct caller){.loop = loop, .n_calls = N_CALLS};
        threads[i] = spawn(call_and_wait, &callers[i]);
    }
    for (unsigned i = 0; i < N; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(callers[i].n_done, N_CALLS);
    }
}

TEST(blocking_callers_share_one_loop)
{
    struct grebe_loop *loop = new_loop();

    call_from_many_threads(loop);
    grebe_loop_unref(loop);
}

TEST(blocking_callers_share_a_background_thread)
{
    struct grebe_loop *loop = new_loop();

    assert_int_equal(grebe_loop_start_thread(loop), GREBE_OK);
    call_from_many_threads(loop);
    grebe_loop_unref(loop);
}

TEST(a_remote_call_has_run_when_it_returns)
{
    struct grebe_loop *loop = new_loop();
    unsigned n = 0;

    assert_int_equal(grebe__loop_call(loop, count, &n), GREBE_OK);
    assert_int_equal(n, 1);
    assert_int_equal(grebe_loop_start_thread(loop), GREBE_OK);
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(grebe__loop_call(loop, count, &n), GREBE_OK);
        assert_int_equal(n, 2 + i);
    }
    grebe_loop_unref(loop);
}

TEST(waiting_ends_in_time_driving_or_sleeping)
{
    struct grebe_loop *loop = new_loop();

    expect_timeout(loop, 0);
    expect_timeout(loop, 15);
    assert_int_equal(grebe_loop_start_thread(loop), GREBE_OK);
    nap_ms(5);
    expect_timeout(loop, 0);
    expect_timeout(loop, 15);
    grebe_loop_unref(loop);
}

struct inside {
    struct grebe_loop *loop;
    int wait_result, turn_result;
    bool is_current, is_done;
};

static void try_to_wait_inside(void *arg)
{
    struct inside *inside = arg;
    bool never = false;

    inside->wait_result = grebe__loop_wait(inside->loop, &never, -1);
    inside->turn_result = grebe_loop_turn(inside->loop, 0);
    inside->is_current = grebe__loop_is_current(inside->loop);
    grebe__loop_wake(inside->loop, &inside->is_done);
}

TEST(waiting_inside_a_callback_is_a_deadlock)
{
    struct inside inside = {.loop = new_loop()};

    assert_int_equal(grebe_loop_post(inside.loop, try_to_wait_inside, &inside), GREBE_OK);
    assert_int_equal(grebe__loop_wait(inside.loop, &inside.is_done, -1), GREBE_OK);
    assert_int_equal(inside.wait_result, GREBE_ERR_DEADLOCK);
    assert_int_equal(inside.turn_result, GREBE_ERR_DEADLOCK);
    assert_true(inside.is_current);
    assert_false(grebe__loop_is_current(inside.loop));
    grebe_loop_unref(inside.loop);
}

/* ---- run() and the thread --------------------------------------------------------- */

struct runner {
    struct grebe_loop *loop;
    int result;
};

static void *run_loop(void *arg)
{
    struct runner *runner = arg;

    runner->result = grebe_loop_run(runner->loop);
    return NULL;
}

static void stop_loop(void *arg)
{
    grebe_loop_stop(arg);
}

TEST(run_lasts_until_stop)
{
    struct runner runner = {.loop = new_loop()};
    pthread_t thread = spawn(run_loop, &runner);
    unsigned n = 0;

    while (!load(&runner.loop->is_run))
        nap_ms(1);
    assert_int_equal(grebe_loop_run(runner.loop), GREBE_ERR_BUSY);
    assert_int_equal(grebe_loop_start_thread(runner.loop), GREBE_ERR_BUSY);
    grebe_loop_stop(runner.loop);
    pthread_join(thread, NULL);
    assert_int_equal(runner.result, GREBE_OK);
    /* A stop that comes first is not lost, and one is enough for one run. */
    grebe_loop_stop(runner.loop);
    assert_int_equal(grebe_loop_run(runner.loop), GREBE_OK);
    assert_int_equal(grebe_loop_post(runner.loop, count, &n), GREBE_OK);
    assert_int_equal(grebe_loop_post(runner.loop, stop_loop, runner.loop), GREBE_OK);
    assert_int_equal(grebe_loop_run(runner.loop), GREBE_OK);
    assert_int_equal(n, 1);
    grebe_loop_unref(runner.loop);
}

TEST(a_turn_is_refused_while_another_thread_drives)
{
    struct grebe_loop *loop = new_loop();

    assert_int_equal(grebe_loop_start_thread(loop), GREBE_OK);
    while (grebe_loop_turn(loop, 0) == GREBE_OK)
        nap_ms(1);
    assert_int_equal(grebe_loop_turn(loop, 0), GREBE_ERR_BUSY);
    grebe_loop_stop_thread(loop);
    assert_int_equal(grebe_loop_turn(loop, 0), GREBE_OK);
    grebe_loop_unref(loop);
}

struct thread_note {
    struct grebe_loop *loop;
    pthread_t ran_on;
    bool is_done, unrefs;
};

static void note_thread(void *arg)
{
    struct thread_note *note = arg;

    note->ran_on = pthread_self();
    grebe__loop_wake(note->loop, &note->is_done);
}

TEST(a_thread_can_be_started_stopped_and_started_again)
{
    struct grebe_loop *loop = new_loop();

    for (unsigned i = 0; i < 20; i++) {
        struct thread_note note = {.loop = loop};

        assert_int_equal(grebe_loop_start_thread(loop), GREBE_OK);
        assert_int_equal(grebe_loop_start_thread(loop), GREBE_ERR_BUSY);
        if (i % 2 == 0) {
            assert_int_equal(grebe_loop_post(loop, note_thread, &note), GREBE_OK);
            assert_int_equal(grebe__loop_wait(loop, &note.is_done, -1), GREBE_OK);
        }
        grebe_loop_stop_thread(loop);
        grebe_loop_stop_thread(loop);
    }
    grebe_loop_unref(loop);
}

static bool loop_was_freed;

static void freed(void *ctx, void *ptr)
{
    (void)ctx;
    if (ptr == *(void **)ctx)
        __atomic_store_n(&loop_was_freed, true, __ATOMIC_RELEASE);
    grebe_mem_free(NULL, ptr);
}

static void *allocated(void *ctx, size_t size)
{
    (void)ctx;
    return grebe_mem_alloc(NULL, size);
}

static void *reallocated(void *ctx, void *ptr, size_t size)
{
    (void)ctx;
    return grebe_mem_realloc(NULL, ptr, size);
}

static void give_up_reference(void *arg)
{
    grebe_loop_unref(arg);
}

static void stop_own_thread(void *arg)
{
    grebe_loop_stop_thread(arg);
    grebe_loop_unref(arg);
}

/* The thread that runs a loop may be the one to end it. */
TEST(the_last_reference_may_go_on_the_loops_own_thread)
{
    void (*const ways[])(void *arg) = {give_up_reference, stop_own_thread};

    for (unsigned i = 0; i < 2; i++) {
        void *watched = NULL;
        const struct grebe_mem mem = {
            .alloc = allocated, .realloc = reallocated, .free = freed, .ctx = &watched};
        struct grebe_loop *loop;

        loop_was_freed = false;
        assert_int_equal(grebe_loop_new(&mem, &loop), GREBE_OK);
        watched = loop;
        assert_int_equal(grebe_loop_start_thread(loop), GREBE_OK);
        assert_int_equal(grebe_loop_post(loop, ways[i], loop), GREBE_OK);
        while (!load(&loop_was_freed))
            nap_ms(1);
        nap_ms(1); /* the thread returns */
    }
}

static unsigned count_threads(void)
{
    DIR *folder = opendir("/proc/self/task");
    unsigned n = 0;

    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        n += entry->d_name[0] != '.';
    closedir(folder);
    return n;
}

TEST(no_thread_appears_that_nobody_asked_for)
{
    unsigned n_before = count_threads(); /* a sanitizer may have one of its own */
    struct grebe_loop *loop = new_loop();
    unsigned n = 0;

    assert_int_equal(grebe_loop_post(loop, count, &n), GREBE_OK);
    assert_int_equal(grebe_loop_turn(loop, 0), GREBE_OK);
    expect_timeout(loop, 2);
    assert_int_equal(n, 1);
    assert_int_equal(count_threads(), n_before);
    grebe_loop_unref(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_waiting_thread_is_woken_whoever_drives),
        cmocka_unit_test(when_the_driver_has_what_it_wants_another_goes_on),
        cmocka_unit_test(blocking_callers_share_one_loop),
        cmocka_unit_test(blocking_callers_share_a_background_thread),
        cmocka_unit_test(a_remote_call_has_run_when_it_returns),
        cmocka_unit_test(waiting_ends_in_time_driving_or_sleeping),
        cmocka_unit_test(waiting_inside_a_callback_is_a_deadlock),
        cmocka_unit_test(run_lasts_until_stop),
        cmocka_unit_test(a_turn_is_refused_while_another_thread_drives),
        cmocka_unit_test(a_thread_can_be_started_stopped_and_started_again),
        cmocka_unit_test(the_last_reference_may_go_on_the_loops_own_thread),
        cmocka_unit_test(no_thread_appears_that_nobody_asked_for),
    };

    return cmocka_run_group_tests_name("wait", tests, NULL, NULL);
}
