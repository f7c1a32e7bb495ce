/* SPDX-License-Identifier: Apache-2.0 */
/* A channel's life on virtual time: states, idle mode, resolution, closing.  Sources of
 * the behaviour: gRPC connectivity semantics, gRFC A21, grpc-go ClientConn. */
#include "support/test.h"

#include <grebe/registry.h>

#include "support/channel_bench.h"

static const char round_robin[] = "{\"loadBalancingConfig\":[{\"round_robin\":{}}]}";

/* ---- States ------------------------------------------------------------------------------- */

/* CH-1 */
TEST(new_channel_is_idle_and_does_nothing)
{
    struct channel_bench b;

    channel_bench_start(&b, NULL);
    channel_bench_advance_ms(&b, 3600000);
    assert_int_equal(grebe__channel_get_state(b.channel), GREBE_IDLE);
    assert_int_equal(b.n_builds, 0);
    assert_int_equal(b.sim.n_dials, 0);
    channel_bench_fini(&b);
}

/* CH-2, CH-4 */
TEST(connect_waits_for_the_resolver_then_for_the_server)
{
    struct channel_bench b;

    channel_bench_start(&b, NULL);
    channel_bench_connect(&b);
    channel_bench_advance_ms(&b, 600000);
    assert_string_equal(channel_bench_states(&b), "CONNECTING");
    assert_int_equal(b.n_builds, 1);
    channel_bench_servers(&b, "a");
    channel_bench_resolve(&b, "a");
    assert_string_equal(channel_bench_states(&b), "READY");
    channel_bench_fini(&b);
}

/* CH-6, CH-32 */
TEST(lost_connection_makes_the_channel_idle_and_connect_dials_again)
{
    struct channel_bench b;

    channel_bench_start(&b, NULL);
    b.resolves_to = "a";
    channel_bench_servers(&b, "a");
    channel_bench_connect(&b);
    channel_bench_states(&b);
    sim_server_kill(sim_server_find(&b.sim, "a"), "connection reset");
    sim_settle(&b.sim);
    assert_string_equal(channel_bench_states(&b), "IDLE");
    assert_int_equal(b.n_resolve_now, 1);
    channel_bench_connect(&b);
    assert_string_equal(channel_bench_states(&b), "CONNECTING, READY");
    channel_bench_fini(&b);
}

/* CH-7 */
TEST(two_dead_addresses_are_both_dialled_before_the_failure)
{
    struct channel_bench b;

    channel_bench_init(&b);
    b.options.backoff_base_ns = 3600 * SECOND;
    b.options.backoff_max_ns = 3600 * SECOND;
    b.resolves_to = "a b";
    assert_int_equal(channel_bench_open(&b, "manual:///x"), GREBE_OK);
    channel_bench_connect(&b);
    assert_string_equal(channel_bench_states(&b), "CONNECTING, TRANSIENT_FAILURE");
    assert_int_equal(b.sim.n_dials, 2);
    channel_bench_fini(&b);
}

TEST(watcher_hears_every_state_in_order_and_shutdown_last)
{
    struct channel_bench b;

    channel_bench_start(&b, NULL);
    b.resolves_to = "a";
    channel_bench_servers(&b, "a");
    channel_bench_connect(&b);
    sim_server_kill(sim_server_find(&b.sim, "a"), "reset");
    sim_settle(&b.sim);
    channel_bench_connect(&b);
    channel_bench_close(&b);
    assert_string_equal(channel_bench_states(&b),
                        "CONNECTING, READY, IDLE, CONNECTING, READY, SHUTDOWN");
    channel_bench_fini(&b);
}

/* ---- Resolution ------------------------------------------------------------------------------ */

/* CH-9 */
TEST(failing_to_build_the_resolver_fails_calls_until_idle_mode)
{
    for (int connects = 0; connects < 2; connects++) {
        struct channel_bench b;

        channel_bench_start(&b, NULL);
        b.build_error = "manual: not today";
        channel_bench_servers(&b, "a");
        if (connects)
            channel_bench_connect(&b);
        else
            expect_status(channel_bench_call(&b, NULL), GREBE_STATUS_UNAVAILABLE,
                          "not today");
        assert_string_equal(channel_bench_states(&b), "CONNECTING, TRANSIENT_FAILURE");
        expect_status(channel_bench_call(&b, NULL), GREBE_STATUS_UNAVAILABLE,
                      "not today");
        assert_int_equal(b.n_builds, 1);
        grebe__env_enter(&b.sim.env);
        assert_true(grebe__channel_enter_idle(b.channel));
        grebe__env_leave(&b.sim.env);
        b.build_error = NULL;
        b.resolves_to = "a";
        if (connects)
            channel_bench_connect(&b);
        else
            expect_echo(channel_bench_call(&b, NULL), "a");
        assert_string_equal(channel_bench_states(&b), "IDLE, CONNECTING, READY");
        channel_bench_fini(&b);
    }
}

/* Nobody tries the build again before the idle timer has run out. */
TEST(a_resolver_that_could_not_be_built_is_built_anew_after_idle_mode)
{
    struct channel_bench b;

    channel_bench_init(&b);
    b.options.idle_timeout_ns = 10 * SECOND;
    b.build_error = "manual: not today";
    assert_int_equal(channel_bench_open(&b, "manual:///x"), GREBE_OK);
    channel_bench_connect(&b);
    channel_bench_advance_ms(&b, 9999);
    channel_bench_connect(&b);
    assert_int_equal(b.n_builds, 1);
    assert_int_equal(grebe__channel_get_state(b.channel), GREBE_TRANSIENT_FAILURE);
    channel_bench_advance_ms(&b, 1);
    assert_int_equal(grebe__channel_get_state(b.channel), GREBE_IDLE);
    channel_bench_connect(&b);
    assert_int_equal(b.n_builds, 2);
    channel_bench_fini(&b);
}

/* CH-11 */
TEST(resolver_error_before_any_result_fails_calls_with_its_text)
{
    struct channel_bench b;
    struct grebe_call *call;

    channel_bench_start(&b, NULL);
    call = channel_bench_call(&b, NULL);
    expect_pending(call);
    channel_bench_resolver_error(&b, "no such host");
    expect_status(call, GREBE_STATUS_UNAVAILABLE, "no such host");
    expect_status(channel_bench_call(&b, NULL), GREBE_STATUS_UNAVAILABLE, "no such host");
    assert_int_equal(grebe__channel_get_state(b.channel), GREBE_TRANSIENT_FAILURE);
    channel_bench_fini(&b);
}

/* CH-10 */
TEST(zero_addresses_fail_calls_and_ask_the_resolver_again)
{
    struct channel_bench b;

    channel_bench_start(&b, NULL);
    channel_bench_connect(&b);
    assert_int_equal(channel_bench_resolve(&b, ""), GREBE_ERR_BAD_RESOLVER_STATE);
    expect_status(channel_bench_call(&b, NULL), GREBE_STATUS_UNAVAILABLE,
                  "name resolver error: produced zero addresses");
    assert_int_equal(grebe__channel_get_state(b.channel), GREBE_TRANSIENT_FAILURE);
    channel_bench_fini(&b);
}

/* As if it had given no config: what the application gave is in force. */
TEST(a_first_error_puts_the_default_config_in_force)
{
    struct channel_bench b;
    struct grebe_call *call;

    channel_bench_start(&b, "{\"methodConfig\":[{\"name\":[{}],\"waitForReady\":true}]}");
    channel_bench_servers(&b, "a");
    call = channel_bench_call(&b, NULL);
    channel_bench_resolver_error(&b, "no such host");
    expect_pending(call);
    channel_bench_resolve(&b, "a");
    expect_echo(call, "a");
    channel_bench_fini(&b);
}

TEST(error_after_a_good_result_changes_nothing)
{
    struct channel_bench b;

    channel_bench_start(&b, NULL);
    b.resolves_to = "a";
    channel_bench_servers(&b, "a");
    expect_echo(channel_bench_call(&b, NULL), "a");
    channel_bench_resolver_error(&b, "DNS is down");
    expect_echo(channel_bench_call(&b, NULL), "a");
    assert_true(channel_bench_logged(&b, "name resolution failed: DNS is down"));
    channel_bench_fini(&b);
}

/* ---- Service config --------------------------------------------------------------------------- */

/* CFG-16, CFG-31 */
TEST(default_config_applies_when_the_resolver_has_none)
{
    struct channel_bench b;

    channel_bench_start(&b, round_robin);
    b.resolves_to = "a b";
    channel_bench_servers(&b, "a b");
    channel_bench_connect(&b);
    for (int i = 0; i < 10; i++)
        grebe_call_unref(channel_bench_call(&b, NULL));
    assert_int_equal(sim_server_find(&b.sim, "a")->n_requests, 5);
    assert_int_equal(sim_server_find(&b.sim, "b")->n_requests, 5);
    assert_true(
        channel_bench_logged(&b, "Channel switches to new LB policy \"round_robin\""));
    channel_bench_fini(&b);
}

/* CFG-22 */
TEST(config_of_the_resolver_wins_and_stays_when_it_stops_coming)
{
    struct channel_bench b;

    channel_bench_start(&b, "{}");
    channel_bench_servers(&b, "a b");
    channel_bench_connect(&b);
    assert_false(b.is_told_of_no_config);
    b.service_config = round_robin;
    channel_bench_resolve(&b, "a b");
    b.service_config = NULL;
    channel_bench_resolve(&b, "a b");
    for (int i = 0; i < 10; i++)
        grebe_call_unref(channel_bench_call(&b, NULL));
    assert_int_equal(sim_server_find(&b.sim, "b")->n_requests, 5);
    /* An explicit {} resets it. */
    b.service_config = "{}";
    channel_bench_resolve(&b, "a b");
    for (int i = 0; i < 10; i++)
        grebe_call_unref(channel_bench_call(&b, NULL));
    assert_int_equal(sim_server_find(&b.sim, "a")->n_requests, 15);
    channel_bench_fini(&b);
}

/* CFG-22 */
TEST(config_of_methods_stays_and_goes_with_the_rest)
{
    struct channel_bench b;

    channel_bench_start(&b, NULL);
    channel_bench_servers(&b, "a");
    channel_bench_connect(&b);
    b.service_config =
        "{\"methodConfig\":[{\"name\":[{}],\"maxRequestMessageBytes\":0}]}";
    channel_bench_resolve(&b, "a");
    b.service_config = NULL;
    channel_bench_resolve(&b, "a");
    expect_status(channel_bench_call(&b, NULL), GREBE_STATUS_RESOURCE_EXHAUSTED, "");
    b.service_config = "{}";
    channel_bench_resolve(&b, "a");
    expect_echo(channel_bench_call(&b, NULL), "a");
    channel_bench_fini(&b);
}

/* CFG-18, CFG-23, gRFC A21 */
TEST(first_config_invalid_without_a_default_fails_every_call)
{
    struct channel_bench b;
    struct grebe_call_options wait = GREBE_CALL_OPTIONS_INIT;

    wait.wait_for_ready = GREBE_YES;
    channel_bench_start(&b, NULL);
    channel_bench_servers(&b, "a");
    channel_bench_connect(&b);
    b.service_config = "{\"loadBalancingConfig\":7}";
    assert_int_equal(channel_bench_resolve(&b, "a"), GREBE_ERR_BAD_RESOLVER_STATE);
    expect_status(channel_bench_call(&b, NULL), GREBE_STATUS_UNAVAILABLE,
                  "error parsing service config");
    expect_status(channel_bench_call(&b, &wait), GREBE_STATUS_UNAVAILABLE,
                  "error parsing service config");
    assert_string_equal(channel_bench_states(&b), "CONNECTING, TRANSIENT_FAILURE");
    b.service_config = "{}";
    assert_int_equal(channel_bench_resolve(&b, "a"), GREBE_OK);
    expect_echo(channel_bench_call(&b, NULL), "a");
    channel_bench_fini(&b);
}

/* CFG-19 */
TEST(invalid_config_inline_from_build_fails_calls_too)
{
    struct grebe_call_options options = waiting_ms(0);
    struct channel_bench b;

    channel_bench_start(&b, NULL);
    b.service_config_error = "TXT record is garbage";
    b.resolves_to = "a";
    expect_status(channel_bench_call(&b, &options), GREBE_STATUS_UNAVAILABLE,
                  "error parsing service config: TXT record is garbage");
    expect_status(channel_bench_call(&b, NULL), GREBE_STATUS_UNAVAILABLE,
                  "error parsing service config: TXT record is garbage");
    assert_string_equal(channel_bench_states(&b), "CONNECTING, TRANSIENT_FAILURE");
    assert_int_equal(b.inline_result, GREBE_ERR_BAD_RESOLVER_STATE);
    assert_int_equal(b.sim.n_dials, 0);
    channel_bench_fini(&b);
}

/* CFG-21, gRFC A21 */
TEST(invalid_config_after_a_good_one_is_ignored_but_its_addresses_are_not)
{
    struct channel_bench b;

    channel_bench_start(&b, NULL);
    channel_bench_servers(&b, "a b c");
    channel_bench_connect(&b);
    b.service_config = round_robin;
    channel_bench_resolve(&b, "a b");
    b.service_config = "not JSON";
    assert_int_equal(channel_bench_resolve(&b, "b c"), GREBE_ERR_BAD_RESOLVER_STATE);
    for (int i = 0; i < 10; i++)
        grebe_call_unref(channel_bench_call(&b, NULL));
    assert_int_equal(sim_server_find(&b.sim, "a")->n_requests, 0);
    assert_int_equal(sim_server_find(&b.sim, "c")->n_requests, 5);
    channel_bench_fini(&b);
}

/* CFG-24, gRFC A21 */
TEST(invalid_first_config_with_a_default_uses_the_default)
{
    struct channel_bench b;

    channel_bench_start(&b, round_robin);
    channel_bench_servers(&b, "a b");
    channel_bench_connect(&b);
    b.service_config = "not JSON";
    assert_int_equal(channel_bench_resolve(&b, "a b"), GREBE_ERR_BAD_RESOLVER_STATE);
    for (int i = 0; i < 10; i++)
        grebe_call_unref(channel_bench_call(&b, NULL));
    assert_int_equal(sim_server_find(&b.sim, "b")->n_requests, 5);
    channel_bench_fini(&b);
}

/* CFG-17 */
TEST(config_of_the_resolver_can_be_ignored)
{
    struct channel_bench b;

    channel_bench_init(&b);
    b.options.ignores_resolver_service_config = true;
    assert_int_equal(channel_bench_open(&b, "manual:///x"), GREBE_OK);
    channel_bench_servers(&b, "a b");
    channel_bench_connect(&b);
    assert_true(b.is_told_of_no_config); /* it need not look for one */
    b.service_config = round_robin;
    channel_bench_resolve(&b, "a b");
    for (int i = 0; i < 4; i++)
        grebe_call_unref(channel_bench_call(&b, NULL));
    assert_int_equal(sim_server_find(&b.sim, "a")->n_requests, 4);
    b.service_config = "not JSON";
    assert_int_equal(channel_bench_resolve(&b, "a b"), GREBE_OK);
    b.service_config =
        "{\"methodConfig\":[{\"name\":[{}],\"maxRequestMessageBytes\":0}]}";
    assert_int_equal(channel_bench_resolve(&b, "a b"), GREBE_OK);
    expect_echo(channel_bench_call(&b, NULL), "a");
    channel_bench_fini(&b);

    /* The channel's own config stays, whatever the resolver says. */
    channel_bench_init(&b);
    b.options.ignores_resolver_service_config = true;
    b.options.service_config = round_robin;
    assert_int_equal(channel_bench_open(&b, "manual:///x"), GREBE_OK);
    channel_bench_servers(&b, "a b");
    channel_bench_connect(&b);
    b.service_config = "{}";
    channel_bench_resolve(&b, "a b");
    for (int i = 0; i < 4; i++)
        grebe_call_unref(channel_bench_call(&b, NULL));
    assert_int_equal(sim_server_find(&b.sim, "b")->n_requests, 2);
    channel_bench_fini(&b);
}

/* CFG-2, CFG-31 */
TEST(policy_is_switched_live)
{
    struct channel_bench b;

    channel_bench_start(&b, NULL);
    channel_bench_servers(&b, "a b");
    channel_bench_connect(&b);
    b.service_config = "{\"loadBalancingPolicy\":\"pick_first\"}";
    channel_bench_resolve(&b, "a b");
    for (int i = 0; i < 4; i++)
        expect_echo(channel_bench_call(&b, NULL), "a");
    b.service_config = "{\"loadBalancingPolicy\":\"round_robin\"}";
    channel_bench_resolve(&b, "a b");
    for (int i = 0; i < 8; i++)
        grebe_call_unref(channel_bench_call(&b, NULL));
    assert_int_equal(sim_server_find(&b.sim, "b")->n_requests, 4);
    b.service_config = "{\"loadBalancingPolicy\":\"nobody_knows_it\"}";
    channel_bench_resolve(&b, "a b");
    for (int i = 0; i < 4; i++)
        expect_echo(channel_bench_call(&b, NULL), "a");
    assert_string_equal(channel_bench_states(&b), "CONNECTING, READY");
    /* Each switch is told once; the same policy again is none. */
    channel_bench_resolve(&b, "a b");
    assert_int_equal(channel_bench_n_logged(&b, "Channel switches to new LB policy"), 3);
    assert_int_equal(channel_bench_n_logged(&b, "LB policy \"pick_first\""), 2);
    assert_int_equal(channel_bench_n_logged(&b, "LB policy \"round_robin\""), 1);
    channel_bench_fini(&b);
}

TEST(policy_option_stands_in_for_a_config_that_names_none)
{
    struct channel_bench b;

    channel_bench_init(&b);
    b.options.policy = "round_robin";
    b.resolves_to = "a b";
    assert_int_equal(channel_bench_open(&b, "manual:///x"), GREBE_OK);
    channel_bench_servers(&b, "a b");
    channel_bench_connect(&b);
    for (int i = 0; i < 6; i++)
        grebe_call_unref(channel_bench_call(&b, NULL));
    assert_int_equal(sim_server_find(&b.sim, "b")->n_requests, 3);
    channel_bench_fini(&b);
}

/* ---- Idle mode ---------------------------------------------------------------------------------- */

static void open_idle_after(struct channel_bench *b, uint64_t timeout_ns)
{
    channel_bench_init(b);
    b->options.idle_timeout_ns = timeout_ns;
    b->resolves_to = "a";
    assert_int_equal(channel_bench_open(b, "manual:///x"), GREBE_OK);
    channel_bench_servers(b, "a");
}

/* CH-15, CH-18 */
TEST(unused_channel_goes_idle_and_the_next_call_wakes_it)
{
    struct channel_bench b;

    open_idle_after(&b, 10 * SECOND);
    expect_echo(channel_bench_call(&b, NULL), "a");
    channel_bench_advance_ms(&b, 9999);
    assert_int_equal(grebe__channel_get_state(b.channel), GREBE_READY);
    channel_bench_advance_ms(&b, 1);
    assert_int_equal(grebe__channel_get_state(b.channel), GREBE_IDLE);
    assert_null(b.conn); /* resolver, policy and connections are gone */
    assert_null(b.channel->root);
    assert_null(b.channel->picker);
    assert_int_equal(sim_server_n_open(sim_server_find(&b.sim, "a")), 0);
    expect_echo(channel_bench_call(&b, NULL), "a");
    assert_string_equal(channel_bench_states(&b),
                        "CONNECTING, READY, IDLE, CONNECTING, READY");
    assert_true(channel_bench_logged(&b, "Channel entering idle mode"));
    assert_true(channel_bench_logged(&b, "Channel exiting idle mode"));
    assert_int_equal(b.n_builds, 2);
    channel_bench_fini(&b);
}

/* CH-21 */
TEST(idle_comes_one_timeout_after_the_last_call)
{
    struct channel_bench b;

    open_idle_after(&b, 10 * SECOND);
    expect_echo(channel_bench_call(&b, NULL), "a");
    channel_bench_advance_ms(&b, 7000);
    expect_echo(channel_bench_call(&b, NULL), "a");
    channel_bench_advance_ms(&b, 9999);
    assert_int_equal(grebe__channel_get_state(b.channel), GREBE_READY);
    channel_bench_advance_ms(&b, 1);
    assert_int_equal(grebe__channel_get_state(b.channel), GREBE_IDLE);
    channel_bench_fini(&b);
}

/* CH-16 */
TEST(call_in_flight_keeps_the_channel_awake)
{
    struct channel_bench b;
    struct grebe_call *call;

    open_idle_after(&b, 10 * SECOND);
    sim_server_find(&b.sim, "a")->echoes = false;
    call = channel_bench_call(&b, NULL);
    channel_bench_advance_ms(&b, 100000);
    assert_int_equal(grebe__channel_get_state(b.channel), GREBE_READY);
    grebe__env_enter(&b.sim.env);
    assert_false(grebe__channel_enter_idle(b.channel));
    grebe__env_leave(&b.sim.env);
    sim_answer(sim_server_request(sim_server_find(&b.sim, "a")), "ping", 4);
    sim_settle(&b.sim);
    expect_echo(call, "a");
    channel_bench_advance_ms(&b, 20000);
    assert_int_equal(grebe__channel_get_state(b.channel), GREBE_IDLE);
    channel_bench_fini(&b);
}

/* CH-14 */
TEST(timeout_zero_never_goes_idle)
{
    struct channel_bench b;

    open_idle_after(&b, 0);
    expect_echo(channel_bench_call(&b, NULL), "a");
    channel_bench_advance_ms(&b, 24 * 3600000u);
    assert_int_equal(grebe__channel_get_state(b.channel), GREBE_READY);
    channel_bench_fini(&b);
}

/* CH-18 */
TEST(connect_leaves_idle_mode_and_reaches_the_policy)
{
    struct channel_bench b;

    open_idle_after(&b, 10 * SECOND);
    channel_bench_connect(&b);
    channel_bench_advance_ms(&b, 20000);
    channel_bench_connect(&b);
    assert_string_equal(channel_bench_states(&b),
                        "CONNECTING, READY, IDLE, CONNECTING, READY");
    channel_bench_fini(&b);
}

/* CH-20 */
TEST(many_calls_on_an_idle_channel_leave_idle_mode_once)
{
    struct channel_bench b;
    struct grebe_call *calls[100];

    open_idle_after(&b, 10 * SECOND);
    b.resolves_to = NULL;
    for (size_t i = 0; i < 100; i++)
        calls[i] = channel_bench_call(&b, NULL);
    assert_int_equal(b.n_builds, 1);
    channel_bench_resolve(&b, "a");
    for (size_t i = 0; i < 100; i++)
        expect_echo(calls[i], "a");
    channel_bench_fini(&b);
}

/* ---- Closing -------------------------------------------------------------------------------------- */

/* CH-24, CH-26, PK-19 */
TEST(close_ends_calls_wherever_they_are)
{
    struct channel_bench b;
    struct grebe_call *resolving, *picking, *streaming;

    channel_bench_start(&b, NULL);
    resolving = channel_bench_call(&b, NULL);
    channel_bench_close(&b);
    expect_status(resolving, GREBE_STATUS_CANCELLED,
                  "grpc: the client connection is closing");
    channel_bench_fini(&b);

    channel_bench_start(&b, NULL);
    b.resolves_to = "a";
    channel_bench_servers(&b, "a");
    sim_server_find(&b.sim, "a")->behaviour = SIM_HANGS;
    picking = channel_bench_call(&b, NULL);
    channel_bench_close(&b);
    expect_status(picking, GREBE_STATUS_CANCELLED,
                  "grpc: the client connection is closing");
    channel_bench_fini(&b);

    channel_bench_start(&b, NULL);
    b.resolves_to = "a";
    channel_bench_servers(&b, "a");
    sim_server_find(&b.sim, "a")->echoes = false;
    streaming = channel_bench_call(&b, NULL);
    channel_bench_close(&b);
    expect_status(streaming, GREBE_STATUS_CANCELLED,
                  "grpc: the client connection is closing");
    expect_status(channel_bench_call(&b, NULL), GREBE_STATUS_CANCELLED,
                  "grpc: the client connection is closing");
    channel_bench_fini(&b);
}

static bool was_closed_first;

static void look_if_closed(void *arg, struct grebe_call *call)
{
    const struct channel_bench *b = arg;

    (void)call;
    was_closed_first = b->is_closed;
}

/* The close is over when nothing else is to come. */
TEST(a_call_started_while_the_channel_closes_ends_before_the_close_does)
{
    struct channel_bench b;
    struct grebe_call *call;

    channel_bench_start(&b, NULL);
    channel_bench_connect(&b);
    assert_int_equal(grebe__call_new(b.channel, "/s/m", NULL, sim_now(&b.sim),
                                     &grebe__unary_handler, &call),
                     GREBE_OK);
    grebe__unary_init(call, "ping", 4, look_if_closed, &b);
    was_closed_first = true;
    grebe__env_enter(&b.sim.env);
    channel_bench_close(&b);
    grebe__call_start(call);
    grebe__env_leave(&b.sim.env);
    sim_settle(&b.sim);
    assert_false(was_closed_first);
    assert_true(b.is_closed);
    expect_status(call, GREBE_STATUS_CANCELLED, "grpc: the client connection is closing");
    channel_bench_fini(&b);
}

TEST(connect_after_close_does_nothing)
{
    struct channel_bench b;

    channel_bench_start(&b, NULL);
    grebe__env_enter(&b.sim.env);
    channel_bench_close(&b);
    grebe__channel_connect(b.channel);
    grebe__env_leave(&b.sim.env);
    channel_bench_connect(&b);
    assert_int_equal(b.n_builds, 0);
    assert_string_equal(channel_bench_states(&b), "SHUTDOWN");
    channel_bench_fini(&b);
}

TEST(close_while_connecting_leaves_nothing_behind)
{
    struct channel_bench b;

    channel_bench_start(&b, round_robin);
    b.resolves_to = "a b c";
    channel_bench_servers(&b, "a b");
    sim_server_find(&b.sim, "a")->behaviour = SIM_HANGS;
    channel_bench_connect(&b);
    channel_bench_fini(&b);
}

/* ---- Creation --------------------------------------------------------------------------------------- */

static const struct {
    const char *target, *authority, *service_config, *policy;
    int result;
    const char *diag;
} creations[] = {
    {"manual:///x", NULL, "", NULL, GREBE_ERR_CONFIG,
     "grpc: the provided default service config is invalid"},
    {"manual:///x", NULL, "{\"loadBalancingConfig\":[{\"nope\":{}}]}", NULL,
     GREBE_ERR_CONFIG, "no supported policies found"},
    {"manual:///x", NULL, NULL, "nope", GREBE_ERR_CONFIG, "\"nope\""},
    {"dns:///a%zz", NULL, NULL, NULL, GREBE_ERR_TARGET, ""},
};

/* CFG-15 */
TEST(what_cannot_be_is_said_when_the_channel_is_made)
{
    for (size_t i = 0; i < sizeof creations / sizeof creations[0]; i++) {
        struct channel_bench b;

        channel_bench_init(&b);
        b.options.service_config = creations[i].service_config;
        b.options.policy = creations[i].policy;
        assert_int_equal(channel_bench_open(&b, creations[i].target),
                         creations[i].result);
        assert_non_null(strstr(b.diag.text, creations[i].diag));
        assert_string_not_equal(b.diag.text, "");
        channel_bench_fini(&b);
    }
}

TEST(text_that_no_header_may_hold_is_refused)
{
    static const struct {
        const char *authority, *user_agent, *diag;
    } cases[] = {
        {"a b", NULL, "authority \"a b\": no header may hold these bytes"},
        {"a\n", NULL, "authority \"a\\x0a\": no header may hold these bytes"},
        {"b\xc3\xbc", NULL, "authority \"b\xc3\xbc\": no header may hold these bytes"},
        {"", NULL, "authority \"\": it is empty"},
        {NULL, "app\r\nx: y", "user_agent \"app\\x0d\\x0ax: y\": no header may hold"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct channel_bench b;

        channel_bench_init(&b);
        b.options.authority = cases[i].authority;
        b.options.user_agent = cases[i].user_agent;
        assert_int_equal(channel_bench_open(&b, "manual:///x"), GREBE_ERR_INVALID);
        assert_non_null(strstr(b.diag.text, cases[i].diag));
        channel_bench_fini(&b);
    }
}

/* TGT-3 */
TEST(default_scheme_of_the_process_is_used_for_targets_without_one)
{
    struct channel_bench b;

    channel_bench_init(&b);
    assert_int_equal(grebe_resolver_set_default_scheme("manual"), GREBE_OK);
    assert_int_equal(channel_bench_open(&b, "a:1"), GREBE_OK);
    assert_int_equal(grebe_resolver_set_default_scheme(NULL), GREBE_OK);
    assert_string_equal(b.channel->target_text, "manual:///a:1");
    channel_bench_fini(&b);
}

TEST(plaintext_must_be_asked_for)
{
    struct channel_bench b;

    channel_bench_init(&b);
    b.options.credentials = NULL;
    assert_int_equal(channel_bench_open(&b, "manual:///x"), GREBE_ERR_INVALID);
    assert_non_null(strstr(b.diag.text, "grebe_credentials_insecure"));
    channel_bench_fini(&b);
}

/* TGT-13 */
TEST(authority_is_the_target_unless_the_application_says_otherwise)
{
    struct channel_bench b;

    channel_bench_init(&b);
    b.resolves_to = "a";
    assert_int_equal(channel_bench_open(&b, "manual:///:50051"), GREBE_OK);
    channel_bench_servers(&b, "a");
    expect_echo(channel_bench_call(&b, NULL), "a");
    assert_string_equal(sim_server_find(&b.sim, "a")->authority, "localhost:50051");
    channel_bench_fini(&b);

    channel_bench_init(&b);
    b.resolves_to = "a";
    b.options.authority = "example.com";
    assert_int_equal(channel_bench_open(&b, "manual:///x"), GREBE_OK);
    channel_bench_servers(&b, "a");
    expect_echo(channel_bench_call(&b, NULL), "a");
    assert_string_equal(sim_server_find(&b.sim, "a")->authority, "example.com");
    channel_bench_fini(&b);
}

/* ---- Out of memory ------------------------------------------------------------------------------------ */

/* Without memory for a policy the channel stays idle: the next call leaves idle mode, and
 * waits for the resolver like any other. */
TEST(idle_mode_is_left_at_the_second_try_when_memory_was_short_at_the_first)
{
    struct channel_bench b;
    struct grebe_call *call;

    channel_bench_start(&b, NULL);
    channel_bench_servers(&b, "a");
    b.mem.fail_at = b.mem.n_allocs + 1;
    channel_bench_connect(&b);
    assert_true(b.mem.has_failed);
    assert_int_equal(grebe__channel_get_state(b.channel), GREBE_TRANSIENT_FAILURE);
    assert_int_equal(b.n_builds, 0);
    call = channel_bench_call(&b, NULL);
    expect_pending(call);
    assert_int_equal(call->state, GREBE__CALL_RESOLVING);
    channel_bench_resolve(&b, "a");
    expect_echo(call, "a");
    channel_bench_fini(&b);
}

TEST(out_of_memory_anywhere_is_survived)
{
    uint32_t fail_at = 0;
    bool has_failed;

    do {
        struct channel_bench b;
        struct grebe_call *call = NULL;

        channel_bench_init(&b);
        b.mem.fail_at = ++fail_at;
        b.options.service_config = round_robin;
        b.resolves_to = "a b+c";
        channel_bench_servers(&b, "a c");
        if (channel_bench_open(&b, "manual:///x") == GREBE_OK) {
            call = channel_bench_call(&b, NULL);
            channel_bench_advance_ms(&b, 3000);
            sim_server_kill(sim_server_find(&b.sim, "a"), "reset");
            channel_bench_advance_ms(&b, 3000);
            if (b.conn != NULL)
                channel_bench_resolve(&b, "c d");
            grebe_call_unref(channel_bench_call(&b, NULL));
            channel_bench_advance_ms(&b, 3000);
        }
        has_failed = b.mem.has_failed;
        if (b.channel != NULL)
            channel_bench_close(&b);
        if (call != NULL) {
            assert_true(grebe_call_is_done(call));
            grebe_call_unref(call);
        }
        channel_bench_fini(&b);
        assert_true(fail_at < 1000);
    } while (has_failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_channel_is_idle_and_does_nothing),
        cmocka_unit_test(connect_waits_for_the_resolver_then_for_the_server),
        cmocka_unit_test(lost_connection_makes_the_channel_idle_and_connect_dials_again),
        cmocka_unit_test(two_dead_addresses_are_both_dialled_before_the_failure),
        cmocka_unit_test(watcher_hears_every_state_in_order_and_shutdown_last),
        cmocka_unit_test(failing_to_build_the_resolver_fails_calls_until_idle_mode),
        cmocka_unit_test(
            a_resolver_that_could_not_be_built_is_built_anew_after_idle_mode),
        cmocka_unit_test(resolver_error_before_any_result_fails_calls_with_its_text),
        cmocka_unit_test(zero_addresses_fail_calls_and_ask_the_resolver_again),
        cmocka_unit_test(a_first_error_puts_the_default_config_in_force),
        cmocka_unit_test(error_after_a_good_result_changes_nothing),
        cmocka_unit_test(default_config_applies_when_the_resolver_has_none),
        cmocka_unit_test(config_of_the_resolver_wins_and_stays_when_it_stops_coming),
        cmocka_unit_test(config_of_methods_stays_and_goes_with_the_rest),
        cmocka_unit_test(first_config_invalid_without_a_default_fails_every_call),
        cmocka_unit_test(invalid_config_inline_from_build_fails_calls_too),
        cmocka_unit_test(
            invalid_config_after_a_good_one_is_ignored_but_its_addresses_are_not),
        cmocka_unit_test(invalid_first_config_with_a_default_uses_the_default),
        cmocka_unit_test(config_of_the_resolver_can_be_ignored),
        cmocka_unit_test(policy_is_switched_live),
        cmocka_unit_test(policy_option_stands_in_for_a_config_that_names_none),
        cmocka_unit_test(unused_channel_goes_idle_and_the_next_call_wakes_it),
        cmocka_unit_test(idle_comes_one_timeout_after_the_last_call),
        cmocka_unit_test(call_in_flight_keeps_the_channel_awake),
        cmocka_unit_test(timeout_zero_never_goes_idle),
        cmocka_unit_test(connect_leaves_idle_mode_and_reaches_the_policy),
        cmocka_unit_test(many_calls_on_an_idle_channel_leave_idle_mode_once),
        cmocka_unit_test(close_ends_calls_wherever_they_are),
        cmocka_unit_test(
            a_call_started_while_the_channel_closes_ends_before_the_close_does),
        cmocka_unit_test(connect_after_close_does_nothing),
        cmocka_unit_test(close_while_connecting_leaves_nothing_behind),
        cmocka_unit_test(what_cannot_be_is_said_when_the_channel_is_made),
        cmocka_unit_test(text_that_no_header_may_hold_is_refused),
        cmocka_unit_test(default_scheme_of_the_process_is_used_for_targets_without_one),
        cmocka_unit_test(plaintext_must_be_asked_for),
        cmocka_unit_test(authority_is_the_target_unless_the_application_says_otherwise),
        cmocka_unit_test(
            idle_mode_is_left_at_the_second_try_when_memory_was_short_at_the_first),
        cmocka_unit_test(out_of_memory_anywhere_is_survived),
    };

    return cmocka_run_group_tests_name("channel", tests, NULL, NULL);
}
