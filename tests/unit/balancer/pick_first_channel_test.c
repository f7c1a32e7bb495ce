/* SPDX-License-Identifier: Apache-2.0 */
/* pick_first in a whole channel: what calls and watchers of the state notice. */
#include "support/test.h"

#include "support/channel_bench.h"

static void start(struct channel_bench *b, const char *endpoints, const char *servers)
{
    channel_bench_start(b, NULL);
    b->resolves_to = endpoints;
    channel_bench_servers(b, servers);
}

/* PF-1 */
TEST(all_calls_go_to_the_first_backend)
{
    static const char *const endpoints[] = {"a", "a b"};

    for (size_t i = 0; i < sizeof endpoints / sizeof endpoints[0]; i++) {
        struct channel_bench b;

        start(&b, endpoints[i], "a b");
        for (int k = 0; k < 10; k++)
            expect_echo(channel_bench_call(&b, NULL), "a");
        assert_int_equal(sim_server_find(&b.sim, "b")->n_dials, 0);
        channel_bench_fini(&b);
    }
}

/* PF-2 */
TEST(second_backend_serves_when_the_first_is_down_at_start)
{
    struct channel_bench b;

    start(&b, "a b", "b");
    expect_echo(channel_bench_call(&b, NULL), "b");
    assert_string_equal(channel_bench_states(&b), "CONNECTING, READY");
    /* Nothing of the first is left: its backoff ends unnoticed. */
    channel_bench_servers(&b, "a");
    channel_bench_advance_ms(&b, 10000);
    assert_int_equal(sim_server_find(&b.sim, "a")->n_dials, 0);
    expect_echo(channel_bench_call(&b, NULL), "b");
    channel_bench_fini(&b);
}

/* PF-3 */
TEST(lost_server_means_idle_and_the_next_call_tries_the_first_address_first)
{
    struct channel_bench b;

    start(&b, "a b", "b");
    expect_echo(channel_bench_call(&b, NULL), "b");
    channel_bench_states(&b);
    channel_bench_servers(&b, "a");
    sim_server_kill(sim_server_find(&b.sim, "b"), "stopped");
    sim_settle(&b.sim);
    assert_string_equal(channel_bench_states(&b), "IDLE");
    expect_echo(channel_bench_call(&b, NULL), "a");
    assert_string_equal(channel_bench_states(&b), "CONNECTING, READY");
    channel_bench_fini(&b);
}

/* PF-4 */
TEST(calls_are_unavailable_when_all_backends_are_down)
{
    struct channel_bench b;

    start(&b, "a b", "");
    expect_status(channel_bench_call(&b, NULL), GREBE_STATUS_UNAVAILABLE,
                  "connection refused");
    assert_string_equal(channel_bench_states(&b), "CONNECTING, TRANSIENT_FAILURE");
    channel_bench_fini(&b);
}

/* PF-11 */
TEST(waiting_call_outlives_an_empty_list)
{
    struct grebe_call_options options = GREBE_CALL_OPTIONS_INIT;
    struct channel_bench b;
    struct grebe_call *call;

    start(&b, "", "a");
    options.wait_for_ready = GREBE_YES;
    channel_bench_connect(&b);
    channel_bench_resolve(&b, "");
    call = channel_bench_call(&b, &options);
    expect_status(channel_bench_call(&b, NULL), GREBE_STATUS_UNAVAILABLE,
                  "produced zero addresses");
    expect_pending(call);
    channel_bench_resolve(&b, "a");
    expect_echo(call, "a");
    channel_bench_fini(&b);
}

/* PF-12: a server that closes at once is, to pick_first, an attempt that failed. */
TEST(channel_stays_in_transient_failure_while_it_dials_again_and_again)
{
    struct channel_bench b;

    channel_bench_init(&b);
    b.options.backoff_base_ns = 100 * MS;
    b.options.backoff_max_ns = 100 * MS;
    b.options.backoff_multiplier = 1;
    b.options.backoff_jitter = 0;
    b.resolves_to = "a";
    assert_int_equal(channel_bench_open(&b, "manual:///x"), GREBE_OK);
    channel_bench_servers(&b, "a");
    sim_server_find(&b.sim, "a")->behaviour = SIM_REFUSES;
    channel_bench_connect(&b);
    channel_bench_advance_ms(&b, 1000);
    assert_int_equal(sim_server_find(&b.sim, "a")->n_dials, 11);
    assert_string_equal(channel_bench_states(&b), "CONNECTING, TRANSIENT_FAILURE");
    channel_bench_fini(&b);
}

/* PF-21 */
TEST(error_of_the_resolver_reaches_calls_until_it_finds_something)
{
    struct channel_bench b;

    channel_bench_start(&b, NULL);
    channel_bench_servers(&b, "a");
    channel_bench_connect(&b);
    channel_bench_resolver_error(&b, "no such host");
    expect_status(channel_bench_call(&b, NULL), GREBE_STATUS_UNAVAILABLE, "no such host");
    assert_string_equal(channel_bench_states(&b), "CONNECTING, TRANSIENT_FAILURE");
    channel_bench_resolve(&b, "a");
    assert_string_equal(channel_bench_states(&b), "CONNECTING, READY");
    channel_bench_fini(&b);
}

/* What loses the race is neither a failure nor a connection that stays. */
TEST(slower_attempt_that_ends_after_the_race_leaves_no_trace)
{
    struct channel_bench b;

    start(&b, "a b", "a b");
    sim_server_find(&b.sim, "a")->connect_delay_ns = 1000 * MS;
    channel_bench_connect(&b);
    channel_bench_advance_ms(&b, 250);
    assert_string_equal(channel_bench_states(&b), "CONNECTING, READY");
    channel_bench_advance_ms(&b, 10000);
    assert_int_equal(sim_server_find(&b.sim, "a")->n_dials, 1);
    assert_int_equal(sim_server_n_open(sim_server_find(&b.sim, "a")), 0);
    assert_int_equal(sim_server_n_open(sim_server_find(&b.sim, "b")), 1);
    assert_string_equal(channel_bench_states(&b), "");
    assert_int_equal(b.n_resolve_now, 0);
    channel_bench_fini(&b);
}

/* gRFC A61: the application says how long, within bounds. */
TEST(delay_between_two_attempts_is_an_option_of_the_channel)
{
    static const struct {
        uint64_t delay_ms, used_ms;
    } cases[] = {{400, 400}, {1, 100}, {60000, 2000}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct channel_bench b;

        channel_bench_init(&b);
        b.options.happy_eyeballs_delay_ns = cases[i].delay_ms * MS;
        assert_int_equal(channel_bench_open(&b, "manual:///test"), GREBE_OK);
        b.resolves_to = "a b";
        channel_bench_servers(&b, "a b");
        sim_server_find(&b.sim, "a")->connect_delay_ns = 10000 * MS;
        channel_bench_connect(&b);
        channel_bench_advance_ms(&b, cases[i].used_ms - 1);
        assert_int_equal(sim_server_find(&b.sim, "b")->n_dials, 0);
        channel_bench_advance_ms(&b, 1);
        assert_int_equal(sim_server_find(&b.sim, "b")->n_dials, 1);
        channel_bench_fini(&b);
    }
}

/* PF-37: round_robin asks its pick_first children for health, and no service is named. */
TEST(channel_without_a_health_service_takes_connections_for_healthy)
{
    struct channel_bench b;

    channel_bench_start(&b, "{\"loadBalancingConfig\":[{\"round_robin\":{}}]}");
    b.resolves_to = "a";
    channel_bench_servers(&b, "a");
    channel_bench_connect(&b);
    assert_string_equal(channel_bench_states(&b), "CONNECTING, READY");
    expect_echo(channel_bench_call(&b, NULL), "a");
    channel_bench_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_calls_go_to_the_first_backend),
        cmocka_unit_test(second_backend_serves_when_the_first_is_down_at_start),
        cmocka_unit_test(
            lost_server_means_idle_and_the_next_call_tries_the_first_address_first),
        cmocka_unit_test(calls_are_unavailable_when_all_backends_are_down),
        cmocka_unit_test(waiting_call_outlives_an_empty_list),
        cmocka_unit_test(
            channel_stays_in_transient_failure_while_it_dials_again_and_again),
        cmocka_unit_test(error_of_the_resolver_reaches_calls_until_it_finds_something),
        cmocka_unit_test(slower_attempt_that_ends_after_the_race_leaves_no_trace),
        cmocka_unit_test(delay_between_two_attempts_is_an_option_of_the_channel),
        cmocka_unit_test(channel_without_a_health_service_takes_connections_for_healthy),
    };

    return cmocka_run_group_tests_name("pick_first_channel", tests, NULL, NULL);
}
