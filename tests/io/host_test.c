/* SPDX-License-Identifier: Apache-2.0 */
/* Loops inside of other loops: a host polls a descriptor, or has a uv_loop_t. */
#include "support/test.h"

#include <sys/epoll.h>
#include <uv.h>

#include "loop_parts.h"
#include "support/mem.h"

/* ---- A host's poll() -------------------------------------------------------------- */

struct host {
    struct grebe_loop *loop;
    int epoll;
    unsigned n_turns;
};

static struct host new_host(void)
{
    struct host host = {.loop = new_loop(), .epoll = epoll_create1(EPOLL_CLOEXEC)};
    struct epoll_event event = {.events = EPOLLIN};

    assert_true(host.epoll >= 0);
    assert_int_equal(
        epoll_ctl(host.epoll, EPOLL_CTL_ADD, grebe_loop_fd(host.loop), &event), 0);
    return host;
}

/* As a host would: sleep no longer than the loop allows, then give it a turn. */
static void host_until(struct host *host, const bool *flag)
{
    uint64_t give_up_ns = grebe_now_ns() + 5000 * MS;

    while (!load(flag)) {
        struct epoll_event event;
        int timeout_ms = grebe_loop_timeout_ms(host->loop);

        if (timeout_ms < 0)
            timeout_ms = 6000; /* a lost wake-up shows as a failure */
        (void)epoll_wait(host->epoll, &event, 1, timeout_ms);
        assert_int_equal(grebe_loop_turn(host->loop, 0), GREBE_OK);
        host->n_turns++;
        assert_true(grebe_now_ns() < give_up_ns);
    }
}

static void free_host(struct host *host)
{
    close(host->epoll);
    grebe_loop_unref(host->loop);
}

TEST(a_host_is_told_when_a_timer_is_due)
{
    struct host host = new_host();
    unsigned n_rung = 0;
    bool is_rung = false;
    struct chime chime = {.loop = host.loop, .n_rung = &n_rung, .is_last = &is_rung};
    uint64_t started_ns;

    assert_int_equal(grebe_loop_turn(host.loop, 0), GREBE_OK);
    assert_int_equal(grebe_loop_timeout_ms(host.loop), -1);
    nap_ms(400); /* libuv's idea of the time is old now */
    assert_true(grebe__loop_try_drive(host.loop));
    started_ns = grebe_now_ns();
    grebe__timer_init(&chime.timer, ring);
    grebe__env_start_timer(&host.loop->env, &chime.timer,
                           grebe__env_after(&host.loop->env, 30 * MS));
    grebe__loop_stop_driving(host.loop);
    host_until(&host, &is_rung);
    assert_in_range(chime.rang_ns - started_ns, 29 * MS, 300 * MS);
    assert_in_range(host.n_turns, 1, 6);
    free_host(&host);
}

/* The host was away; what the timer has left is counted from now. */
TEST(a_host_that_was_busy_is_told_what_is_left)
{
    struct host host = new_host();
    unsigned n_rung = 0;
    struct chime chime = {.loop = host.loop, .n_rung = &n_rung};

    assert_true(grebe__loop_try_drive(host.loop));
    grebe__timer_init(&chime.timer, ring);
    grebe__env_start_timer(&host.loop->env, &chime.timer,
                           grebe__env_after(&host.loop->env, 10 * SECOND));
    grebe__loop_stop_driving(host.loop);
    assert_int_equal(grebe_loop_turn(host.loop, 0), GREBE_OK);
    assert_in_range(grebe_loop_timeout_ms(host.loop), 9800, 10001);
    nap_ms(300);
    assert_in_range(grebe_loop_timeout_ms(host.loop), 8000, 9701);
    grebe__timer_cancel(&chime.timer);
    free_host(&host);
}

static void *start_chime(void *arg)
{
    struct chime *chime = arg;
    struct grebe__env *env = &chime->loop->env;

    nap_ms(20); /* the host sleeps */
    assert_true(grebe__loop_try_drive(chime->loop));
    grebe__timer_init(&chime->timer, ring);
    grebe__env_start_timer(env, &chime->timer, grebe__env_after(env, 10 * MS));
    grebe__loop_stop_driving(chime->loop);
    return NULL;
}

TEST(a_host_learns_of_a_timer_that_another_thread_started)
{
    struct host host = new_host();
    unsigned n_rung = 0;
    bool is_rung = false;
    struct chime chime = {.loop = host.loop, .n_rung = &n_rung, .is_last = &is_rung};
    pthread_t thread;

    assert_int_equal(grebe_loop_turn(host.loop, 0), GREBE_OK);
    thread = spawn(start_chime, &chime);
    host_until(&host, &is_rung);
    pthread_join(thread, NULL);
    free_host(&host);
}

struct stranger {
    struct grebe_loop *loop;
    struct grebe__effect completion;
    bool is_done;
};

static void finish_stranger(struct grebe__effect *effect)
{
    struct stranger *stranger = grebe_container_of(effect, struct stranger, completion);

    grebe__loop_wake(stranger->loop, &stranger->is_done);
}

/* It drives for a moment itself, because the host sleeps, and leaves work behind. */
static void *leave_work(void *arg)
{
    struct stranger *stranger = arg;

    nap_ms(10);
    grebe__effect_init(&stranger->completion, finish_stranger);
    while (!grebe__loop_try_drive(stranger->loop))
        nap_ms(1);
    grebe__env_finish(&stranger->loop->env, &stranger->completion);
    grebe__loop_stop_driving(stranger->loop);
    return NULL;
}

TEST(a_host_is_woken_by_work_that_another_thread_left)
{
    for (unsigned i = 0; i < 10; i++) {
        struct host host = new_host();
        struct stranger stranger = {.loop = host.loop};
        pthread_t thread = spawn(leave_work, &stranger);

        host_until(&host, &stranger.is_done);
        pthread_join(thread, NULL);
        free_host(&host);
    }
}

static void *post_from_afar(void *arg)
{
    struct doorbell *bell = arg;

    nap_ms(10);
    grebe__env_post(&bell->loop->env, &bell->task);
    return NULL;
}

TEST(a_host_is_woken_by_posted_tasks)
{
    for (unsigned i = 0; i < 10; i++) {
        struct host host = new_host();
        struct doorbell bell = {.task.run = answer_door, .loop = host.loop};
        pthread_t thread = spawn(post_from_afar, &bell);

        host_until(&host, &bell.is_rung);
        pthread_join(thread, NULL);
        free_host(&host);
    }
}

TEST(a_turn_waits_no_longer_than_it_may)
{
    struct grebe_loop *loop = new_loop();
    uint64_t before_ns = grebe_now_ns();

    assert_int_equal(grebe_loop_turn(loop, 15), GREBE_OK);
    assert_in_range(grebe_now_ns() - before_ns, 15 * MS, 500 * MS);
    grebe_loop_unref(loop);
}

/* ---- A host's uv_run() ------------------------------------------------------------ */

struct guest {
    uv_loop_t uv;
    struct test_mem mem;
    struct grebe_loop *loop;
};

static void attach(struct guest *guest)
{
    assert_int_equal(uv_loop_init(&guest->uv), 0);
    assert_int_equal(
        grebe_loop_attach(&guest->uv, test_mem_init(&guest->mem), &guest->loop),
        GREBE_OK);
}

static void detach(struct guest *guest)
{
    grebe_loop_unref(guest->loop);
    uv_run(&guest->uv, UV_RUN_DEFAULT);
    assert_int_equal(guest->mem.n_live, 0);
    assert_int_equal(uv_loop_close(&guest->uv), 0);
}

TEST(an_attached_loop_lets_uv_run_return_when_idle)
{
    struct guest guest;

    attach(&guest);
    assert_int_equal(uv_run(&guest.uv, UV_RUN_DEFAULT), 0);
    assert_false(grebe__loop_is_current(guest.loop)); /* one may wait here */
    assert_int_equal(grebe_loop_run(guest.loop), GREBE_ERR_BUSY);
    assert_int_equal(grebe_loop_start_thread(guest.loop), GREBE_ERR_BUSY);
    detach(&guest);
}

struct flight {
    struct grebe__timer timer;
    struct grebe__env *env;
    bool has_landed;
};

static void land(struct grebe__timer *timer)
{
    struct flight *flight = grebe_container_of(timer, struct flight, timer);

    grebe__env_release(flight->env);
    grebe__loop_wake(grebe__loop_of_env(flight->env), &flight->has_landed);
}

static void take_off(struct flight *flight, struct grebe_loop *loop)
{
    *flight = (struct flight){.env = &loop->env};
    assert_true(grebe__loop_try_drive(loop));
    grebe__timer_init(&flight->timer, land);
    grebe__env_hold(&loop->env);
    grebe__env_start_timer(&loop->env, &flight->timer,
                           grebe__env_after(&loop->env, 10 * MS));
    grebe__loop_stop_driving(loop);
}

TEST(an_attached_loop_keeps_uv_run_going_while_something_is_in_flight)
{
    struct guest guest;
    struct flight flight;

    attach(&guest);
    take_off(&flight, guest.loop);
    uv_run(&guest.uv, UV_RUN_DEFAULT);
    assert_true(flight.has_landed);
    detach(&guest);
}

TEST(waiting_on_an_attached_loop_runs_it)
{
    struct guest guest;
    struct flight flight;

    attach(&guest);
    take_off(&flight, guest.loop);
    assert_int_equal(grebe__loop_wait(guest.loop, &flight.has_landed, -1), GREBE_OK);
    assert_true(flight.has_landed);
    expect_timeout(guest.loop, 5); /* nothing in flight, and yet it waits */
    detach(&guest);
}

/* A callback of the host's own: what it starts must not wait for the next event. */
static void on_uv_timer(uv_timer_t *timer)
{
    struct stranger *stranger = timer->data;

    assert_true(grebe__loop_try_drive(stranger->loop));
    grebe__env_finish(&stranger->loop->env, &stranger->completion);
    grebe__loop_stop_driving(stranger->loop);
    uv_close((uv_handle_t *)timer, NULL);
}

TEST(work_of_the_hosts_callbacks_is_done_before_the_next_sleep)
{
    struct guest guest;
    struct stranger stranger;
    uv_timer_t timer;

    attach(&guest);
    stranger = (struct stranger){.loop = guest.loop};
    grebe__effect_init(&stranger.completion, finish_stranger);
    uv_timer_init(&guest.uv, &timer);
    timer.data = &stranger;
    uv_timer_start(&timer, on_uv_timer, 5, 0);
    uv_run(&guest.uv, UV_RUN_DEFAULT);
    assert_true(stranger.is_done);
    detach(&guest);
}

static void do_nothing(uv_idle_t *idle)
{
    (void)idle;
}

TEST(a_foreign_thread_reaches_an_attached_loop)
{
    struct guest guest;
    struct doorbell bell;
    pthread_t thread;

    attach(&guest);
    grebe__loop_hold(guest.loop); /* what uv_run() waits for is none of its business */
    bell = (struct doorbell){.task.run = answer_door, .loop = guest.loop};
    thread = spawn(post_from_afar, &bell);
    while (!load(&bell.is_rung))
        uv_run(&guest.uv, UV_RUN_ONCE);
    pthread_join(thread, NULL);
    grebe__loop_unhold(guest.loop);
    detach(&guest);
}

static void *give_up_from_afar(void *arg)
{
    grebe_loop_unref(arg);
    return NULL;
}

TEST(an_attached_loop_may_lose_its_last_reference_on_another_thread)
{
    struct guest guest;
    uv_idle_t busy;
    pthread_t thread;

    attach(&guest);
    uv_idle_init(&guest.uv, &busy);
    uv_idle_start(&busy, do_nothing);
    thread = spawn(give_up_from_afar, guest.loop);
    while (guest.mem.n_live > 0)
        uv_run(&guest.uv, UV_RUN_ONCE);
    pthread_join(thread, NULL);
    uv_close((uv_handle_t *)&busy, NULL);
    uv_run(&guest.uv, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&guest.uv), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_is_told_when_a_timer_is_due),
        cmocka_unit_test(a_host_that_was_busy_is_told_what_is_left),
        cmocka_unit_test(a_host_learns_of_a_timer_that_another_thread_started),
        cmocka_unit_test(a_host_is_woken_by_work_that_another_thread_left),
        cmocka_unit_test(a_host_is_woken_by_posted_tasks),
        cmocka_unit_test(a_turn_waits_no_longer_than_it_may),
        cmocka_unit_test(an_attached_loop_lets_uv_run_return_when_idle),
        cmocka_unit_test(
            an_attached_loop_keeps_uv_run_going_while_something_is_in_flight),
        cmocka_unit_test(waiting_on_an_attached_loop_runs_it),
        cmocka_unit_test(work_of_the_hosts_callbacks_is_done_before_the_next_sleep),
        cmocka_unit_test(a_foreign_thread_reaches_an_attached_loop),
        cmocka_unit_test(an_attached_loop_may_lose_its_last_reference_on_another_thread),
    };

    return cmocka_run_group_tests_name("host", tests, NULL, NULL);
}
