/* SPDX-License-Identifier: Apache-2.0 */
/* Several connections of one subconn, when the service config allows them: gRFC A105. */
#include "support/test.h"

#include "core/subconn.h"
#include "support/channel_bench.h"
#include "support/one_subconn.h"

enum { MAX_CALLS = 12 };

static struct grebe_call *calls[MAX_CALLS];

/* A server that takes `max_streams` at a time, and a subconn that may have
 * `max_connections`; READY. */
static struct sim_server *start(struct channel_bench *b, uint32_t max_connections,
                                uint32_t max_streams)
{
    struct sim_server *server;
    char config[128];

    snprintf(config, sizeof config,
             "{\"loadBalancingConfig\":[{\"one_subconn\":{}}],"
             "\"connectionScaling\":{\"maxConnectionsPerSubchannel\":%u}}",
             max_connections);
    one_subconn_register();
    channel_bench_start(b, config);
    b->resolves_to = "a";
    server = sim_server_new(&b->sim, "a");
    server->max_streams = max_streams;
    channel_bench_connect(b);
    assert_int_equal(one.state, GREBE_READY);
    return server;
}

static void call_n(struct channel_bench *b, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        calls[i] = channel_bench_call(b, NULL);
}

static void cancel_n(struct channel_bench *b, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        channel_bench_cancel(b, calls[i]);
        grebe_call_unref(calls[i]);
    }
}

static void finish(struct channel_bench *b)
{
    channel_bench_fini(b);
    one_subconn_unregister();
}

TEST(without_scaling_calls_wait_for_the_one_connection)
{
    struct channel_bench b;
    struct sim_server *server = start(&b, 0, 1);

    call_n(&b, 0, 3);
    assert_int_equal(server->n_dials, 1);
    assert_int_equal(server->n_requests, 1);
    cancel_n(&b, 0, 3);
    finish(&b);
}

TEST(calls_without_room_have_one_connection_made_at_a_time_up_to_the_limit)
{
    struct channel_bench b;
    struct sim_server *server = start(&b, 3, 2);

    server->connect_delay_ns = 50 * MS;
    call_n(&b, 0, 2);
    assert_int_equal(server->n_dials, 1);
    call_n(&b, 2, 9);
    assert_int_equal(server->n_dials, 2); /* one attempt, however many wait */
    assert_int_equal(server->n_requests, 2);
    channel_bench_advance_ms(&b, 50);
    assert_int_equal(server->n_requests, 4);
    assert_int_equal(server->n_dials, 3); /* some still wait */
    channel_bench_advance_ms(&b, 50);
    assert_int_equal(server->n_requests, 6);
    assert_int_equal(server->n_dials, 3); /* that is all */
    assert_int_equal(sim_server_n_open(server), 3);
    assert_string_equal(one.states, "CONNECTING, READY");
    cancel_n(&b, 0, 9);
    finish(&b);
}

TEST(a_new_call_goes_to_the_oldest_connection_with_room)
{
    struct channel_bench b;
    struct sim_server *server = start(&b, 2, 2);
    struct grebe__transport *oldest;

    call_n(&b, 0, 4);
    assert_int_equal(sim_server_n_open(server), 2);
    oldest = calls[0]->stream.transport;
    assert_ptr_equal(calls[1]->stream.transport, oldest);
    assert_ptr_not_equal(calls[2]->stream.transport, oldest);
    cancel_n(&b, 1, 4);
    sim_settle(&b.sim);
    call_n(&b, 1, 3);
    assert_ptr_equal(calls[1]->stream.transport, oldest);
    assert_ptr_not_equal(calls[2]->stream.transport, oldest);
    cancel_n(&b, 0, 3);
    finish(&b);
}

TEST(waiting_calls_are_served_in_order)
{
    static const char *const methods[] = {"/s/0", "/s/1", "/s/2", "/s/3"};
    struct channel_bench b;
    struct sim_server *server = start(&b, 2, 1);

    server->connect_delay_ns = 50 * MS;
    for (size_t i = 0; i < 4; i++)
        calls[i] = channel_bench_call_method(&b, methods[i], "ping", 4, NULL);
    channel_bench_advance_ms(&b, 50);
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(sim_server_request(server)->path, methods[i]);
        sim_answer(sim_server_request(server), "ping", 4);
        sim_settle(&b.sim);
        expect_echo(calls[i], "a");
    }
    finish(&b);
}

/* gRFC A105: the backoff is shared, and while it runs nobody dials. */
TEST(a_failed_attempt_for_more_backs_off_and_leaves_the_state_alone)
{
    struct channel_bench b;
    struct sim_server *server = start(&b, 3, 1);

    server->behaviour = SIM_REFUSES;
    call_n(&b, 0, 3);
    assert_int_equal(server->n_dials, 2);
    assert_string_equal(one.states, "CONNECTING, READY");
    channel_bench_advance_ms(&b, 999);
    call_n(&b, 3, 4);
    assert_int_equal(server->n_dials, 2);
    channel_bench_advance_ms(&b, 1);
    assert_int_equal(server->n_dials, 3); /* calls still wait, so it is tried again */
    server->behaviour = SIM_ACCEPTS;
    channel_bench_advance_ms(&b, 2000);
    assert_int_equal(sim_server_n_open(server), 3);
    assert_int_equal(server->n_requests, 3);
    assert_string_equal(one.states, "CONNECTING, READY");
    cancel_n(&b, 0, 4);
    finish(&b);
}

TEST(reset_of_the_backoff_tries_for_more_at_once)
{
    struct channel_bench b;
    struct sim_server *server = start(&b, 2, 1);

    server->behaviour = SIM_REFUSES;
    call_n(&b, 0, 2);
    server->behaviour = SIM_ACCEPTS;
    grebe__env_enter(&b.sim.env);
    grebe__channel_reset_backoff(b.channel);
    grebe__env_leave(&b.sim.env);
    sim_settle(&b.sim);
    assert_int_equal(server->n_requests, 2);
    cancel_n(&b, 0, 2);
    finish(&b);
}

static void close_oldest(struct channel_bench *b)
{
    const struct grebe_status closing =
        grebe_status_of(GREBE_STATUS_UNAVAILABLE, "closed");
    struct grebe__transport *oldest = grebe__subconn_oldest(
        grebe_container_of(one.subconn, struct grebe__subconn, base));

    grebe__env_enter(&b->sim.env);
    oldest->ops->close(oldest, &closing);
    grebe__env_leave(&b->sim.env);
}

TEST(losing_one_of_several_connections_is_not_told)
{
    struct channel_bench b;
    struct sim_server *server = start(&b, 2, 1);

    call_n(&b, 0, 2);
    assert_int_equal(sim_server_n_open(server), 2);
    sim_end(sim_server_request(server), 0, "");
    sim_settle(&b.sim);
    expect_status(calls[0], GREBE_STATUS_INTERNAL, "");
    close_oldest(&b);
    sim_settle(&b.sim);
    assert_int_equal(sim_server_n_open(server), 1);
    assert_string_equal(one.states, "CONNECTING, READY");
    cancel_n(&b, 1, 2);
    finish(&b);
}

TEST(the_place_of_a_lost_connection_is_filled_for_calls_that_wait)
{
    struct channel_bench b;
    struct sim_server *server = start(&b, 2, 1);

    call_n(&b, 0, 3);
    assert_int_equal(server->n_dials, 2); /* the third call waits */
    server->connect_delay_ns = 50 * MS;
    close_oldest(&b);
    sim_settle(&b.sim);
    assert_int_equal(server->n_dials, 3);
    channel_bench_advance_ms(&b, 50);
    assert_int_equal(server->n_requests, 3);
    cancel_n(&b, 0, 3);
    finish(&b);
}

/* It has said nothing yet, so it seems to have room until it is asked. */
TEST(a_connection_that_refuses_a_stream_gives_the_call_to_another)
{
    struct channel_bench b;
    struct sim_server *server = start(&b, 2, 2);

    call_n(&b, 0, 4);
    assert_int_equal(sim_server_n_open(server), 2);
    cancel_n(&b, 1, 4); /* room on both */
    sim_settle(&b.sim);
    close_oldest(&b);
    call_n(&b, 1, 2);
    assert_int_equal(grebe_call_times(calls[1]).n_attempts, 1);
    assert_int_equal(server->n_requests, 5);
    sim_settle(&b.sim);
    assert_int_equal(sim_server_n_open(server), 1);
    cancel_n(&b, 0, 2);
    finish(&b);
}

TEST(a_call_that_the_only_connection_refuses_waits_for_the_next)
{
    struct channel_bench b;
    struct sim_server *server = start(&b, 1, 1);

    close_oldest(&b);
    call_n(&b, 0, 1);
    channel_bench_connect(&b);
    assert_int_equal(server->n_requests, 1);
    assert_int_equal(server->n_connections, 2);
    assert_string_equal(one.states, "CONNECTING, READY, IDLE, CONNECTING, READY");
    cancel_n(&b, 0, 1);
    finish(&b);
}

/* Another is allowed: its making begins before the loss of the first is noticed. */
TEST(a_connection_that_refuses_a_stream_has_another_made)
{
    struct channel_bench b;
    struct sim_server *server = start(&b, 2, 1);

    close_oldest(&b);
    call_n(&b, 0, 1);
    sim_settle(&b.sim);
    assert_string_equal(one.states, "CONNECTING, READY, CONNECTING, READY");
    assert_int_equal(server->n_dials, 2);
    assert_int_equal(server->n_requests, 1);
    cancel_n(&b, 0, 1);
    finish(&b);
}

/* gRFC A105: what follows READY is what the attempt is doing. */
TEST(after_the_last_connection_the_attempt_decides_the_state)
{
    struct channel_bench b;
    struct sim_server *server = start(&b, 2, 1);

    server->behaviour = SIM_HANGS;
    call_n(&b, 0, 2);
    sim_server_kill(server, "reset");
    sim_settle(&b.sim);
    assert_string_equal(one.states, "CONNECTING, READY, CONNECTING");
    assert_int_equal(b.n_resolve_now, 1);
    expect_status(calls[0], GREBE_STATUS_UNAVAILABLE, "reset");
    expect_pending(calls[1]); /* it never left: it waits for the next picker */
    server->behaviour = SIM_ACCEPTS;
    cancel_n(&b, 1, 2);
    finish(&b);

    server = start(&b, 2, 1);
    server->behaviour = SIM_REFUSES;
    call_n(&b, 0, 2);
    sim_server_kill(server, "reset");
    sim_settle(&b.sim);
    assert_string_equal(one.states, "CONNECTING, READY, TRANSIENT_FAILURE");
    assert_string_equal(one.error, "connection error: a: connect: connection refused");
    channel_bench_advance_ms(&b, 1000);
    assert_string_equal(one.states, "CONNECTING, READY, TRANSIENT_FAILURE, IDLE");
    expect_status(calls[0], GREBE_STATUS_UNAVAILABLE, "reset");
    cancel_n(&b, 1, 2);
    finish(&b);

    server = start(&b, 2, 1);
    sim_server_kill(server, "reset");
    sim_settle(&b.sim);
    assert_string_equal(one.states, "CONNECTING, READY, IDLE");
    finish(&b);
}

TEST(a_draining_connection_gives_way_to_others)
{
    struct channel_bench b;
    struct sim_server *server = start(&b, 2, 1);

    call_n(&b, 0, 2);
    assert_int_equal(sim_server_n_open(server), 2);
    sim_server_goaway(server, 0, false);
    sim_settle(&b.sim);
    assert_string_equal(one.states, "CONNECTING, READY, IDLE");
    for (size_t i = 0; i < 2; i++) {
        sim_answer(sim_server_request(server), "ping", 4);
        sim_settle(&b.sim);
        expect_echo(calls[i], "a");
    }
    assert_int_equal(sim_server_n_open(server), 0);
    finish(&b);
}

TEST(the_channels_limit_holds_whatever_the_config_says)
{
    struct channel_bench b;
    struct sim_server *server = start(&b, 1000000, 1);

    call_n(&b, 0, MAX_CALLS);
    assert_int_equal(sim_server_n_open(server), 10);
    cancel_n(&b, 0, MAX_CALLS);
    finish(&b);
}

TEST(the_number_may_change_and_lowering_it_closes_nothing)
{
    struct channel_bench b;
    struct sim_server *server = start(&b, 1, 1);

    call_n(&b, 0, 3);
    assert_int_equal(sim_server_n_open(server), 1);
    b.service_config = "{\"loadBalancingConfig\":[{\"one_subconn\":{}}],"
                       "\"connectionScaling\":{\"maxConnectionsPerSubchannel\":3}}";
    channel_bench_resolve(&b, "a");
    assert_int_equal(sim_server_n_open(server), 3);
    assert_int_equal(server->n_requests, 3);
    b.service_config = "{\"loadBalancingConfig\":[{\"one_subconn\":{}}]}";
    channel_bench_resolve(&b, "a");
    assert_int_equal(sim_server_n_open(server), 3);
    cancel_n(&b, 0, 3);
    finish(&b);
}

TEST(new_addresses_keep_the_connections_that_are_still_listed)
{
    struct channel_bench b;
    struct sim_server *server = start(&b, 3, 1), *other;

    other = sim_server_new(&b.sim, "b");
    call_n(&b, 0, 2);
    assert_int_equal(sim_server_n_open(server), 2);
    server->behaviour = SIM_HANGS;
    call_n(&b, 2, 3);
    channel_bench_resolve(&b, "b a");
    /* The attempt that was under way starts over, with the new list. */
    assert_int_equal(sim_server_n_open(server), 2);
    assert_int_equal(sim_server_n_open(other), 1);
    assert_string_equal(grebe_call_peer(calls[2]), "b");
    channel_bench_resolve(&b, "b");
    assert_string_equal(one.states, "CONNECTING, READY");
    assert_int_equal(sim_server_n_open(server), 2); /* their calls may finish */
    cancel_n(&b, 0, 3);
    sim_settle(&b.sim);
    assert_int_equal(sim_server_n_open(server), 0);
    finish(&b);
}

TEST(shutdown_drains_every_connection)
{
    struct channel_bench b;
    struct sim_server *server = start(&b, 2, 1);

    call_n(&b, 0, 2);
    server->behaviour = SIM_HANGS;
    grebe__env_enter(&b.sim.env);
    grebe_subconn_shutdown(one.subconn);
    grebe__env_leave(&b.sim.env);
    for (size_t i = 0; i < 2; i++) {
        sim_answer(sim_server_request(server), "ping", 4);
        sim_settle(&b.sim);
        expect_echo(calls[i], "a");
    }
    assert_int_equal(sim_server_n_open(server), 0);
    finish(&b);
}

TEST(out_of_memory_anywhere_is_survived)
{
    for (uint32_t fail_at = 1; fail_at < 400; fail_at++) {
        struct channel_bench b;
        struct sim_server *server = start(&b, 3, 1);

        b.mem.fail_at = b.mem.n_allocs + fail_at;
        for (size_t i = 0; i < 4; i++)
            calls[i] = channel_bench_call(&b, NULL);
        sim_settle(&b.sim);
        sim_server_kill(server, "reset");
        sim_settle(&b.sim);
        for (size_t i = 0; i < 4; i++)
            if (calls[i] != NULL) {
                channel_bench_cancel(&b, calls[i]);
                grebe_call_unref(calls[i]);
            }
        if (!b.mem.has_failed)
            fail_at = 400;
        finish(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_scaling_calls_wait_for_the_one_connection),
        cmocka_unit_test(
            calls_without_room_have_one_connection_made_at_a_time_up_to_the_limit),
        cmocka_unit_test(a_new_call_goes_to_the_oldest_connection_with_room),
        cmocka_unit_test(waiting_calls_are_served_in_order),
        cmocka_unit_test(a_failed_attempt_for_more_backs_off_and_leaves_the_state_alone),
        cmocka_unit_test(reset_of_the_backoff_tries_for_more_at_once),
        cmocka_unit_test(losing_one_of_several_connections_is_not_told),
        cmocka_unit_test(the_place_of_a_lost_connection_is_filled_for_calls_that_wait),
        cmocka_unit_test(a_connection_that_refuses_a_stream_gives_the_call_to_another),
        cmocka_unit_test(a_call_that_the_only_connection_refuses_waits_for_the_next),
        cmocka_unit_test(a_connection_that_refuses_a_stream_has_another_made),
        cmocka_unit_test(after_the_last_connection_the_attempt_decides_the_state),
        cmocka_unit_test(a_draining_connection_gives_way_to_others),
        cmocka_unit_test(the_channels_limit_holds_whatever_the_config_says),
        cmocka_unit_test(the_number_may_change_and_lowering_it_closes_nothing),
        cmocka_unit_test(new_addresses_keep_the_connections_that_are_still_listed),
        cmocka_unit_test(shutdown_drains_every_connection),
        cmocka_unit_test(out_of_memory_anywhere_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
