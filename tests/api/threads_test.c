/* SPDX-License-Identifier: Apache-2.0 */
/* Calls from many threads at once, on real sockets.  Under ThreadSanitizer this is the
 * proof that started, cancelled and waited for from any thread means what it says. */
#include "api/backend.h"

#include <dirent.h>
#include <pthread.h>
#include <unistd.h>

enum { THREADS = 4, CALLS = 150 };

static struct process backend;
static struct grebe_channel *channel;

static void run_in_threads(void *(*fn)(void *arg))
{
    pthread_t threads[THREADS];

    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, fn, (void *)i), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

static int n_threads_of_process(void)
{
    DIR *tasks = opendir("/proc/self/task");
    int n = 0;

    while (readdir(tasks) != NULL)
        n++;
    closedir(tasks);
    return n - 2; /* "." and ".." */
}

/* ---- Blocking calls --------------------------------------------------------------------- */

static int most_threads; /* atomic */

static void *call_blocking(void *arg)
{
    for (int i = 0; i < CALLS; i++) {
        char text[32];
        struct client_request request = {.method = "/s/m", .message = text};
        struct grebe_call *call;
        int n;

        request.message_length =
            (size_t)snprintf(text, sizeof text, "%zu:%d", (size_t)arg, i);
        call = client_call(channel, &request);
        client_expect_text(call, text);
        grebe_call_unref(call);
        n = n_threads_of_process();
        if (n > __atomic_load_n(&most_threads, __ATOMIC_RELAXED))
            __atomic_store_n(&most_threads, n, __ATOMIC_RELAXED);
    }
    return NULL;
}

static void *do_nothing(void *arg)
{
    return arg;
}

/* One of them drives, the others sleep; no thread was made for it. */
TEST(threads_share_the_work_of_a_loop_that_nobody_runs)
{
    int before;

    run_in_threads(
        do_nothing); /* a sanitizer starts a thread of its own with the first */
    before = n_threads_of_process();
    channel = backend_open(&backend, NULL);
    most_threads = 0;
    run_in_threads(call_blocking);
    assert_true(most_threads <= before + THREADS);
    grebe_channel_destroy(channel);
    assert_int_equal(n_threads_of_process(), before);
}

TEST(threads_call_while_another_runs_the_loop)
{
    struct grebe_loop *loop;

    assert_int_equal(grebe_loop_new(NULL, &loop), GREBE_OK);
    assert_int_equal(grebe_loop_start_thread(loop), GREBE_OK);
    channel = backend_open(&backend, loop);
    run_in_threads(call_blocking);
    grebe_channel_destroy(channel);
    grebe_loop_unref(loop);
}

/* ---- Asynchronous calls, cancelled here and there --------------------------------------------- */

static unsigned n_done, n_cancelled; /* atomic */

static void on_done(void *arg, struct grebe_call *call)
{
    bool *is_done = arg;
    int code = grebe_call_status(call)->code;

    assert_false(*is_done); /* once */
    *is_done = true;
    assert_true(code == GREBE_STATUS_OK || code == GREBE_STATUS_CANCELLED);
    __atomic_add_fetch(code == GREBE_STATUS_OK ? &n_done : &n_cancelled, 1,
                       __ATOMIC_RELAXED);
}

static void *call_and_cancel(void *arg)
{
    static const char text[] = "hello";
    struct client_request request = {
        .method = "/s/m", .message = text, .message_length = 5};
    struct grebe_call *calls[CALLS];
    static bool flags[THREADS][CALLS];
    size_t index = (size_t)arg;

    for (size_t i = 0; i < CALLS; i++) {
        flags[index][i] = false;
        calls[i] = client_start(channel, &request, on_done, &flags[index][i]);
        if (i % 3 == index % 3)
            grebe_call_cancel(calls[i]);
        if (i % 7 == 0)
            grebe_call_cancel(calls[i / 2]);
    }
    for (size_t i = 0; i < CALLS; i++) {
        assert_int_equal(grebe_call_wait(calls[i], -1), GREBE_OK);
        assert_true(grebe_call_is_done(calls[i]));
        grebe_call_unref(calls[i]);
    }
    return NULL;
}

TEST(every_call_is_done_once_whoever_cancels_it)
{
    channel = backend_open(&backend, NULL);
    n_done = n_cancelled = 0;
    run_in_threads(call_and_cancel);
    /* Destroying waits for what is still owed to the application. */
    grebe_channel_destroy(channel);
    assert_int_equal(n_done + n_cancelled, THREADS * CALLS);
    assert_true(n_cancelled > 0);
}

/* ---- Waiting ------------------------------------------------------------------------------------- */

static struct grebe_call *shared;

static void *wait_for_shared(void *arg)
{
    (void)arg;
    assert_int_equal(grebe_call_wait(shared, 1000000), GREBE_ERR_TIMEOUT);
    assert_int_equal(grebe_call_wait(shared, -1), GREBE_OK);
    assert_int_equal(grebe_call_status(shared)->code, GREBE_STATUS_OK);
    return NULL;
}

TEST(many_threads_may_wait_for_one_call)
{
    struct client_request request = {
        .method = "/s/m", .message = "", .message_length = 0};
    struct process slow;

    backend_start(&slow, "100ms");
    channel = backend_open(&slow, NULL);
    shared = client_start(channel, &request, NULL, NULL);
    run_in_threads(wait_for_shared);
    grebe_call_unref(shared);
    grebe_channel_destroy(channel);
    process_kill(&slow);
}

static void *wait_until_ready(void *arg)
{
    enum grebe_connectivity state;

    (void)arg;
    grebe_channel_connect(channel);
    while ((state = grebe_channel_state(channel)) != GREBE_READY)
        assert_int_equal(
            grebe_channel_wait_for_state_change(channel, state, 20000 * CLIENT_MS),
            GREBE_OK);
    assert_int_equal(grebe_channel_wait_for_state_change(channel, GREBE_READY, 1000000),
                     GREBE_ERR_TIMEOUT);
    assert_int_equal(grebe_channel_wait_for_state_change(channel, GREBE_IDLE, 0),
                     GREBE_OK); /* it is not IDLE any more: at once */
    return NULL;
}

/* CH-12 */
TEST(many_threads_may_wait_for_a_state)
{
    channel = backend_open(&backend, NULL);
    run_in_threads(wait_until_ready);
    grebe_channel_destroy(channel);
}

struct watch {
    int n_ready, n_shutdown, n_after; /* what it heard; after it left */
    bool has_left;
};

static void note_state(void *arg, enum grebe_connectivity state)
{
    struct watch *watch = arg;

    watch->n_ready += state == GREBE_READY;
    watch->n_shutdown += state == GREBE_SHUTDOWN;
    watch->n_after += watch->has_left;
}

static void *watch_for_a_while(void *arg)
{
    (void)arg;
    for (int i = 0; i < CALLS; i++) {
        struct watch watch = {0};

        assert_int_equal(grebe_channel_watch_state(channel, note_state, &watch),
                         GREBE_OK);
        assert_int_equal(grebe_channel_connect(channel), GREBE_OK);
        assert_int_equal(grebe_channel_unwatch_state(channel, note_state, &watch),
                         GREBE_OK);
        watch.has_left = true;
        assert_int_equal(watch.n_after + watch.n_shutdown, 0);
    }
    return NULL;
}

TEST(threads_watch_the_states_each_for_itself)
{
    struct watch watch = {0};

    channel = backend_open(&backend, NULL);
    assert_int_equal(grebe_channel_watch_state(channel, note_state, &watch), GREBE_OK);
    run_in_threads(watch_for_a_while);
    wait_until_ready(NULL);
    grebe_channel_destroy(channel);
    assert_int_equal(watch.n_ready, 1);
    assert_int_equal(watch.n_shutdown, 1);
}

static void *use_own_channel(void *arg)
{
    (void)arg;
    for (int i = 0; i < 10; i++) {
        struct client_request request = {
            .method = "/s/m", .message = "x", .message_length = 1};
        struct grebe_channel *own = backend_open(&backend, NULL);
        struct grebe_call *call = client_call(own, &request);

        client_expect_text(call, "x");
        grebe_channel_destroy(own);
        grebe_call_unref(call);
    }
    return NULL;
}

TEST(channels_of_different_threads_know_nothing_of_each_other)
{
    run_in_threads(use_own_channel);
}

static void *change_idleness(void *arg)
{
    for (int i = 0; i < CALLS; i++) {
        struct client_request request = {
            .method = "/s/m", .message = "x", .message_length = 1};
        struct grebe_call *call;

        if ((size_t)arg == 0) {
            grebe_channel_enter_idle(channel);
            continue;
        }
        grebe_channel_reset_backoff(channel);
        call = client_call(channel, &request);
        client_expect_text(call, "x");
        grebe_call_unref(call);
    }
    return NULL;
}

/* Going idle never fails a call, whenever it comes. */
TEST(calls_race_with_idle_mode_and_all_succeed)
{
    channel = backend_open(&backend, NULL);
    run_in_threads(change_idleness);
    grebe_channel_destroy(channel);
}

static int start_backend(void **state)
{
    (void)state;
    backend_start(&backend, "0ms");
    return 0;
}

static int stop_backend(void **state)
{
    (void)state;
    process_kill(&backend);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_share_the_work_of_a_loop_that_nobody_runs),
        cmocka_unit_test(threads_call_while_another_runs_the_loop),
        cmocka_unit_test(every_call_is_done_once_whoever_cancels_it),
        cmocka_unit_test(many_threads_may_wait_for_one_call),
        cmocka_unit_test(many_threads_may_wait_for_a_state),
        cmocka_unit_test(threads_watch_the_states_each_for_itself),
        cmocka_unit_test(channels_of_different_threads_know_nothing_of_each_other),
        cmocka_unit_test(calls_race_with_idle_mode_and_all_succeed),
    };

    return cmocka_run_group_tests_name("threads", tests, start_backend, stop_backend);
}
