/* SPDX-License-Identifier: Apache-2.0 */
/* zone_aware: what stays in the zone, and when zones do not matter.  Endpoint "a1" is in zone
 * a, and so on; this client is in a. */
#include "support/test.h"

#include <grebe/registry.h>

#include "balancer/zone_aware.h"
#include "base/assert.h"
#include "support/channel_bench.h"
#include "support/lb_bench.h"
#include "support/stub_policy.h"

#define ROUND_ROBIN "\"childPolicy\": [{\"round_robin\": {}}]"
#define IN_A(counts)                                                                     \
    "{\"localZone\": \"a\", \"localCounts\": {" counts "}, " ROUND_ROBIN "}"
/* 40, 40 and 20 of the clients. */
#define USUAL IN_A("\"a\": 4, \"b\": 4, \"c\": 2")

/* 25 %, 50 % and 25 % of the endpoints. */
static const char eight[] = "a1@a a2@a b1@b b2@b b3@b b4@b c1@c c2@c";

static void start(struct lb_bench *b, const char *config, const char *endpoints)
{
    stub_reset();
    assert_true(lb_bench_init(b, &grebe__zone_aware, 1));
    assert_int_equal(lb_bench_config(b, config), GREBE_OK);
    assert_int_equal(lb_bench_update(b, endpoints, NULL), GREBE_OK);
    lb_bench_log(b);
}

static void start_all(struct lb_bench *b, const char *config)
{
    start(b, config, eight);
    lb_bench_connect_all(b, "a1 a2 b1 b2 b3 b4 c1 c2");
}

/* Of `n` picks about the part `p` goes to zone `zone`: within 4 sigma,
 * sigma^2 = n p (1 - p); exactly, where p is 0 or 1. */
static void expect_share(struct lb_bench *b, double p, char zone)
{
    enum { N = 4000 };
    unsigned hits = 0;
    double off;

    for (int i = 0; i < N; i++)
        hits += lb_bench_pick(b)[0] == zone;
    off = hits - N * p;
    assert_true(off * off <= 4 * 4 * N * p * (1 - p));
}

static void expect_shares(struct lb_bench *b, double a, double in_b, double c)
{
    expect_share(b, a, 'a');
    expect_share(b, in_b, 'b');
    expect_share(b, c, 'c');
}

/* ---- Configuration ---------------------------------------------------------------------- */

static const struct lb_config_case wrong[] = {
    {"{}", "childPolicy: ChildPolicy must be specified"},
    {"{\"localZone\": 1}", "localZone: expected a string, found a number"},
    {"{\"localCounts\": []}", "localCounts: expected an object, found a list"},
    {"{\"localCounts\": {\"a\": -1}}",
     "localCounts.a: -1 is not between 0 and 4294967295"},
    {"{\"minClusterSize\": \"6\"}",
     "minClusterSize: expected an integer, found a string"},
    {"{\"routingEnabledPercent\": 101}", "routingEnabledPercent: 101 is more than 100"},
    {"{\"childPolicy\": [{\"nobody\": {}}]}",
     "childPolicy: no supported policies found in [nobody]"},
};

TEST(wrong_configurations_are_explained)
{
    lb_bench_expect_configs(&grebe__zone_aware, wrong, GREBE_ARRAY_LEN(wrong));
}

TEST(both_names_are_registered)
{
    assert_ptr_equal(grebe_balancer_get("zone_aware"), &grebe__zone_aware);
    assert_ptr_equal(grebe_balancer_get("zone_aware_experimental"),
                     &grebe__zone_aware_experimental);
}

TEST(named_without_a_configuration_it_says_what_it_needs)
{
    struct lb_bench b;

    assert_true(lb_bench_init(&b, &grebe__zone_aware, 1));
    assert_int_equal(lb_bench_update(&b, "a", NULL), GREBE_ERR_CONFIG);
    assert_non_null(strstr(lb_bench_pick(&b), "zone_aware needs a configuration"));
    lb_bench_fini(&b);
}

/* ---- Routing ------------------------------------------------------------------------------ */

/* 6250 of 10000 stay, and of the rest two thirds have room in b. */
TEST(what_the_own_zone_cannot_bear_goes_where_there_is_room)
{
    struct lb_bench b;

    start_all(&b, USUAL);
    expect_shares(&b, 0.625, 0.25, 0.125);
    lb_bench_fini(&b);
}

TEST(a_zone_with_enough_endpoints_keeps_its_calls)
{
    struct lb_bench b;

    start_all(&b, IN_A("\"a\": 2, \"b\": 4, \"c\": 4"));
    expect_shares(&b, 1, 0, 0);
    lb_bench_fini(&b);
    start_all(&b, IN_A("\"b\": 1, \"c\": 1")); /* this client is not counted */
    expect_shares(&b, 1, 0, 0);
    lb_bench_fini(&b);
}

/* The own zone has clients and no endpoint, or none that works. */
TEST(a_zone_without_endpoints_sends_all_its_calls_away)
{
    struct lb_bench b;

    start(&b, USUAL, "b1@b b2@b b3@b b4@b c1@c c2@c");
    lb_bench_connect_all(&b, "b1 b2 b3 b4 c1 c2");
    /* clients 40 40 20, endpoints 0 67 33: room 2666 and 1333 */
    expect_shares(&b, 0, 2.0 / 3, 1.0 / 3);
    lb_bench_fini(&b);
}

/* Each zone has one place in the sums, whether it has clients, endpoints or both. */
TEST(zones_with_clients_alone_count)
{
    struct lb_bench b;

    start(&b, IN_A("\"a\": 4, \"b\": 4, \"z\": 2"), "a1@a a2@a b1@b b2@b b3@b b4@b");
    lb_bench_connect_all(&b, "a1 a2 b1 b2 b3 b4");
    /* clients 40 40 20, endpoints 33 67 0: stay 3333 / 4000 */
    expect_share(&b, 0.8332, 'a');
    lb_bench_fini(&b);
    start(&b, USUAL, "b1@b b2@b b3@b c1@c c2@c c3@c");
    lb_bench_connect_all(&b, "b1 b2 b3 c1 c2 c3");
    /* clients 40 40 20, endpoints 0 50 50: room 1000 and 3000 */
    expect_shares(&b, 0, 0.25, 0.75);
    lb_bench_fini(&b);
}

TEST(endpoints_that_are_lost_or_ill_do_not_count)
{
    struct lb_bench b;

    start_all(&b, USUAL);
    lb_bench_health(&b, "a2", GREBE_TRANSIENT_FAILURE, "NOT_SERVING");
    /* 1 4 2 of 7: 1428 5714 2857, stay 3570, room 1714 and 857 */
    expect_share(&b, 0.357, 'a');
    lb_bench_subconn(&b, "a1", GREBE_IDLE, NULL);
    /* 0 4 2 of 6 */
    expect_shares(&b, 0, 2.0 / 3, 1.0 / 3);
    lb_bench_health(&b, "a2", GREBE_READY, NULL);
    expect_share(&b, 0.357, 'a');
    /* connected again: how it was is not how it is */
    lb_bench_subconn(&b, "a1", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "a1", GREBE_READY, NULL);
    lb_bench_subconn(&b, "c1", GREBE_IDLE, NULL); /* and all is counted anew */
    /* 1 4 1 of 6: 1666 6666 1666, stay 4165 */
    expect_share(&b, 0.4165, 'a');
    lb_bench_health(&b, "a1", GREBE_READY, NULL);
    lb_bench_connect(&b, "c1");
    expect_share(&b, 0.625, 'a');
    lb_bench_fini(&b);
}

/* Whose connections go with it count no more. */
TEST(endpoints_that_are_removed_do_not_count)
{
    struct lb_bench b;

    start_all(&b, USUAL);
    lb_bench_update(&b, "a1@a a2@a b1@b b2@b c1@c c2@c", NULL);
    /* 2 2 2 of 6: 3333 each; stay 8332, room 0 and 1333 */
    expect_shares(&b, 0.8332, 0, 0.1668);
    lb_bench_update(&b, eight, NULL);
    lb_bench_connect_all(&b, "b3 b4");
    expect_shares(&b, 0.625, 0.25, 0.125);
    lb_bench_fini(&b);
}

TEST(another_child_policy_is_counted_anew)
{
    struct lb_bench b;

    start_all(&b, USUAL);
    assert_int_equal(
        lb_bench_config(&b,
                        "{\"localZone\": \"a\", \"localCounts\": {\"a\": 4, \"b\": 4, "
                        "\"c\": 2}, \"minClusterSize\": 3, \"childPolicy\": "
                        "[{\"pick_first\": {}}]}"),
        GREBE_OK);
    lb_bench_update(&b, "a1@a b1@b c1@c", NULL);
    lb_bench_connect_all(&b, "a1 b1 c1"); /* pick_first does not watch health here */
    /* 3333 each; stay 8332, room 0 and 1333 */
    expect_shares(&b, 0.8332, 0, 0.1668);
    assert_int_equal(lb_bench_n_live(&b), 3);
    lb_bench_fini(&b);
}

TEST(a_part_of_the_calls_may_be_routed)
{
    struct lb_bench b;

    start_all(&b,
              "{\"localZone\": \"a\", \"localCounts\": {\"a\": 2, \"b\": 4, \"c\": 4}, "
              "\"routingEnabledPercent\": 40, " ROUND_ROBIN "}");
    /* 40 % stay; of 60 % a quarter is for a, too */
    expect_shares(&b, 0.4 + 0.6 * 0.25, 0.6 * 0.5, 0.6 * 0.25);
    lb_bench_fini(&b);
}

/* One of 21 endpoints is in a: with 0 % it gets one of 21 calls, and would get 1 % more of
 * them, which is 9 sigma here, if a single per cent were routed. */
TEST(no_call_is_routed_with_0_percent)
{
    enum { PICKS = 40000, ENDPOINTS = 21 };
    const double p = 1.0 / ENDPOINTS;
    struct lb_bench b;
    double off = -PICKS * p;

    start(&b,
          "{\"localZone\": \"a\", \"localCounts\": {\"a\": 1, \"b\": 99}, "
          "\"routingEnabledPercent\": 0, " ROUND_ROBIN "}",
          "a1@a b1@b b2@b b3@b b4@b b5@b b6@b b7@b b8@b b9@b b10@b b11@b b12@b b13@b "
          "b14@b b15@b b16@b b17@b b18@b b19@b b20@b");
    lb_bench_connect_all(
        &b, "a1 b1 b2 b3 b4 b5 b6 b7 b8 b9 b10 b11 b12 b13 b14 b15 b16 b17 b18 "
            "b19 b20");
    for (int i = 0; i < PICKS; i++)
        off += lb_bench_pick(&b)[0] == 'a';
    assert_true(off * off <= 4 * 4 * PICKS * p * (1 - p));
    lb_bench_fini(&b);
}

/* ---- When zones do not matter ---------------------------------------------------------------- */

static const struct {
    const char *config, *ready;
    double a, b;
} spread[] = {
    /* the own zone is not known */
    {"{\"localCounts\": {\"a\": 1, \"b\": 9}, " ROUND_ROBIN "}",
     "a1 a2 b1 b2 b3 b4 c1 c2", 0.25, 0.5},
    {"{\"localZone\": \"\", \"localCounts\": {\"a\": 1, \"b\": 9}, " ROUND_ROBIN "}",
     "a1 a2 b1 b2 b3 b4 c1 c2", 0.25, 0.5},
    /* clients in one zone, or none */
    {IN_A("\"a\": 1"), "a1 a2 b1 b2 b3 b4 c1 c2", 0.25, 0.5},
    {IN_A("\"a\": 1, \"b\": 0"), "a1 a2 b1 b2 b3 b4 c1 c2", 0.25, 0.5},
    {IN_A("\"a\": 0, \"b\": 1"), "a1 a2 b1 b2 b3 b4 c1 c2", 0.25, 0.5},
    {IN_A(""), "a1 a2 b1 b2 b3 b4 c1 c2", 0.25, 0.5},
    /* 5 are too few, 6 are not */
    {USUAL, "a1 a2 b1 b2 b3", 0.4, 0.6},
    /* panic: 3 of 8, however few are enough */
    {"{\"localZone\": \"a\", \"localCounts\": {\"a\": 1, \"b\": 9}, \"minClusterSize\": 1, " ROUND_ROBIN
     "}",
     "a1 b1 b2", 1.0 / 3, 2.0 / 3},
    /* nobody in the own zone: no clients, no endpoints */
    {"{\"localZone\": \"z\", \"localCounts\": {\"a\": 1, \"b\": 9}, " ROUND_ROBIN "}",
     "a1 a2 b1 b2 b3 b4 c1 c2", 0.25, 0.5},
};

TEST(calls_are_spread_over_all_endpoints_alike)
{
    for (size_t i = 0; i < sizeof spread / sizeof spread[0]; i++) {
        struct lb_bench b;

        start(&b, spread[i].config, eight);
        lb_bench_connect_all(&b, spread[i].ready);
        expect_share(&b, spread[i].a, 'a');
        expect_share(&b, spread[i].b, 'b');
        lb_bench_fini(&b);
    }
}

/* And one step further they do matter. */
TEST(half_of_the_endpoints_and_six_are_enough)
{
    struct lb_bench b;

    start(&b, IN_A("\"a\": 1, \"b\": 9"), eight);
    lb_bench_connect_all(&b, "a1 b1 b2 b3 c1 c2");
    expect_share(&b, 1, 'a');
    lb_bench_fini(&b);
    start(&b,
          "{\"localZone\": \"a\", \"localCounts\": {\"a\": 1, \"b\": 9}, "
          "\"minClusterSize\": 4, " ROUND_ROBIN "}",
          eight);
    lb_bench_connect_all(&b, "a1 b1 b2 b3");
    expect_share(&b, 1, 'a');
    lb_bench_fini(&b);
}

/* Three that are listed twice, of which one is healthy, and three others: a half. */
TEST(endpoints_that_are_listed_twice_count_once)
{
    struct lb_bench b;

    start(&b,
          "{\"localZone\": \"a\", \"localCounts\": {\"a\": 1, \"b\": 9}, "
          "\"minClusterSize\": 1, " ROUND_ROBIN "}",
          "a1@a a1@a a2@a a2@a a3@a a3@a b1@b b2@b b3@b");
    lb_bench_connect_all(&b, "a1 b1 b2");
    expect_share(&b, 1, 'a');
    lb_bench_fini(&b);
}

TEST(one_zone_of_endpoints_takes_all_calls)
{
    struct lb_bench b;

    start(&b, USUAL, "b1@b b2@b b3@b b4@b b5@b b6@b");
    lb_bench_connect_all(&b, "b1 b2 b3 b4 b5 b6");
    expect_share(&b, 1, 'b');
    lb_bench_fini(&b);
}

/* ---- What zones are together -------------------------------------------------------------------- */

#define STUBS                                                                               \
    "{\"localZone\": \"a\", \"localCounts\": {\"a\": 1, \"b\": 1}, \"minClusterSize\": 0, " \
    "\"childPolicy\": [{\"x\": {}}]}"

static void publish(struct lb_bench *b, size_t i, enum grebe_connectivity state,
                    const char *text)
{
    grebe__env_enter(&b->lab.sim.env);
    stub_publish(stub_at(i), state, text);
    grebe__env_leave(&b->lab.sim.env);
}

static const struct {
    enum grebe_connectivity a, b, all;
    const char *pick;
} mixes[] = {
    {GREBE_READY, GREBE_CONNECTING, GREBE_READY, "fail: a"},
    {GREBE_CONNECTING, GREBE_IDLE, GREBE_CONNECTING, "queue"},
    {GREBE_TRANSIENT_FAILURE, GREBE_CONNECTING, GREBE_CONNECTING, "queue"},
    {GREBE_TRANSIENT_FAILURE, GREBE_IDLE, GREBE_IDLE, "fail: b"},
};

TEST(the_best_state_of_a_zone_is_that_of_all)
{
    for (size_t i = 0; i < sizeof mixes / sizeof mixes[0]; i++) {
        struct lb_bench b;

        start(&b, STUBS, "a1@a b1@b");
        publish(&b, 0, mixes[i].a, "a");
        publish(&b, 1, mixes[i].b, "b");
        assert_int_equal(b.lab.state, mixes[i].all);
        assert_int_equal(lb_bench_count(&b, 100, mixes[i].pick), 100);
        lb_bench_fini(&b);
    }
}

/* Where zones do not matter, too. */
TEST(a_zone_that_is_not_ready_takes_no_calls_while_another_is)
{
    struct lb_bench b;

    start(&b, "{\"childPolicy\": [{\"x\": {}}]}", "a1@a b1@b");
    publish(&b, 0, GREBE_READY, "a");
    publish(&b, 1, GREBE_CONNECTING, "b");
    assert_int_equal(lb_bench_count(&b, 100, "fail: a"), 100);
    lb_bench_fini(&b);
}

/* Three endpoints are in a, one is in b. */
TEST(zones_that_failed_tell_why)
{
    struct lb_bench b;
    uint32_t n;

    start(&b, STUBS, "a1@a a2@a b1@b a3@a");
    publish(&b, 0, GREBE_TRANSIENT_FAILURE, "a is down");
    publish(&b, 1, GREBE_TRANSIENT_FAILURE, "b is down");
    n = lb_bench_count(&b, 1200, "fail: a is down");
    assert_in_range(n, 900 - 60, 900 + 60); /* sigma is 15 */
    lb_bench_fini(&b);
}

/* All of them have heard of the update then. */
TEST(the_first_error_of_a_zone_is_that_of_the_update)
{
    struct lb_bench b;

    start(&b, STUBS, "a1@a b1@b");
    stub_log();
    stub_at(0)->update_result = GREBE_ERR_BAD_RESOLVER_STATE;
    assert_int_equal(lb_bench_update(&b, "a1@a b1@b", NULL),
                     GREBE_ERR_BAD_RESOLVER_STATE);
    assert_string_equal(stub_log(), "x.update, x.update");
    stub_at(0)->update_result = GREBE_OK;
    stub_at(1)->update_result = GREBE_ERR_BAD_RESOLVER_STATE;
    assert_int_equal(lb_bench_update(&b, "a1@a b1@b", NULL),
                     GREBE_ERR_BAD_RESOLVER_STATE);
    lb_bench_fini(&b);
}

TEST(zones_see_their_endpoints_and_come_and_go)
{
    struct lb_bench b;

    start(&b, STUBS, "a1@a b1@b n1");
    assert_string_equal(stub_log(), "x.build, x.update, x.build, x.update, x.build, "
                                    "x.update");
    assert_string_equal(stub_at(0)->first_address, "a1");
    assert_string_equal(stub_at(2)->first_address, "n1");
    lb_bench_update(&b, "b2@b", NULL);
    assert_string_equal(stub_log(), "x.update, x.destroy, x.destroy");
    assert_string_equal(stub_at(1)->first_address, "b2");
    lb_bench_exit_idle(&b);
    lb_bench_resolver_error(&b, "gone");
    assert_string_equal(stub_log(), "x.exit_idle, x.error");
    lb_bench_fini(&b);
}

TEST(what_happens_in_an_update_is_published_once)
{
    struct lb_bench b;

    stub_reset();
    stubs.publishes_at_build = GREBE_READY;
    assert_true(lb_bench_init(&b, &grebe__zone_aware, 1));
    assert_int_equal(lb_bench_config(&b, STUBS), GREBE_OK);
    lb_bench_update(&b, "a1@a b1@b", NULL);
    assert_string_equal(lb_bench_log(&b), "READY");
    lb_bench_fini(&b);
}

TEST(without_endpoints_calls_fail_and_the_resolver_is_asked_again)
{
    struct lb_bench b;

    start_all(&b, USUAL);
    lb_bench_log(&b);
    assert_int_equal(lb_bench_update(&b, "", NULL), GREBE_ERR_BAD_RESOLVER_STATE);
    assert_int_equal(b.lab.state, GREBE_TRANSIENT_FAILURE);
    assert_int_equal(lb_bench_n_live(&b), 0);
    assert_string_equal(lb_bench_pick(&b), "fail: no endpoints to pick from");
    lb_bench_resolver_error(&b, "no such host");
    assert_string_equal(lb_bench_pick(&b),
                        "fail: no endpoints to pick from; last resolver "
                        "error: no such host");
    assert_int_equal(lb_bench_update(&b, "- -", NULL), GREBE_ERR_BAD_RESOLVER_STATE);
    assert_int_equal(lb_bench_update(&b, eight, NULL), GREBE_OK);
    lb_bench_connect(&b, "c1");
    assert_string_equal(lb_bench_pick(&b), "c1");
    lb_bench_fini(&b);
}

/* ---- Why ------------------------------------------------------------------------------------------ */

#define CHANNEL(config) "{\"loadBalancingConfig\": [{\"zone_aware\": " config "}]}"

TEST(a_call_is_told_why_it_stayed_or_not)
{
    struct channel_bench b;

    channel_bench_start(&b, CHANNEL("{\"localZone\": \"a\", \"minClusterSize\": 2, "
                                    "\"localCounts\": {\"a\": 1, \"b\": 1}, " ROUND_ROBIN
                                    "}"));
    channel_bench_servers(&b, "x y");
    b.resolves_to = "x@a y@b";
    channel_bench_connect(&b);
    expect_explanation(&b,
                       "zone_aware: the own zone, as far as it can bear it (\"a\"; \"a\" "
                       "has 50.00 % of the clients and 50.00 % of the endpoints, 100.00 "
                       "% of its calls stay, this one stays)\n"
                       "  round_robin: each endpoint in turn\n"
                       "    > x  READY  its turn\n"
                       "    y  READY  not offered: the policy left it out\n");
    channel_bench_resolve(&b, "x@a");
    expect_explanation(&b,
                       "zone_aware: the own zone, as far as it can bear it (\"a\"; calls "
                       "are spread over all endpoints: fewer than two zones have "
                       "endpoints)\n"
                       "  round_robin: each endpoint in turn\n"
                       "    > x  READY  its turn\n");
    channel_bench_fini(&b);
}

/* ---- Out of memory ---------------------------------------------------------------------------------- */

static void live_a_life(struct lb_bench *b)
{
    stub_reset();
    assert_int_equal(lb_bench_config(b,
                                     "{\"localZone\": \"a\", \"minClusterSize\": 1, "
                                     "\"localCounts\": {\"a\": 4, \"b\": 1, \"z\": 1}, "
                                     "\"childPolicy\": [{\"pick_first\": {}}]}"),
                     GREBE_OK);
    lb_bench_update(b, "a1@a a2@a b1@b n1", NULL);
    for (const char *const *name = (const char *const[]){"a1", "b1", "n1", NULL};
         *name != NULL; name++)
        if (lab_find_subconn(&b->lab, *name) != NULL) {
            lb_bench_subconn(b, *name, GREBE_CONNECTING, NULL);
            lb_bench_subconn(b, *name, GREBE_READY, NULL);
        }
    lb_bench_pick(b);
    lb_bench_resolver_error(b, "gone");
    lb_bench_update(b, "a1@a c1@c", NULL);
    for (int i = 0; i < 10; i++)
        lb_bench_pick(b); /* nobody that is gone */
    lb_bench_advance_ms(b, 2000);
    lb_bench_update(b, "", NULL);
}

TEST(out_of_memory_anywhere_is_survived)
{
    lb_bench_sweep(&grebe__zone_aware, live_a_life);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_configurations_are_explained),
        cmocka_unit_test(both_names_are_registered),
        cmocka_unit_test(named_without_a_configuration_it_says_what_it_needs),
        cmocka_unit_test(what_the_own_zone_cannot_bear_goes_where_there_is_room),
        cmocka_unit_test(a_zone_with_enough_endpoints_keeps_its_calls),
        cmocka_unit_test(a_zone_without_endpoints_sends_all_its_calls_away),
        cmocka_unit_test(zones_with_clients_alone_count),
        cmocka_unit_test(endpoints_that_are_lost_or_ill_do_not_count),
        cmocka_unit_test(endpoints_that_are_removed_do_not_count),
        cmocka_unit_test(another_child_policy_is_counted_anew),
        cmocka_unit_test(a_part_of_the_calls_may_be_routed),
        cmocka_unit_test(no_call_is_routed_with_0_percent),
        cmocka_unit_test(calls_are_spread_over_all_endpoints_alike),
        cmocka_unit_test(half_of_the_endpoints_and_six_are_enough),
        cmocka_unit_test(endpoints_that_are_listed_twice_count_once),
        cmocka_unit_test(one_zone_of_endpoints_takes_all_calls),
        cmocka_unit_test(the_best_state_of_a_zone_is_that_of_all),
        cmocka_unit_test(a_zone_that_is_not_ready_takes_no_calls_while_another_is),
        cmocka_unit_test(zones_that_failed_tell_why),
        cmocka_unit_test(the_first_error_of_a_zone_is_that_of_the_update),
        cmocka_unit_test(zones_see_their_endpoints_and_come_and_go),
        cmocka_unit_test(what_happens_in_an_update_is_published_once),
        cmocka_unit_test(without_endpoints_calls_fail_and_the_resolver_is_asked_again),
        cmocka_unit_test(a_call_is_told_why_it_stayed_or_not),
        cmocka_unit_test(out_of_memory_anywhere_is_survived),
    };

    assert_int_equal(grebe_balancer_register(&stub_x), GREBE_OK);
    return cmocka_run_group_tests_name("zone_aware", tests, NULL, NULL);
}
