/* SPDX-License-Identifier: Apache-2.0 */
/* When a subconn dials, how long it waits, and what new addresses change: gRPC connection
 * backoff protocol, grpc-go addrConn. */
#include "support/test.h"

#include "core/subconn.h"
#include "support/channel_bench.h"
#include "support/one_subconn.h"

static void start_one(struct channel_bench *b, const char *servers, const char *addresses)
{
    channel_bench_start(b, "{\"loadBalancingConfig\":[{\"one_subconn\":{}}]}");
    b->resolves_to = addresses;
    channel_bench_servers(b, servers);
    one.states[0] = '\0';
}

static void connect_one(struct channel_bench *b)
{
    grebe__env_enter(&b->sim.env);
    grebe_subconn_connect(one.subconn);
    grebe_subconn_connect(one.subconn);
    grebe__env_leave(&b->sim.env);
    sim_settle(&b->sim);
}

/* SC-1 */
TEST(connect_means_nothing_unless_the_subconn_is_idle)
{
    struct channel_bench b;
    struct sim_server *server;
    struct grebe_subconn *subconn;

    start_one(&b, "a", "a");
    server = sim_server_find(&b.sim, "a");
    server->behaviour = SIM_HANGS;
    channel_bench_connect(&b);
    connect_one(&b); /* CONNECTING */
    assert_int_equal(server->n_dials, 1);
    channel_bench_advance_ms(&b, 20000);
    connect_one(&b); /* TRANSIENT_FAILURE */
    assert_int_equal(server->n_dials, 1);
    server->behaviour = SIM_ACCEPTS;
    channel_bench_advance_ms(&b, 1000);
    assert_int_equal(one.state, GREBE_IDLE);
    connect_one(&b);
    assert_int_equal(one.state, GREBE_READY);
    connect_one(&b); /* READY */
    assert_int_equal(server->n_dials, 2);
    subconn = grebe_subconn_ref(one.subconn);
    grebe__env_enter(&b.sim.env);
    grebe_subconn_shutdown(subconn);
    grebe__env_leave(&b.sim.env);
    grebe__env_enter(&b.sim.env);
    grebe_subconn_connect(subconn); /* SHUTDOWN */
    grebe__env_leave(&b.sim.env);
    assert_int_equal(server->n_dials, 2);
    assert_string_equal(
        one.states, "CONNECTING, TRANSIENT_FAILURE, IDLE, CONNECTING, READY, SHUTDOWN");
    grebe_subconn_unref(subconn);
    channel_bench_fini(&b);
}

/* SC-3 */
TEST(a_server_that_says_nothing_is_given_up_and_tried_again)
{
    struct channel_bench b;
    struct sim_server *server;

    channel_bench_init(&b);
    b.options.min_connect_timeout_ns = 2 * SECOND;
    b.resolves_to = "a";
    assert_int_equal(channel_bench_open(&b, "manual:///x"), GREBE_OK);
    channel_bench_servers(&b, "a");
    server = sim_server_find(&b.sim, "a");
    server->behaviour = SIM_HANGS;
    channel_bench_connect(&b);
    channel_bench_advance_ms(&b, 2000);
    assert_true(grebe__list_is_empty(&b.sim.dials)); /* closed */
    assert_int_equal(grebe__channel_get_state(b.channel), GREBE_TRANSIENT_FAILURE);
    server->behaviour = SIM_ACCEPTS;
    channel_bench_advance_ms(&b, 1000);
    assert_int_equal(grebe__channel_get_state(b.channel), GREBE_READY);
    channel_bench_advance_ms(&b, 60000);
    assert_int_equal(grebe__channel_get_state(b.channel), GREBE_READY);
    assert_int_equal(server->n_dials, 2);
    channel_bench_fini(&b);
}

TEST(each_round_has_an_error_of_its_own)
{
    struct channel_bench b;
    struct sim_server *server;

    start_one(&b, "a", "a");
    server = sim_server_find(&b.sim, "a");
    server->behaviour = SIM_REFUSES;
    server->refusal = "no route to host";
    channel_bench_connect(&b);
    assert_string_equal(one.error, "connection error: a: no route to host");
    channel_bench_advance_ms(&b, 1000);
    server->refusal = "connection refused";
    channel_bench_connect(&b);
    assert_string_equal(one.error, "connection error: a: connection refused");
    channel_bench_fini(&b);
}

static enum grebe_connectivity subconn_then,
    channel_then; /* when the resolver was asked */

static void look_at_states(struct channel_bench *b)
{
    subconn_then = one.state;
    channel_then = grebe__channel_get_state(b->channel);
}

/* The subconn's listener has heard, inside a turn of its own; what the policy makes of it
 * comes after the resolver was asked, who may know better addresses. */
TEST(the_resolver_is_asked_before_the_channel_shows_a_failure_or_a_loss)
{
    struct channel_bench b;

    start_one(&b, "", "a");
    b.on_resolve_now = look_at_states;
    channel_bench_connect(&b);
    assert_int_equal(subconn_then, GREBE_TRANSIENT_FAILURE);
    assert_int_equal(channel_then, GREBE_CONNECTING);
    assert_int_equal(grebe__channel_get_state(b.channel), GREBE_TRANSIENT_FAILURE);
    channel_bench_servers(&b, "a");
    channel_bench_advance_ms(&b, 1000);
    channel_bench_connect(&b);
    assert_int_equal(one.state, GREBE_READY);
    sim_server_kill(sim_server_find(&b.sim, "a"), "reset");
    sim_settle(&b.sim);
    assert_int_equal(subconn_then, GREBE_IDLE);
    assert_int_equal(channel_then, GREBE_READY);
    assert_int_equal(grebe__channel_get_state(b.channel), GREBE_IDLE);
    channel_bench_fini(&b);
}

/* SC-4 */
TEST(intervals_grow_as_the_options_say)
{
    static const uint64_t at_ms[] = {200, 600, 1400, 3000, 6200};
    struct channel_bench b;
    struct sim_server *server;
    uint64_t elapsed_ms = 0;

    channel_bench_init(&b);
    b.options.backoff_base_ns = 200 * MS;
    b.options.backoff_multiplier = 2;
    b.options.backoff_jitter = 0;
    b.resolves_to = "a";
    assert_int_equal(channel_bench_open(&b, "manual:///x"), GREBE_OK);
    server = sim_server_new(&b.sim, "a");
    server->behaviour = SIM_REFUSES;
    channel_bench_connect(&b);
    for (uint32_t i = 0; i < 5; i++) {
        channel_bench_advance_ms(&b, at_ms[i] - elapsed_ms - 1);
        assert_int_equal(server->n_dials, i + 1);
        channel_bench_advance_ms(&b, 1);
        assert_int_equal(server->n_dials, i + 2);
        elapsed_ms = at_ms[i];
    }
    channel_bench_fini(&b);
}

/* SC-5: randomness is drawn once for a round of a subconn, and for nothing else here. */
TEST(backoff_is_drawn_once_for_each_round)
{
    struct channel_bench b;
    struct grebe__rng expected;

    channel_bench_start(&b, NULL);
    b.resolves_to = "a b";
    expected = b.sim.env.rng;
    channel_bench_connect(&b);
    assert_int_equal(b.sim.n_dials, 2);
    grebe__rng_next(&expected);
    grebe__rng_next(&expected);
    assert_memory_equal(&expected, &b.sim.env.rng, sizeof expected);
    channel_bench_fini(&b);
}

/* SC-9 */
TEST(an_endless_backoff_ends_when_it_is_reset_and_not_before)
{
    struct channel_bench b;

    channel_bench_init(&b);
    b.options.backoff_base_ns = UINT64_C(1000000) * SECOND;
    b.options.idle_timeout_ns = 0;
    b.options.min_connect_timeout_ns = SECOND;
    b.resolves_to = "a";
    assert_int_equal(channel_bench_open(&b, "manual:///x"), GREBE_OK);
    channel_bench_connect(&b);
    channel_bench_servers(&b, "a");
    channel_bench_advance_ms(&b, 3600000);
    assert_int_equal(grebe__channel_get_state(b.channel), GREBE_TRANSIENT_FAILURE);
    grebe__env_enter(&b.sim.env);
    grebe__channel_reset_backoff(b.channel);
    grebe__env_leave(&b.sim.env);
    sim_settle(&b.sim);
    assert_int_equal(grebe__channel_get_state(b.channel), GREBE_READY);
    channel_bench_fini(&b);
}

/* One that is READY at the time has only its count to lose. */
TEST(every_subconn_forgets_its_backoff)
{
    struct channel_bench b;

    channel_bench_start(&b, "{\"loadBalancingConfig\":[{\"round_robin\":{}}]}");
    b.resolves_to = "a b c";
    channel_bench_servers(&b, "c");
    channel_bench_connect(&b);
    assert_int_equal(b.sim.n_dials, 3);
    channel_bench_servers(&b, "a b");
    grebe__env_enter(&b.sim.env);
    grebe__channel_reset_backoff(b.channel);
    grebe__env_leave(&b.sim.env);
    sim_settle(&b.sim);
    assert_int_equal(sim_server_find(&b.sim, "a")->n_connections, 1);
    assert_int_equal(sim_server_find(&b.sim, "b")->n_connections, 1);
    assert_int_equal(sim_server_find(&b.sim, "c")->n_connections, 1);
    channel_bench_fini(&b);
}

/* As grebe_channel_reset_backoff() asks for it. */
TEST(any_thread_may_have_the_backoff_forgotten)
{
    struct channel_bench b;

    channel_bench_start(&b, NULL);
    b.resolves_to = "a";
    channel_bench_connect(&b);
    assert_int_equal(b.sim.n_dials, 1);
    grebe__channel_submit(b.channel, GREBE__REQUEST_RESET_BACKOFF);
    sim_settle(&b.sim);
    assert_int_equal(b.sim.n_dials, 2);
    channel_bench_fini(&b);
}

/* Nothing of an attempt that is over wakes anybody up later. */
TEST(a_timer_runs_only_while_something_is_waited_for)
{
    struct channel_bench b;

    channel_bench_init(&b);
    b.options.idle_timeout_ns = 0;
    b.options.service_config = "{\"loadBalancingConfig\":[{\"one_subconn\":{}}]}";
    b.resolves_to = "a";
    assert_int_equal(channel_bench_open(&b, "manual:///x"), GREBE_OK);
    channel_bench_connect(&b);
    assert_int_equal(one.state, GREBE_TRANSIENT_FAILURE);
    assert_int_equal(grebe__wheel_next_ns(&b.sim.env.wheel), sim_now(&b.sim) + SECOND);
    grebe__env_enter(&b.sim.env);
    grebe__channel_reset_backoff(b.channel);
    grebe__env_leave(&b.sim.env);
    assert_int_equal(one.state, GREBE_IDLE);
    assert_int_equal(grebe__wheel_next_ns(&b.sim.env.wheel), UINT64_MAX);
    channel_bench_servers(&b, "a");
    channel_bench_connect(&b);
    assert_int_equal(one.state, GREBE_READY);
    assert_int_equal(grebe__wheel_next_ns(&b.sim.env.wheel), UINT64_MAX);
    channel_bench_fini(&b);
}

/* SC-28 */
TEST(a_maximum_of_zero_is_taken_at_its_word)
{
    struct channel_bench b;

    channel_bench_init(&b);
    b.options.backoff_max_ns = 0;
    b.resolves_to = "a";
    assert_int_equal(channel_bench_open(&b, "manual:///x"), GREBE_OK);
    channel_bench_connect(&b);
    assert_int_equal(b.sim.n_dials, 1);
    channel_bench_advance_ms(&b, 999); /* the first delay is the base, uncapped */
    assert_int_equal(b.sim.n_dials, 1);
    channel_bench_servers(&b, "");
    sim_server_new(&b.sim, "a")->behaviour = SIM_HANGS;
    channel_bench_advance_ms(&b, 1);
    assert_int_equal(b.sim.n_dials, 2);
    assert_int_equal(
        grebe_container_of(b.channel->subconns.next, struct grebe__subconn, link)
            ->backoff_ns,
        0);
    channel_bench_fini(&b);
}

/* SC-29 */
TEST(a_longer_connect_timeout_is_used)
{
    struct channel_bench b;

    channel_bench_init(&b);
    b.options.min_connect_timeout_ns = 60 * SECOND;
    b.resolves_to = "a";
    assert_int_equal(channel_bench_open(&b, "manual:///x"), GREBE_OK);
    sim_server_new(&b.sim, "a")->behaviour = SIM_HANGS;
    channel_bench_connect(&b);
    channel_bench_advance_ms(&b, 59999);
    assert_int_equal(grebe__channel_get_state(b.channel), GREBE_CONNECTING);
    channel_bench_advance_ms(&b, 1);
    assert_int_equal(grebe__channel_get_state(b.channel), GREBE_TRANSIENT_FAILURE);
    channel_bench_fini(&b);
}

/* SC-30, gRFC A9 */
TEST(connections_of_a_short_life_lose_no_call)
{
    struct channel_bench b;
    struct sim_server *server;
    struct grebe_call *call = NULL;

    channel_bench_start(&b, NULL);
    b.resolves_to = "a";
    server = sim_server_new(&b.sim, "a");
    server->echoes = true;
    server->latency_ns = 3 * MS;
    server->connect_delay_ns = 5 * MS;
    for (int ms = 0; ms < 1000; ms++) {
        if (call == NULL)
            call = channel_bench_call(&b, NULL);
        channel_bench_advance_ms(&b, 1);
        if (ms % 100 == 99)
            sim_server_goaway(server, 0, false);
        if (grebe_call_is_done(call)) {
            expect_echo(call, "a");
            call = NULL;
        }
    }
    channel_bench_advance_ms(&b, 100);
    if (call != NULL)
        expect_echo(call, "a");
    assert_int_equal(server->n_connections, 10);
    channel_bench_fini(&b);
}

/* SC-32 */
TEST(the_next_address_is_dialled_when_a_server_closes_before_its_preface)
{
    struct channel_bench b;

    channel_bench_start(&b, NULL);
    b.resolves_to = "a b";
    channel_bench_servers(&b, "a b");
    sim_server_find(&b.sim, "a")->behaviour = SIM_REFUSES;
    sim_server_find(&b.sim, "a")->refusal = "closed before the server preface";
    expect_echo(channel_bench_call(&b, NULL), "b");
    channel_bench_fini(&b);
}

/* ---- New addresses ---------------------------------------------------------------------- */

/* SC-17 */
TEST(the_same_addresses_again_disturb_no_attempt)
{
    struct channel_bench b;

    start_one(&b, "b c", "a b c");
    sim_server_find(&b.sim, "b")->connect_delay_ns = 100 * MS;
    sim_server_find(&b.sim, "b")->behaviour = SIM_REFUSES;
    channel_bench_connect(&b);
    assert_int_equal(b.sim.n_dials, 2); /* a refused, b takes its time */
    channel_bench_resolve(&b, "a b c");
    assert_int_equal(b.sim.n_dials, 2);
    channel_bench_advance_ms(&b, 100);
    assert_int_equal(b.sim.n_dials, 3);
    assert_int_equal(one.state, GREBE_READY);
    assert_int_equal(sim_server_n_open(sim_server_find(&b.sim, "c")), 1);
    channel_bench_fini(&b);
}

/* SC-20 */
TEST(balancer_attributes_alone_are_no_change)
{
    static const struct grebe_attribute_key note = {.name = "note"};
    static char value[] = "v";
    const struct grebe_attributes *attributes = NULL;
    struct channel_bench b;

    assert_int_equal(grebe_attributes_with(NULL, NULL, &note, value, &attributes),
                     GREBE_OK);
    start_one(&b, "a", "a");
    channel_bench_connect(&b);
    assert_int_equal(one.state, GREBE_READY);
    b.balancer_attributes = attributes;
    channel_bench_resolve(&b, "a");
    assert_int_equal(b.sim.n_dials, 1);
    b.balancer_attributes = NULL;
    b.address_attributes = attributes; /* these are another address */
    channel_bench_resolve(&b, "a");
    assert_int_equal(b.sim.n_dials, 2);
    assert_int_equal(one.state, GREBE_READY);
    channel_bench_fini(&b);
    grebe_attributes_unref(attributes);
}

/* SC-21 */
TEST(no_addresses_mean_idle_and_new_ones_are_used_when_asked)
{
    struct channel_bench b;

    start_one(&b, "a b", "a");
    sim_server_find(&b.sim, "a")->behaviour = SIM_HANGS;
    channel_bench_connect(&b);
    assert_int_equal(one.state, GREBE_CONNECTING);
    channel_bench_resolve(&b, "");
    assert_int_equal(one.state, GREBE_IDLE);
    assert_true(grebe__list_is_empty(&b.sim.dials));
    connect_one(&b);
    assert_int_equal(one.state, GREBE_IDLE); /* there is nothing to dial */
    channel_bench_resolve(&b, "b");
    assert_int_equal(one.state, GREBE_IDLE);
    connect_one(&b);
    assert_int_equal(one.state, GREBE_READY);
    channel_bench_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connect_means_nothing_unless_the_subconn_is_idle),
        cmocka_unit_test(a_server_that_says_nothing_is_given_up_and_tried_again),
        cmocka_unit_test(each_round_has_an_error_of_its_own),
        cmocka_unit_test(
            the_resolver_is_asked_before_the_channel_shows_a_failure_or_a_loss),
        cmocka_unit_test(intervals_grow_as_the_options_say),
        cmocka_unit_test(backoff_is_drawn_once_for_each_round),
        cmocka_unit_test(an_endless_backoff_ends_when_it_is_reset_and_not_before),
        cmocka_unit_test(every_subconn_forgets_its_backoff),
        cmocka_unit_test(any_thread_may_have_the_backoff_forgotten),
        cmocka_unit_test(a_timer_runs_only_while_something_is_waited_for),
        cmocka_unit_test(a_maximum_of_zero_is_taken_at_its_word),
        cmocka_unit_test(a_longer_connect_timeout_is_used),
        cmocka_unit_test(connections_of_a_short_life_lose_no_call),
        cmocka_unit_test(
            the_next_address_is_dialled_when_a_server_closes_before_its_preface),
        cmocka_unit_test(the_same_addresses_again_disturb_no_attempt),
        cmocka_unit_test(balancer_attributes_alone_are_no_change),
        cmocka_unit_test(no_addresses_mean_idle_and_new_ones_are_used_when_asked),
    };

    one_subconn_register();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
