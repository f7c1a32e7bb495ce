/* SPDX-License-Identifier: Apache-2.0 */
/* Idle mode in the way of everything else: calls at the very moment, updates, policies
 * that go on talking.  Source: grpc-go ClientConn and package internal/idle. */
#include "support/test.h"

#include "support/channel_bench.h"
#include "support/scripted_policy.h"

static void open_idle_after(struct channel_bench *b, uint64_t timeout_ns)
{
    channel_bench_init(b);
    b->options.idle_timeout_ns = timeout_ns;
    b->resolves_to = "a";
    assert_int_equal(channel_bench_open(b, "manual:///x"), GREBE_OK);
    channel_bench_servers(b, "a");
}

/* CH-3 */
TEST(a_call_without_addresses_leaves_idle_mode_and_ends_at_its_deadline)
{
    struct grebe_call_options options = timeout_ms(100);
    struct channel_bench b;
    struct grebe_call *call;

    channel_bench_start(&b, NULL);
    call = channel_bench_call(&b, &options);
    assert_int_equal(grebe__channel_get_state(b.channel), GREBE_CONNECTING);
    channel_bench_advance_ms(&b, 99);
    expect_pending(call);
    channel_bench_advance_ms(&b, 1);
    expect_status(call, GREBE_STATUS_DEADLINE_EXCEEDED, "waiting for name resolution");
    channel_bench_fini(&b);
}

/* CH-5 */
TEST(servers_that_do_not_speak_are_failures)
{
    static const char *const refusals[] = {
        "server closed the connection before its preface",
        "server closed the connection before reading the client preface",
        NULL, /* says nothing, and is given up after the connect timeout */
    };

    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        struct channel_bench b;
        struct sim_server *server;

        channel_bench_init(&b);
        b.options.min_connect_timeout_ns = 100 * MS;
        b.options.backoff_base_ns = 0;
        b.options.backoff_max_ns = 0;
        b.resolves_to = "a";
        assert_int_equal(channel_bench_open(&b, "manual:///x"), GREBE_OK);
        server = sim_server_new(&b.sim, "a");
        server->behaviour = refusals[i] == NULL ? SIM_HANGS : SIM_REFUSES;
        server->connect_delay_ns = 50 * MS;
        server->refusal = refusals[i];
        channel_bench_connect(&b);
        channel_bench_advance_ms(&b, 100);
        assert_string_equal(channel_bench_states(&b), "CONNECTING, TRANSIENT_FAILURE");
        channel_bench_fini(&b);
    }
}

/* CH-8 */
TEST(a_policy_that_changes_its_mind_is_followed_step_by_step)
{
    static const enum grebe_connectivity way[] = {
        GREBE_CONNECTING, GREBE_READY, GREBE_IDLE,       GREBE_CONNECTING,
        GREBE_IDLE,       GREBE_IDLE,  GREBE_CONNECTING, GREBE_READY,
    };
    struct channel_bench b;

    scripted_start(&b, GREBE_PICK_QUEUE);
    channel_bench_states(&b);
    scripted_publish(&b, GREBE_IDLE);
    grebe__env_enter(&b.sim.env); /* all in one turn */
    for (size_t i = 0; i < sizeof way / sizeof way[0]; i++)
        scripted_publish(NULL, way[i]);
    grebe__env_leave(&b.sim.env);
    channel_bench_close(&b);
    assert_string_equal(channel_bench_states(&b),
                        "IDLE, CONNECTING, READY, IDLE, CONNECTING, IDLE, CONNECTING, "
                        "READY, SHUTDOWN");
    channel_bench_fini(&b);
}

/* CH-17 */
TEST(short_calls_keep_the_channel_awake)
{
    struct channel_bench b;

    open_idle_after(&b, 8 * SECOND);
    for (int i = 0; i < 20; i++) {
        expect_echo(channel_bench_call(&b, NULL), "a");
        channel_bench_advance_ms(&b, 2000);
        assert_int_equal(grebe__channel_get_state(b.channel), GREBE_READY);
    }
    assert_int_equal(b.n_builds, 1);
    channel_bench_fini(&b);
}

/* CH-19: just before the timer, at its moment, just after it. */
TEST(calls_around_the_moment_of_falling_idle_all_succeed)
{
    for (int64_t offset_ms = -1; offset_ms <= 1; offset_ms++) {
        struct channel_bench b;

        open_idle_after(&b, 100 * MS);
        sim_server_find(&b.sim, "a")->latency_ns = 3 * MS;
        for (int i = 0; i < 50; i++) {
            struct grebe_call *call = channel_bench_call(&b, NULL);

            channel_bench_advance_ms(&b, 3);
            expect_echo(call, "a");
            channel_bench_advance_ms(&b, (uint64_t)(100 + offset_ms));
        }
        channel_bench_fini(&b);
    }
}

static void update_again(struct channel_bench *b)
{
    if (b->conn != NULL && b->n_resolve_now < 2000)
        channel_bench_resolve(b, b->n_resolve_now % 2 == 0 ? "a" : "a b");
}

/* CH-28 */
TEST(falling_idle_under_a_resolver_that_never_rests)
{
    struct channel_bench b;

    open_idle_after(&b, 0);
    b.on_resolve_now = update_again;
    for (int i = 0; i < 2000; i++) {
        channel_bench_connect(&b);
        grebe__env_enter(&b.sim.env);
        grebe__channel_resolve_now(b.channel);
        if (b.conn != NULL)
            channel_bench_resolve(&b, "a b");
        assert_true(grebe__channel_enter_idle(b.channel));
        grebe__env_leave(&b.sim.env);
        assert_int_equal(grebe__channel_get_state(b.channel), GREBE_IDLE);
        sim_settle(&b.sim);
        channel_bench_states(&b);
        b.log[0] = '\0';
    }
    assert_int_equal(sim_server_n_open(sim_server_find(&b.sim, "a")), 0);
    channel_bench_fini(&b);
}

/* A wish of the epoch that is over does not reach the resolver of the next. */
TEST(a_wish_to_resolve_ends_with_the_resolver_it_was_for)
{
    struct channel_bench b;

    open_idle_after(&b, 0);
    channel_bench_connect(&b);
    grebe__env_enter(&b.sim.env);
    grebe__channel_resolve_now(b.channel);
    assert_true(grebe__channel_enter_idle(b.channel));
    grebe__channel_connect(b.channel);
    grebe__env_leave(&b.sim.env);
    sim_settle(&b.sim);
    assert_int_equal(b.n_builds, 2);
    assert_int_equal(b.n_resolve_now, 0);
    channel_bench_fini(&b);
}

/* CH-29 */
TEST(what_a_policy_publishes_while_the_channel_falls_idle_is_not_heard)
{
    struct channel_bench b;

    scripted_start(&b, GREBE_PICK_COMPLETE);
    assert_int_equal(grebe__channel_get_state(b.channel), GREBE_READY);
    grebe__env_enter(&b.sim.env);
    scripted_publish(NULL, GREBE_CONNECTING);
    scripted_publish(NULL, GREBE_READY); /* on its way */
    assert_true(grebe__channel_enter_idle(b.channel));
    grebe__env_leave(&b.sim.env);
    sim_settle(&b.sim);
    assert_int_equal(grebe__channel_get_state(b.channel), GREBE_IDLE);
    assert_null(b.channel->picker);
    channel_bench_fini(&b);
}

/* CH-30 */
TEST(a_subconn_made_while_the_channel_falls_idle_is_shut_down)
{
    const struct grebe_address_options plain = GREBE_ADDRESS_OPTIONS_INIT;
    struct grebe_subconn_options options = GREBE_SUBCONN_OPTIONS_INIT;
    struct grebe_subconn *subconn;
    struct grebe_address *address;
    struct channel_bench b;

    scripted_start(&b, GREBE_PICK_COMPLETE);
    assert_int_equal(grebe_address_new(NULL, "a", &plain, &address), GREBE_OK);
    options.addresses = &address;
    options.n_addresses = 1;
    grebe__env_enter(&b.sim.env);
    assert_int_equal(grebe_client_conn_new_subconn(script.cc, &options, &subconn),
                     GREBE_OK);
    grebe_subconn_connect(subconn);
    assert_true(grebe__channel_enter_idle(b.channel));
    grebe__env_leave(&b.sim.env);
    sim_settle(&b.sim);
    assert_true(grebe__list_is_empty(&b.channel->subconns));
    assert_int_equal(sim_server_n_open(scripted_server(&b)), 0);
    grebe_address_unref(address);
    channel_bench_fini(&b);
}

/* CH-33 */
TEST(closing_lets_a_server_that_said_goodbye_finish)
{
    struct channel_bench b;
    struct sim_server *server;
    struct grebe_call *call;

    channel_bench_start(&b, NULL);
    b.resolves_to = "a";
    server = sim_server_new(&b.sim, "a");
    call = channel_bench_call(&b, NULL);
    sim_server_goaway(server, 0, false);
    sim_settle(&b.sim);
    assert_int_equal(sim_server_n_open(server), 1); /* for the call */
    channel_bench_close(&b);
    assert_int_equal(sim_server_n_open(server), 0);
    expect_status(call, GREBE_STATUS_CANCELLED, "the client connection is closing");
    channel_bench_fini(&b);
}

/* ---- Updates that say little, or come late -------------------------------------------------- */

/* CFG-25 */
TEST(a_config_without_addresses_is_taken_and_an_empty_update_makes_no_subconn)
{
    struct channel_bench b;

    channel_bench_start(&b, NULL);
    channel_bench_servers(&b, "a b");
    channel_bench_connect(&b);
    b.service_config = "{\"loadBalancingConfig\":[{\"round_robin\":{}}]}";
    assert_int_equal(channel_bench_resolve(&b, ""), GREBE_ERR_BAD_RESOLVER_STATE);
    assert_true(grebe__list_is_empty(&b.channel->subconns));
    b.service_config = NULL;
    assert_int_equal(channel_bench_resolve(&b, "a b"), GREBE_OK);
    for (int i = 0; i < 4; i++)
        grebe_call_unref(channel_bench_call(&b, NULL));
    assert_int_equal(sim_server_find(&b.sim, "b")->n_requests, 2);
    channel_bench_fini(&b);
}

/* CFG-26 */
TEST(an_update_in_the_turn_that_closes_the_channel_has_no_effect)
{
    struct grebe_resolver_state empty = GREBE_RESOLVER_STATE_INIT;
    struct grebe_resolver_conn *conn;
    struct channel_bench b;

    open_idle_after(&b, 0);
    channel_bench_connect(&b);
    conn = b.conn;
    grebe__env_enter(&b.sim.env);
    channel_bench_resolve(&b, "a b"); /* on its way when the channel closes */
    channel_bench_close(&b);
    assert_int_equal(grebe_resolver_conn_update(conn, &empty), GREBE_OK);
    grebe__env_leave(&b.sim.env);
    sim_settle(&b.sim);
    assert_true(b.is_closed);
    assert_true(grebe__list_is_empty(&b.channel->subconns));
    channel_bench_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            a_call_without_addresses_leaves_idle_mode_and_ends_at_its_deadline),
        cmocka_unit_test(servers_that_do_not_speak_are_failures),
        cmocka_unit_test(a_policy_that_changes_its_mind_is_followed_step_by_step),
        cmocka_unit_test(short_calls_keep_the_channel_awake),
        cmocka_unit_test(calls_around_the_moment_of_falling_idle_all_succeed),
        cmocka_unit_test(falling_idle_under_a_resolver_that_never_rests),
        cmocka_unit_test(a_wish_to_resolve_ends_with_the_resolver_it_was_for),
        cmocka_unit_test(
            what_a_policy_publishes_while_the_channel_falls_idle_is_not_heard),
        cmocka_unit_test(a_subconn_made_while_the_channel_falls_idle_is_shut_down),
        cmocka_unit_test(closing_lets_a_server_that_said_goodbye_finish),
        cmocka_unit_test(
            a_config_without_addresses_is_taken_and_an_empty_update_makes_no_subconn),
        cmocka_unit_test(an_update_in_the_turn_that_closes_the_channel_has_no_effect),
    };

    scripted_register();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
