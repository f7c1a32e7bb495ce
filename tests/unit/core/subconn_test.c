/* SPDX-License-Identifier: Apache-2.0 */
/* A subconn's states, exactly: gRPC connection backoff protocol, grpc-go addrConn.  Seen
 * through a channel with pick_first, which keeps one subconn for each address. */
#include "support/test.h"

#include <math.h>

#include "core/credentials.h"
#include "core/subconn.h"
#include "support/channel_bench.h"
#include "support/one_subconn.h"

static struct grebe__subconn *only_subconn(struct channel_bench *b)
{
    assert_false(grebe__list_is_empty(&b->channel->subconns));
    return grebe_container_of(b->channel->subconns.next, struct grebe__subconn, link);
}

static void connect_to(struct channel_bench *b, const char *addresses)
{
    channel_bench_start(b, NULL);
    b->resolves_to = addresses;
    channel_bench_connect(b);
}

/* ---- Backoff ------------------------------------------------------------------------------- */

static const uint64_t nominal_ms[] = {1000,  1600,  2560,  4096,   6553,   10485, 16777,
                                      26843, 42949, 68719, 109951, 120000, 120000};

/* SC-8 */
TEST(backoff_grows_by_1_6_up_to_120_s)
{
    for (unsigned n = 0; n < sizeof nominal_ms / sizeof nominal_ms[0]; n++)
        assert_int_equal(grebe__backoff_delay_ns(&grebe__backoff_default, n, 0.5) / MS,
                         nominal_ms[n]);
}

/* SC-8 */
TEST(backoff_jitter_is_20_percent_and_comes_after_the_cap)
{
    const struct grebe__backoff_policy *policy = &grebe__backoff_default;

    assert_int_equal(grebe__backoff_delay_ns(policy, 0, 0.0), SECOND);
    assert_int_equal(grebe__backoff_delay_ns(policy, 0, 0.999), SECOND);
    assert_int_equal(grebe__backoff_delay_ns(policy, 1, 0.0), 1280 * MS);
    assert_in_range(grebe__backoff_delay_ns(policy, 1, 0.9999999), 1919 * MS, 1920 * MS);
    assert_int_equal(grebe__backoff_delay_ns(policy, 20, 0.0), 96 * SECOND);
    assert_in_range(grebe__backoff_delay_ns(policy, 20, 0.9999999), 143 * SECOND,
                    144 * SECOND);
}

TEST(backoff_takes_odd_policies)
{
    const struct grebe__backoff_policy zero = {0, 0, 0, 0};
    const struct grebe__backoff_policy shrinking = {SECOND, 0.5, 0, 120 * SECOND};
    const struct grebe__backoff_policy wild = {SECOND, 2, 5, UINT64_MAX};
    const struct grebe__backoff_policy odd = {SECOND, (double)NAN, 0, 2 * SECOND};

    assert_int_equal(grebe__backoff_delay_ns(&zero, 7, 0.5), 0);
    assert_int_equal(grebe__backoff_delay_ns(&shrinking, 1, 0.5), SECOND / 2);
    assert_int_equal(grebe__backoff_delay_ns(&shrinking, UINT32_MAX, 0.5), 0);
    assert_int_equal(grebe__backoff_delay_ns(&wild, 1, 0.0), 0);
    assert_int_equal(grebe__backoff_delay_ns(&wild, 200, 0.99), UINT64_C(1) << 63);
    assert_int_equal(grebe__backoff_delay_ns(&odd, 0, 0.5), SECOND);
    assert_int_equal(grebe__backoff_delay_ns(&odd, 3, 0.5), 2 * SECOND);
}

/* ---- Connecting -------------------------------------------------------------------------------- */

TEST(failed_round_waits_its_backoff_then_is_idle_and_dialled_again)
{
    struct channel_bench b;

    connect_to(&b, "a");
    assert_int_equal(b.sim.n_dials, 1);
    assert_int_equal(only_subconn(&b)->state, GREBE_TRANSIENT_FAILURE);
    /* The first delay is the base exactly; pick_first dials again when it is over. */
    channel_bench_advance_ms(&b, 999);
    assert_int_equal(b.sim.n_dials, 1);
    channel_bench_advance_ms(&b, 1);
    assert_int_equal(b.sim.n_dials, 2);
    channel_bench_advance_ms(&b, 1279);
    assert_int_equal(b.sim.n_dials, 2);
    channel_bench_advance_ms(&b, 1920 - 1279);
    assert_int_equal(b.sim.n_dials, 3);
    channel_bench_fini(&b);
}

TEST(names_are_resolved_again_with_each_failure)
{
    struct channel_bench b;

    connect_to(&b, "a");
    assert_int_equal(b.n_resolve_now, 1);
    channel_bench_advance_ms(&b, 1000);
    assert_int_equal(b.n_resolve_now, 2);
    channel_bench_fini(&b);
}

TEST(connect_deadline_is_20_s_or_the_backoff_if_that_is_longer)
{
    struct channel_bench b;

    channel_bench_start(&b, NULL);
    b.resolves_to = "a";
    channel_bench_servers(&b, "a");
    sim_server_find(&b.sim, "a")->behaviour = SIM_HANGS;
    channel_bench_connect(&b);
    channel_bench_advance_ms(&b, 19999);
    assert_int_equal(only_subconn(&b)->state, GREBE_CONNECTING);
    channel_bench_advance_ms(&b, 1);
    assert_int_equal(only_subconn(&b)->state, GREBE_TRANSIENT_FAILURE);
    assert_true(grebe__list_is_empty(&b.sim.dials));
    expect_status(channel_bench_call(&b, NULL), GREBE_STATUS_UNAVAILABLE,
                  "connection error: a: connect: timed out");
    channel_bench_fini(&b);

    channel_bench_init(&b);
    b.options.min_connect_timeout_ns = SECOND;
    b.options.backoff_base_ns = 5 * SECOND;
    b.resolves_to = "a";
    assert_int_equal(channel_bench_open(&b, "manual:///x"), GREBE_OK);
    channel_bench_servers(&b, "a");
    sim_server_find(&b.sim, "a")->behaviour = SIM_HANGS;
    channel_bench_connect(&b);
    channel_bench_advance_ms(&b, 4999);
    assert_int_equal(only_subconn(&b)->state, GREBE_CONNECTING);
    channel_bench_advance_ms(&b, 1);
    assert_int_equal(only_subconn(&b)->state, GREBE_TRANSIENT_FAILURE);
    channel_bench_fini(&b);
}

/* SC-10 */
TEST(success_resets_the_backoff)
{
    struct channel_bench b;

    connect_to(&b, "a");
    channel_bench_advance_ms(&b, 1000 + 1920); /* two failures more */
    channel_bench_servers(&b, "a");
    channel_bench_advance_ms(&b, 10000);
    assert_int_equal(only_subconn(&b)->state, GREBE_READY);
    assert_int_equal(only_subconn(&b)->n_failures, 0);
    /* The server has answered nothing, but it is only one loss. */
    sim_server_find(&b.sim, "a")->behaviour = SIM_REFUSES;
    sim_server_kill(sim_server_find(&b.sim, "a"), "reset");
    sim_settle(&b.sim);
    assert_int_equal(only_subconn(&b)->state, GREBE_IDLE);
    channel_bench_connect(&b);
    assert_int_equal(only_subconn(&b)->state, GREBE_TRANSIENT_FAILURE);
    assert_int_equal(only_subconn(&b)->backoff_ns, SECOND);
    channel_bench_fini(&b);
}

TEST(reset_backoff_retries_at_once_and_begins_anew)
{
    struct channel_bench b;

    connect_to(&b, "a");
    channel_bench_advance_ms(&b, 1000);
    channel_bench_servers(&b, "a");
    grebe__env_enter(&b.sim.env);
    grebe__channel_reset_backoff(b.channel);
    assert_int_equal(only_subconn(&b)->n_failures, 0);
    grebe__env_leave(&b.sim.env);
    sim_settle(&b.sim);
    assert_int_equal(only_subconn(&b)->state, GREBE_READY);
    channel_bench_fini(&b);
}

/* ---- Several addresses ------------------------------------------------------------------------------ */

static void start_one(struct channel_bench *b, const char *servers, const char *addresses)
{
    channel_bench_start(b, "{\"loadBalancingConfig\":[{\"one_subconn\":{}}]}");
    b->resolves_to = addresses;
    channel_bench_servers(b, servers);
    one.states[0] = '\0';
}

static void connect_one(struct channel_bench *b, const char *servers,
                        const char *addresses)
{
    start_one(b, servers, addresses);
    channel_bench_connect(b);
}

/* SC-6 */
TEST(addresses_of_one_subconn_are_tried_in_order_in_one_round)
{
    struct channel_bench b;
    struct grebe__rng expected;

    start_one(&b, "c", "a b c");
    expected = b.sim.env.rng;
    channel_bench_connect(&b);
    assert_int_equal(one.state, GREBE_READY);
    assert_int_equal(b.sim.n_dials, 3);
    grebe__rng_next(&expected); /* for the backoff: one for all of them */
    assert_memory_equal(&expected, &b.sim.env.rng, sizeof expected);
    channel_bench_fini(&b);
}

/* SC-7 */
TEST(first_address_gives_the_error_of_a_failed_round)
{
    struct channel_bench b;

    connect_one(&b, "", "a b");
    assert_int_equal(one.state, GREBE_TRANSIENT_FAILURE);
    assert_string_equal(one.error, "connection error: a: connect: connection refused");
    channel_bench_fini(&b);
}

TEST(deadline_is_shared_by_all_addresses_of_a_round)
{
    struct channel_bench b;

    channel_bench_start(&b, "{\"loadBalancingConfig\":[{\"one_subconn\":{}}]}");
    b.resolves_to = "a b";
    channel_bench_servers(&b, "a b");
    sim_server_find(&b.sim, "a")->behaviour = SIM_REFUSES;
    sim_server_find(&b.sim, "a")->connect_delay_ns = 15 * SECOND;
    sim_server_find(&b.sim, "b")->behaviour = SIM_HANGS;
    channel_bench_connect(&b);
    channel_bench_advance_ms(&b, 20000);
    assert_int_equal(one.state, GREBE_TRANSIENT_FAILURE);
    channel_bench_fini(&b);
}

/* SC-11 */
TEST(subconn_stays_idle_after_its_backoff_until_it_is_asked)
{
    struct channel_bench b;

    connect_one(&b, "", "a");
    channel_bench_advance_ms(&b, 1000);
    assert_int_equal(one.state, GREBE_IDLE);
    channel_bench_advance_ms(&b, 3600000);
    assert_int_equal(b.sim.n_dials, 1);
    channel_bench_connect(&b);
    assert_int_equal(b.sim.n_dials, 2);
    channel_bench_fini(&b);
}

TEST(connect_is_not_remembered_in_transient_failure)
{
    struct channel_bench b;

    connect_one(&b, "", "a");
    channel_bench_connect(&b);
    channel_bench_advance_ms(&b, 1000);
    assert_int_equal(one.state, GREBE_IDLE);
    assert_int_equal(b.sim.n_dials, 1);
    channel_bench_fini(&b);
}

static const struct {
    const char *before, *after;
    enum grebe_connectivity state;
    const char *connected; /* to this one afterwards */
    uint32_t n_dials;
} changes[] = {
    {"a b", "a b", GREBE_READY, "a", 1}, {"a b", "b a", GREBE_READY, "a", 1},
    {"a b", "b", GREBE_READY, "b", 2},   {"a", "c b", GREBE_READY, "b", 3},
    {"a b", "", GREBE_IDLE, NULL, 1},
};

/* SC-18, SC-19 */
TEST(new_addresses_keep_the_connection_if_it_is_still_listed)
{
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        struct channel_bench b;

        connect_one(&b, "a b", changes[i].before);
        channel_bench_resolve(&b, changes[i].after);
        assert_int_equal(one.state, changes[i].state);
        assert_int_equal(b.sim.n_dials, changes[i].n_dials);
        if (changes[i].connected != NULL)
            assert_int_equal(
                sim_server_n_open(sim_server_find(&b.sim, changes[i].connected)), 1);
        channel_bench_fini(&b);
    }
}

#define ONE_BACKEND "one_subconn: one backend for all calls\n"

TEST(new_addresses_are_what_a_subconn_is_known_by)
{
    struct channel_bench b;

    connect_one(&b, "a b", "a");
    expect_explanation(&b, ONE_BACKEND "  > a  READY  takes all calls\n");
    channel_bench_resolve(&b, "b");
    expect_explanation(&b, ONE_BACKEND "  > b  READY  takes all calls\n");
    channel_bench_fini(&b);
}

TEST(a_failure_names_the_address_that_is_being_dialled)
{
    struct grebe_call_options options = timeout_ms(1000);
    const struct grebe_failure *failure;
    struct channel_bench b;
    struct grebe_call *call;

    start_one(&b, "b", "a b");
    sim_server_find(&b.sim, "b")->behaviour = SIM_HANGS;
    call = channel_bench_call(&b, &options);
    channel_bench_advance_ms(&b, 1000);
    failure = grebe_call_status(call)->failure;
    assert_int_equal(grebe_failure_n_addresses(failure, NULL), 1);
    assert_string_equal(grebe_failure_address(failure, 0)->address, "b");
    assert_string_equal(grebe_failure_address(failure, 0)->last_error,
                        "connection error: a: connect: connection refused");
    expect_status(call, GREBE_STATUS_DEADLINE_EXCEEDED, "");
    channel_bench_fini(&b);
}

/* SC-18 */
TEST(a_connection_to_an_address_that_is_gone_may_finish_its_calls)
{
    struct channel_bench b;
    struct grebe_call *call;
    struct sim_server *server;

    connect_one(&b, "a b", "a");
    server = sim_server_find(&b.sim, "a");
    server->echoes = false;
    call = channel_bench_call(&b, NULL);
    channel_bench_resolve(&b, "b");
    assert_string_equal(one.states, "CONNECTING, READY, CONNECTING, READY");
    expect_echo(channel_bench_call(&b, NULL), "b");
    assert_int_equal(sim_server_n_open(server), 1);
    sim_answer(sim_server_request(server), "ping", 4);
    sim_settle(&b.sim);
    expect_echo(call, "a");
    assert_int_equal(sim_server_n_open(server), 0);
    channel_bench_fini(&b);
}

/* SC-31 */
TEST(new_addresses_in_backoff_are_used_by_the_next_round)
{
    struct channel_bench b;

    connect_one(&b, "b", "a");
    channel_bench_resolve(&b, "b");
    assert_int_equal(one.state, GREBE_TRANSIENT_FAILURE);
    channel_bench_advance_ms(&b, 1000);
    channel_bench_connect(&b);
    assert_int_equal(one.state, GREBE_READY);
    channel_bench_fini(&b);
}

TEST(new_addresses_while_connecting_start_from_the_top)
{
    struct channel_bench b;

    channel_bench_start(&b, "{\"loadBalancingConfig\":[{\"one_subconn\":{}}]}");
    b.resolves_to = "a";
    channel_bench_servers(&b, "a b");
    sim_server_find(&b.sim, "a")->behaviour = SIM_HANGS;
    one.n_heard = 0;
    channel_bench_connect(&b);
    channel_bench_resolve(&b, "b");
    assert_int_equal(one.state, GREBE_READY);
    assert_int_equal(one.n_heard, 2); /* CONNECTING is not told twice */
    assert_true(grebe__list_is_empty(&b.sim.dials));
    channel_bench_fini(&b);
}

/* SER-11 */
TEST(subconn_without_addresses_cannot_be_made)
{
    struct channel_bench b;
    struct grebe_subconn_options options = GREBE_SUBCONN_OPTIONS_INIT;
    struct grebe_subconn *subconn;

    connect_one(&b, "a", "a");
    assert_int_equal(grebe_client_conn_new_subconn(one.cc, &options, &subconn),
                     GREBE_ERR_INVALID);
    channel_bench_fini(&b);
}

static void never_destroyed(struct grebe_credentials *credentials)
{
    fail_msg("%p: the test's own reference is gone", (void *)credentials);
}

/* SC-26 */
TEST(credentials_of_a_subconn_are_used_for_it_alone)
{
    static struct grebe_credentials own = {.refs = 1, .destroy = never_destroyed};
    const struct grebe_address_options plain = GREBE_ADDRESS_OPTIONS_INIT;
    struct grebe_subconn_options options = GREBE_SUBCONN_OPTIONS_INIT;
    struct grebe_subconn *second;
    struct grebe_address *address;
    struct channel_bench b;

    connect_one(&b, "a b", "a");
    assert_int_equal(grebe_address_new(NULL, "b", &plain, &address), GREBE_OK);
    options.addresses = &address;
    options.n_addresses = 1;
    options.credentials = &own;
    grebe__env_enter(&b.sim.env);
    assert_int_equal(grebe_client_conn_new_subconn(one.cc, &options, &second), GREBE_OK);
    grebe_subconn_connect(second);
    grebe__env_leave(&b.sim.env);
    sim_settle(&b.sim);
    assert_ptr_equal(sim_server_find(&b.sim, "b")->credentials, &own);
    assert_ptr_equal(sim_server_find(&b.sim, "a")->credentials,
                     grebe_credentials_insecure());
    assert_int_equal(own.refs, 2);
    grebe_address_unref(address);
    channel_bench_fini(&b);
    assert_int_equal(own.refs, 1);
}

/* SC-27, PK-15: metadata with an unfit key cannot be made in the first place, so neither a
 * resolver nor a picker can hand any over; grebe_metadata_add() says so. */
TEST(metadata_of_an_address_is_sent_with_every_call_to_it)
{
    struct grebe_metadata *metadata = grebe_metadata_new(NULL);
    const struct grebe_attributes *attributes = NULL;
    struct channel_bench b;
    struct grebe_call *call;
    struct sim_server *server;

    assert_int_equal(grebe_metadata_add(metadata, "bad key", "v", 1), GREBE_ERR_INVALID);
    assert_int_equal(grebe_metadata_add(metadata, "k", "\n", 1), GREBE_ERR_INVALID);
    assert_int_equal(grebe_metadata_add(metadata, "zone", "east", 4), GREBE_OK);
    assert_int_equal(grebe_attributes_with(NULL, NULL, &GREBE_ATTRIBUTE_METADATA,
                                           metadata, &attributes),
                     GREBE_OK);
    channel_bench_start(&b, NULL);
    b.address_attributes = attributes;
    b.resolves_to = "a";
    server = sim_server_new(&b.sim, "a");
    server->connect_delay_ns = MS;
    channel_bench_connect(&b);
    /* What the connector is given to dial has them too. */
    assert_ptr_equal(
        grebe_attributes_get(grebe_address_attributes(only_subconn(&b)->dial.address),
                             &GREBE_ATTRIBUTE_METADATA),
        metadata);
    channel_bench_advance_ms(&b, 1);
    for (int i = 0; i < 2; i++) {
        call = channel_bench_call(&b, NULL);
        assert_ptr_equal(sim_server_request(server)->stream->of_address, metadata);
        sim_answer(sim_server_request(server), "ping", 4);
        sim_settle(&b.sim);
        expect_echo(call, "a");
    }
    channel_bench_fini(&b);
    grebe_attributes_unref(attributes);
    grebe_metadata_unref(metadata);
}

/* ---- Losing a connection -------------------------------------------------------------------------------- */

/* SC-12 */
TEST(goaway_lets_calls_finish_while_new_ones_use_a_new_connection)
{
    struct channel_bench b;
    struct sim_server *server;
    struct grebe_call *old, *new;

    channel_bench_start(&b, NULL);
    b.resolves_to = "a";
    channel_bench_servers(&b, "a");
    server = sim_server_find(&b.sim, "a");
    server->echoes = false;
    old = channel_bench_call(&b, NULL);
    sim_server_goaway(server, 0, false);
    sim_settle(&b.sim);
    assert_int_equal(grebe__channel_get_state(b.channel), GREBE_IDLE);
    assert_int_equal(b.n_resolve_now, 1);
    server->echoes = true;
    new = channel_bench_call(&b, NULL);
    expect_echo(new, "a");
    assert_int_equal(sim_server_n_open(server), 2);
    expect_pending(old);
    sim_answer(sim_server_request(server), "ping", 4);
    sim_settle(&b.sim);
    expect_echo(old, "a");
    assert_int_equal(sim_server_n_open(server), 1);
    assert_int_equal(grebe__channel_get_state(b.channel), GREBE_READY);
    channel_bench_fini(&b);
}

/* SC-25 */
TEST(connection_that_drains_before_it_is_ready_leads_to_idle)
{
    struct channel_bench b;

    channel_bench_start(&b, "{\"loadBalancingConfig\":[{\"one_subconn\":{}}]}");
    b.resolves_to = "a";
    channel_bench_servers(&b, "a");
    sim_server_find(&b.sim, "a")->drains_at_once = true;
    one.n_heard = 0;
    channel_bench_connect(&b);
    assert_int_equal(one.state, GREBE_IDLE);
    assert_int_equal(one.n_heard, 2); /* CONNECTING, IDLE */
    assert_int_equal(b.n_resolve_now, 1);
    assert_int_equal(sim_server_n_open(sim_server_find(&b.sim, "a")), 0);
    channel_bench_fini(&b);
}

/* SC-14, gRFC A8 */
TEST(too_many_pings_halves_the_rate_of_pings_for_the_channel)
{
    struct channel_bench b;
    struct sim_server *server;

    channel_bench_init(&b);
    b.options.keepalive_time_ns = 10 * SECOND;
    b.resolves_to = "a";
    assert_int_equal(channel_bench_open(&b, "manual:///x"), GREBE_OK);
    channel_bench_servers(&b, "a");
    server = sim_server_find(&b.sim, "a");
    for (uint64_t expected = 20; expected <= 7200; expected *= 2) {
        channel_bench_connect(&b);
        sim_server_goaway(server, 0, true);
        sim_settle(&b.sim);
        assert_int_equal(b.channel->transport_options.keepalive_time_ns / SECOND,
                         expected);
    }
    assert_true(channel_bench_logged(&b, "than one in 10 s; from now on one in 20 s"));
    assert_false(channel_bench_logged(&b, "keepalive time below 10 s")); /* it was 10 s */
    for (int i = 0; i < 3; i++) {
        channel_bench_connect(&b);
        sim_server_goaway(server, 0, true);
        channel_bench_advance_ms(&b, 200000);
    }
    assert_int_equal(b.channel->transport_options.keepalive_time_ns / SECOND, 7200);
    assert_true(channel_bench_logged(&b, "one in 5120 s; from now on one in 7200 s"));
    assert_true(channel_bench_logged(&b, "one in 7200 s; from now on one in 7200 s"));
    channel_bench_fini(&b);
}

TEST(too_many_pings_where_there_are_none_changes_nothing)
{
    struct channel_bench b;

    channel_bench_start(&b, NULL);
    b.resolves_to = "a";
    channel_bench_servers(&b, "a");
    channel_bench_connect(&b);
    sim_server_goaway(sim_server_find(&b.sim, "a"), 0, true);
    sim_settle(&b.sim);
    assert_true(b.channel->transport_options.keepalive_time_ns == UINT64_MAX);
    assert_true(channel_bench_logged(
        &b, "GOAWAY \"too_many_pings\", but there are no keepalive pings\n"));
    channel_bench_fini(&b);
}

/* Servers with names of one letter. */
static void all_say_too_many_pings(struct channel_bench *b, const char *names)
{
    for (const char *name = names; *name != '\0'; name++)
        sim_server_goaway(sim_server_find(&b->sim, (char[]){*name, '\0'}), 0, true);
    sim_settle(&b->sim);
}

/* SC-14: the new time is that of the connection twice, however many are told at once. */
TEST(too_many_pings_of_many_connections_are_one_complaint)
{
    struct channel_bench b;

    channel_bench_init(&b);
    b.options.keepalive_time_ns = 10 * SECOND;
    b.options.policy = "round_robin";
    b.resolves_to = "a b c";
    assert_int_equal(channel_bench_open(&b, "manual:///x"), GREBE_OK);
    channel_bench_servers(&b, "a b c");
    channel_bench_connect(&b);
    all_say_too_many_pings(&b, "abc");
    assert_int_equal(b.channel->transport_options.keepalive_time_ns, 20 * SECOND);
    /* Those that are made now ping once in 20 s, and are told, too. */
    all_say_too_many_pings(&b, "abc");
    assert_int_equal(b.channel->transport_options.keepalive_time_ns, 40 * SECOND);
    channel_bench_fini(&b);
}

/* gRFC A8 */
TEST(keepalive_below_10_s_is_10_s_with_a_warning)
{
    struct channel_bench b;

    channel_bench_init(&b);
    b.options.keepalive_time_ns = SECOND;
    assert_int_equal(channel_bench_open(&b, "manual:///x"), GREBE_OK);
    assert_int_equal(b.channel->transport_options.keepalive_time_ns, 10 * SECOND);
    assert_true(channel_bench_logged(&b, "keepalive time below 10 s"));
    channel_bench_fini(&b);
}

/* READY resets the backoff, so without this rule such a server would be dialled without
 * end and without pause. */
TEST(connections_that_never_answer_anything_end_in_backoff)
{
    struct channel_bench b;
    struct sim_server *server;

    connect_one(&b, "a", "a");
    server = sim_server_find(&b.sim, "a");
    for (int i = 0; i < 10; i++) {
        assert_int_equal(one.state, GREBE_READY);
        sim_server_kill(server, "reset");
        channel_bench_advance_ms(&b, 100);
        assert_int_equal(one.state, GREBE_IDLE);
        channel_bench_connect(&b);
    }
    sim_server_kill(server, "reset");
    sim_settle(&b.sim);
    assert_int_equal(one.state, GREBE_TRANSIENT_FAILURE);
    channel_bench_fini(&b);
}

TEST(slow_churn_is_no_failure)
{
    struct channel_bench b;

    connect_one(&b, "a", "a");
    for (int i = 0; i < 30; i++) {
        one.states[0] = '\0';
        sim_server_kill(sim_server_find(&b.sim, "a"), "reset");
        channel_bench_advance_ms(&b, 1100);
        channel_bench_connect(&b);
        assert_string_equal(one.states, "IDLE, CONNECTING, READY");
    }
    channel_bench_fini(&b);
}

/* One answer on the way, and the counting begins anew. */
TEST(connections_that_answered_something_are_no_churn)
{
    struct channel_bench b;

    connect_one(&b, "a", "a");
    for (int i = 0; i < 20; i++) {
        if (i == 8 || i >= 14)
            expect_echo(channel_bench_call(&b, NULL), "a");
        one.states[0] = '\0';
        sim_server_kill(sim_server_find(&b.sim, "a"), "reset");
        channel_bench_advance_ms(&b, 10);
        channel_bench_connect(&b);
        assert_string_equal(one.states, "IDLE, CONNECTING, READY");
    }
    channel_bench_fini(&b);
}

/* SC-22 */
TEST(shutdown_while_connecting_cancels_the_dial)
{
    struct channel_bench b;

    start_one(&b, "a", "a");
    sim_server_find(&b.sim, "a")->behaviour = SIM_HANGS;
    channel_bench_connect(&b);
    assert_false(grebe__list_is_empty(&b.sim.dials));
    grebe__env_enter(&b.sim.env);
    grebe_subconn_shutdown(one.subconn);
    grebe__env_leave(&b.sim.env);
    assert_true(grebe__list_is_empty(&b.sim.dials));
    assert_true(grebe__list_is_empty(&b.channel->subconns));
    channel_bench_advance_ms(&b, 60000); /* the deadline of the round is gone too */
    assert_string_equal(one.states, "CONNECTING, SHUTDOWN");
    assert_int_equal(b.n_resolve_now, 0); /* it is no failure */
    channel_bench_fini(&b);
}

/* SC-24 */
TEST(shutdown_lets_calls_finish)
{
    struct channel_bench b;
    struct grebe_call *call;

    channel_bench_start(&b, NULL);
    b.resolves_to = "a";
    channel_bench_servers(&b, "a b");
    sim_server_find(&b.sim, "a")->echoes = false;
    call = channel_bench_call(&b, NULL);
    channel_bench_resolve(&b, "b");
    expect_echo(channel_bench_call(&b, NULL), "b");
    sim_answer(sim_server_request(sim_server_find(&b.sim, "a")), "ping", 4);
    sim_settle(&b.sim);
    expect_echo(call, "a");
    assert_int_equal(sim_server_n_open(sim_server_find(&b.sim, "a")), 0);
    channel_bench_fini(&b);
}

/* ---- MAX_CONCURRENT_STREAMS --------------------------------------------------------------------------------- */

TEST(calls_beyond_the_peers_limit_wait_for_a_stream)
{
    struct channel_bench b;
    struct sim_server *server;
    struct grebe_call *first, *second, *third;

    channel_bench_start(&b, NULL);
    b.resolves_to = "a";
    server = sim_server_new(&b.sim, "a");
    server->max_streams = 1;
    first = channel_bench_call(&b, NULL);
    second = channel_bench_call(&b, NULL);
    third = channel_bench_call(&b, NULL);
    assert_int_equal(server->n_requests, 1);
    channel_bench_cancel(&b, second);
    expect_status(second, GREBE_STATUS_CANCELLED, "waiting for a stream");
    sim_answer(sim_server_request(server), "ping", 4);
    sim_settle(&b.sim);
    expect_echo(first, "a");
    assert_int_equal(server->n_requests, 2);
    sim_answer(sim_server_request(server), "ping", 4);
    sim_settle(&b.sim);
    expect_echo(third, "a");
    channel_bench_fini(&b);
}

TEST(new_call_does_not_overtake_those_that_wait)
{
    struct channel_bench b;
    struct sim_server *server;
    struct grebe_call *calls[3];
    static const char *const methods[] = {"/s/1", "/s/2", "/s/3"};

    channel_bench_start(&b, NULL);
    b.resolves_to = "a";
    server = sim_server_new(&b.sim, "a");
    server->max_streams = 1;
    for (size_t i = 0; i < 2; i++)
        calls[i] = channel_bench_call_method(&b, methods[i], "ping", 4, NULL);
    /* There is room again, but nobody has been told yet. */
    sim_answer(sim_server_request(server), "ping", 4);
    calls[2] = channel_bench_call_method(&b, methods[2], "ping", 4, NULL);
    for (size_t i = 1; i < 3; i++) {
        assert_string_equal(sim_server_request(server)->path, methods[i]);
        sim_answer(sim_server_request(server), "ping", 4);
        sim_settle(&b.sim);
    }
    for (size_t i = 0; i < 3; i++)
        expect_echo(calls[i], "a");
    channel_bench_fini(&b);
}

TEST(higher_limit_lets_waiting_calls_go)
{
    struct channel_bench b;
    struct sim_server *server;
    struct grebe_call *calls[3];

    channel_bench_start(&b, NULL);
    b.resolves_to = "a";
    server = sim_server_new(&b.sim, "a");
    server->max_streams = 0;
    for (size_t i = 0; i < 3; i++)
        calls[i] = channel_bench_call(&b, NULL);
    assert_int_equal(server->n_requests, 0);
    sim_server_set_max_streams(server, 2);
    sim_settle(&b.sim);
    assert_int_equal(server->n_requests, 2);
    sim_server_set_max_streams(server, 100);
    sim_settle(&b.sim);
    assert_int_equal(server->n_requests, 3);
    for (size_t i = 0; i < 3; i++) {
        channel_bench_cancel(&b, calls[i]);
        grebe_call_unref(calls[i]);
    }
    channel_bench_fini(&b);
}

TEST(waiting_call_whose_connection_drains_goes_elsewhere)
{
    struct channel_bench b;
    struct sim_server *server;
    struct grebe_call *first, *second;

    channel_bench_start(&b, NULL);
    b.resolves_to = "a";
    server = sim_server_new(&b.sim, "a");
    server->max_streams = 1;
    first = channel_bench_call(&b, NULL);
    second = channel_bench_call(&b, NULL);
    sim_server_goaway(server, 0, false);
    sim_settle(&b.sim);
    assert_int_equal(server->n_requests, 2); /* on a new connection */
    channel_bench_cancel(&b, first);
    channel_bench_cancel(&b, second);
    grebe_call_unref(first);
    grebe_call_unref(second);
    channel_bench_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(backoff_grows_by_1_6_up_to_120_s),
        cmocka_unit_test(backoff_jitter_is_20_percent_and_comes_after_the_cap),
        cmocka_unit_test(backoff_takes_odd_policies),
        cmocka_unit_test(failed_round_waits_its_backoff_then_is_idle_and_dialled_again),
        cmocka_unit_test(names_are_resolved_again_with_each_failure),
        cmocka_unit_test(connect_deadline_is_20_s_or_the_backoff_if_that_is_longer),
        cmocka_unit_test(success_resets_the_backoff),
        cmocka_unit_test(reset_backoff_retries_at_once_and_begins_anew),
        cmocka_unit_test(addresses_of_one_subconn_are_tried_in_order_in_one_round),
        cmocka_unit_test(first_address_gives_the_error_of_a_failed_round),
        cmocka_unit_test(deadline_is_shared_by_all_addresses_of_a_round),
        cmocka_unit_test(subconn_stays_idle_after_its_backoff_until_it_is_asked),
        cmocka_unit_test(connect_is_not_remembered_in_transient_failure),
        cmocka_unit_test(new_addresses_keep_the_connection_if_it_is_still_listed),
        cmocka_unit_test(new_addresses_are_what_a_subconn_is_known_by),
        cmocka_unit_test(a_failure_names_the_address_that_is_being_dialled),
        cmocka_unit_test(a_connection_to_an_address_that_is_gone_may_finish_its_calls),
        cmocka_unit_test(new_addresses_in_backoff_are_used_by_the_next_round),
        cmocka_unit_test(new_addresses_while_connecting_start_from_the_top),
        cmocka_unit_test(subconn_without_addresses_cannot_be_made),
        cmocka_unit_test(credentials_of_a_subconn_are_used_for_it_alone),
        cmocka_unit_test(metadata_of_an_address_is_sent_with_every_call_to_it),
        cmocka_unit_test(goaway_lets_calls_finish_while_new_ones_use_a_new_connection),
        cmocka_unit_test(connection_that_drains_before_it_is_ready_leads_to_idle),
        cmocka_unit_test(too_many_pings_halves_the_rate_of_pings_for_the_channel),
        cmocka_unit_test(too_many_pings_where_there_are_none_changes_nothing),
        cmocka_unit_test(too_many_pings_of_many_connections_are_one_complaint),
        cmocka_unit_test(keepalive_below_10_s_is_10_s_with_a_warning),
        cmocka_unit_test(connections_that_never_answer_anything_end_in_backoff),
        cmocka_unit_test(slow_churn_is_no_failure),
        cmocka_unit_test(connections_that_answered_something_are_no_churn),
        cmocka_unit_test(shutdown_while_connecting_cancels_the_dial),
        cmocka_unit_test(shutdown_lets_calls_finish),
        cmocka_unit_test(calls_beyond_the_peers_limit_wait_for_a_stream),
        cmocka_unit_test(new_call_does_not_overtake_those_that_wait),
        cmocka_unit_test(higher_limit_lets_waiting_calls_go),
        cmocka_unit_test(waiting_call_whose_connection_drains_goes_elsewhere),
    };

    one_subconn_register();
    return cmocka_run_group_tests_name("subconn", tests, NULL, NULL);
}
