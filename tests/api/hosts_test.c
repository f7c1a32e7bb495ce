/* SPDX-License-Identifier: Apache-2.0 */
/* Who runs the loop: the caller, a poll host, a uv_loop_t, nobody.  Real calls in each. */
#include "api/backend.h"

#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

static struct process backend;

static void count(void *arg, struct grebe_call *call)
{
    unsigned *n = arg;

    assert_int_equal(grebe_call_status(call)->code, GREBE_STATUS_OK);
    (*n)++;
}

static void start_calls(struct grebe_channel *channel, unsigned n, unsigned *n_done)
{
    struct client_request request = {
        .method = "/s/m", .message = "x", .message_length = 1};

    for (unsigned i = 0; i < n; i++)
        grebe_call_unref(client_start(channel, &request, count, n_done));
}

/* ---- A poll host ------------------------------------------------------------------------- */

/* What nginx, PostgreSQL or any other epoll program would do. */
TEST(epoll_program_drives_calls_through_one_descriptor)
{
    struct grebe_loop *loop;
    struct grebe_channel *channel;
    struct epoll_event event = {.events = EPOLLIN};
    int host = epoll_create1(0);
    unsigned n_done = 0;

    assert_int_equal(grebe_loop_new(NULL, &loop), GREBE_OK);
    channel = backend_open(&backend, loop);
    assert_int_equal(epoll_ctl(host, EPOLL_CTL_ADD, grebe_loop_fd(loop), &event), 0);
    start_calls(channel, 50, &n_done);
    while (n_done < 50) {
        int n = epoll_wait(host, &event, 1, grebe_loop_timeout_ms(loop));

        assert_true(n >= 0);
        assert_int_equal(grebe_loop_turn(loop, 0), GREBE_OK);
    }
    grebe_channel_destroy(channel);
    grebe_loop_unref(loop);
    close(host);
}

/* ---- A libuv program ------------------------------------------------------------------------ */

TEST(attached_loop_lets_uv_run_return_when_nothing_is_in_flight)
{
    struct grebe_loop *loop;
    struct grebe_channel *channel;
    unsigned n_done = 0;
    uv_loop_t uv;

    assert_int_equal(uv_loop_init(&uv), 0);
    assert_int_equal(grebe_loop_attach(&uv, NULL, &loop), GREBE_OK);
    channel = backend_open(&backend, loop);
    assert_int_equal(uv_run(&uv, UV_RUN_DEFAULT), 0);
    start_calls(channel, 20, &n_done);
    assert_int_equal(uv_run(&uv, UV_RUN_DEFAULT), 0);
    assert_int_equal(n_done, 20);
    /* Connected and idle: that alone keeps nobody running. */
    assert_int_equal(grebe_channel_state(channel), GREBE_READY);
    assert_int_equal(uv_run(&uv, UV_RUN_DEFAULT), 0);
    grebe_channel_destroy(channel);
    grebe_loop_unref(loop);
    assert_int_equal(uv_run(&uv, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&uv), 0);
}

TEST(blocking_call_on_an_attached_loop_runs_it)
{
    struct client_request request = {
        .method = "/s/m", .message = "x", .message_length = 1};
    struct grebe_loop *loop;
    struct grebe_channel *channel;
    struct grebe_call *call;
    uv_loop_t uv;

    assert_int_equal(uv_loop_init(&uv), 0);
    assert_int_equal(grebe_loop_attach(&uv, NULL, &loop), GREBE_OK);
    channel = backend_open(&backend, loop);
    call = client_call(channel, &request);
    client_expect_text(call, "x");
    grebe_call_unref(call);
    grebe_channel_destroy(channel);
    grebe_loop_unref(loop);
    assert_int_equal(uv_run(&uv, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&uv), 0);
}

/* ---- The caller ---------------------------------------------------------------------------------- */

struct chain {
    struct grebe_channel *channel;
    unsigned n_left;
};

static void start_next(void *arg, struct grebe_call *call)
{
    struct chain *chain = arg;

    if (call != NULL)
        assert_int_equal(grebe_call_status(call)->code, GREBE_STATUS_OK);
    if (chain->n_left == 0) {
        grebe_loop_stop(grebe_channel_loop(chain->channel));
        return;
    }
    chain->n_left--;
    assert_int_equal(grebe_call_start_unary(chain->channel, "/s/m", "x", 1, NULL,
                                            start_next, chain, NULL),
                     GREBE_OK);
}

TEST(callbacks_start_calls_until_the_loop_is_stopped)
{
    struct chain chain = {.n_left = 100};

    chain.channel = backend_open(&backend, NULL);
    start_next(&chain, NULL);
    assert_int_equal(grebe_loop_run(grebe_channel_loop(chain.channel)), GREBE_OK);
    assert_int_equal(chain.n_left, 0);
    grebe_channel_destroy(chain.channel);
}

static void block_inside(void *arg, struct grebe_call *call)
{
    struct grebe_channel *channel = arg;
    struct grebe_call *inner;

    (void)call;
    assert_int_equal(grebe_call_unary(channel, "/s/m", "x", 1, NULL, &inner),
                     GREBE_ERR_DEADLOCK);
    assert_int_equal(grebe_call_wait(call, -1), GREBE_OK); /* it is done already */
    assert_int_equal(
        grebe_channel_wait_for_state_change(channel, grebe_channel_state(channel), -1),
        GREBE_ERR_DEADLOCK);
    grebe_loop_stop(grebe_channel_loop(channel));
}

TEST(blocking_inside_a_callback_is_refused)
{
    struct grebe_channel *channel = backend_open(&backend, NULL);

    assert_int_equal(grebe_call_start_unary(channel, "/s/m", "x", 1, NULL, block_inside,
                                            channel, NULL),
                     GREBE_OK);
    assert_int_equal(grebe_loop_run(grebe_channel_loop(channel)), GREBE_OK);
    grebe_channel_destroy(channel);
}

struct end {
    struct grebe_channel *channel;
    struct grebe_loop *loop;
    unsigned n_done;
};

static void destroy_inside(void *arg, struct grebe_call *call)
{
    struct end *end = arg;

    end->n_done++;
    if (end->n_done == 1) {
        assert_int_equal(grebe_call_status(call)->code, GREBE_STATUS_OK);
        grebe_channel_destroy(end->channel);
    } else {
        assert_int_equal(grebe_call_status(call)->code, GREBE_STATUS_CANCELLED);
        grebe_loop_stop(end->loop);
    }
}

TEST(channel_may_be_destroyed_inside_a_callback)
{
    static char big[2 * 1024 * 1024];
    struct end end = {.n_done = 0};

    assert_int_equal(grebe_loop_new(NULL, &end.loop), GREBE_OK);
    end.channel = backend_open(&backend, end.loop);
    assert_int_equal(grebe_call_start_unary(end.channel, "/s/small", "x", 1, NULL,
                                            destroy_inside, &end, NULL),
                     GREBE_OK);
    assert_int_equal(grebe_call_start_unary(end.channel, "/s/big", big, sizeof big, NULL,
                                            destroy_inside, &end, NULL),
                     GREBE_OK);
    assert_int_equal(grebe_loop_run(end.loop), GREBE_OK);
    assert_int_equal(end.n_done, 2);
    grebe_loop_unref(end.loop);
}

/* ---- fork() ------------------------------------------------------------------------------------------- */

TEST(channel_says_so_after_fork_and_the_parents_goes_on)
{
    struct client_request request = {
        .method = "/s/m", .message = "x", .message_length = 1};
    struct grebe_channel *channel = backend_open(&backend, NULL);
    struct grebe_call *call = client_call(channel, &request);
    int status = -1;
    pid_t child;

    grebe_call_unref(call);
    child = fork();
    if (child == 0) {
        int result = grebe_call_unary(channel, "/s/m", "x", 1, NULL, &call);

        result = result == GREBE_ERR_FORKED &&
                 grebe_channel_connect(channel) == GREBE_ERR_FORKED;
        grebe_channel_destroy(channel);
        _exit(result ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    call = client_call(channel, &request);
    client_expect_text(call, "x");
    grebe_call_unref(call);
    grebe_channel_destroy(channel);
}

/* A prefork server: everything is made in the children. */
TEST(children_of_a_fork_make_channels_of_their_own)
{
    for (int i = 0; i < 3; i++) {
        int status = -1;
        pid_t child = fork();

        if (child == 0) {
            struct grebe_channel *channel = backend_open(&backend, NULL);
            struct grebe_call *call;
            int result = grebe_call_unary(channel, "/s/m", "x", 1, NULL, &call);

            _exit(result == GREBE_OK && grebe_call_status(call)->code == GREBE_STATUS_OK
                      ? 0
                      : 1);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
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
        cmocka_unit_test(epoll_program_drives_calls_through_one_descriptor),
        cmocka_unit_test(attached_loop_lets_uv_run_return_when_nothing_is_in_flight),
        cmocka_unit_test(blocking_call_on_an_attached_loop_runs_it),
        cmocka_unit_test(callbacks_start_calls_until_the_loop_is_stopped),
        cmocka_unit_test(blocking_inside_a_callback_is_refused),
        cmocka_unit_test(channel_may_be_destroyed_inside_a_callback),
        cmocka_unit_test(channel_says_so_after_fork_and_the_parents_goes_on),
        cmocka_unit_test(children_of_a_fork_make_channels_of_their_own),
    };

    return cmocka_run_group_tests_name("hosts", tests, start_backend, stop_backend);
}
