/* SPDX-License-Identifier: Apache-2.0 */
/* least_request on the bench.  Endpoints have numbers here, from 0, in the order in which
 * the picker has them; what is drawn of them is set by setting the generator. */
#include "support/test.h"

#include <pthread.h>

#include <grebe/explain.h>

#include "balancer/least_request.h"
#include "balancer/weighted_least.h"
#include "base/assert.h"
#include "support/channel_bench.h"
#include "support/drawn.h"
#include "support/lb_bench.h"

enum { MAX_ENDPOINTS = 16 };

struct rig {
    struct lb_bench b;
    uint32_t n; /* endpoints, all READY */
    char names[MAX_ENDPOINTS][16];
};

/* ---- Draws ---------------------------------------------------------------------------- */

/* The next call draws `wanted`, each below n. */
static void set_draws(struct lb_bench *b, uint32_t n, const uint32_t *wanted, uint32_t k)
{
    uint32_t bounds[11];

    for (uint32_t i = 0; i < k; i++)
        bounds[i] = n;
    drawn_set(b, bounds, wanted, k);
}

static void set_pair(struct rig *rig, uint32_t a, uint32_t b)
{
    const uint32_t pair[] = {a % rig->n, b % rig->n};

    set_draws(&rig->b, rig->n, pair, 2);
}

static uint32_t number_of(const struct rig *rig, const char *name)
{
    uint32_t i = 0;

    while (strcmp(rig->names[i], name) != 0) {
        assert_true(i < rig->n);
        i++;
    }
    return i;
}

/* ---- Calls ---------------------------------------------------------------------------- */

/* A call that stays open: which endpoint it has. */
static uint32_t hold(struct rig *rig)
{
    const struct lab_call call = {.method = "/s/m"};

    assert_int_equal(lab_pick(&rig->b.lab, &call, 1, NULL), GREBE_OK);
    return number_of(rig, rig->b.text);
}

static uint32_t hold_pair(struct rig *rig, uint32_t a, uint32_t b)
{
    set_pair(rig, a, b);
    return hold(rig);
}

static uint32_t pick_pair(struct rig *rig, uint32_t a, uint32_t b)
{
    set_pair(rig, a, b);
    return number_of(rig, lb_bench_pick(&rig->b));
}

static void end(struct rig *rig, uint64_t id, int code)
{
    const struct lab_outcome outcome = {.status = grebe_status_of(code, "")};

    assert_int_equal(lab_done(&rig->b.lab, id, &outcome), GREBE_OK);
}

static void end_all(struct rig *rig, uint64_t first)
{
    while (first < rig->b.lab.n_picks)
        end(rig, first++, GREBE_STATUS_OK);
}

/* ---- Setting up ----------------------------------------------------------------------- */

/* Asks the picker for the order it has. */
static void learn_names(struct rig *rig, uint32_t n)
{
    rig->n = n;
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t it[] = {i, i, i};

        set_draws(&rig->b, n, it, 3);
        snprintf(rig->names[i], sizeof rig->names[i], "%s", lb_bench_pick(&rig->b));
    }
}

static void start_with(struct rig *rig, const struct grebe_balancer_builder *builder,
                       const char *config, const char *endpoints, uint32_t n)
{
    assert_true(lb_bench_init(&rig->b, builder, 1));
    assert_int_equal(lb_bench_config(&rig->b, config), GREBE_OK);
    lb_bench_set(&rig->b, endpoints);
    learn_names(rig, n);
}

static void start(struct rig *rig, const char *endpoints, uint32_t n)
{
    start_with(rig, &grebe__least_request, "{}", endpoints, n);
}

static void fini(struct rig *rig)
{
    lb_bench_fini(&rig->b);
}

static void make_ready(struct lb_bench *b, const char *address)
{
    lb_bench_subconn(b, address, GREBE_CONNECTING, NULL);
    lb_bench_subconn(b, address, GREBE_READY, NULL);
    lb_bench_health(b, address, GREBE_READY, NULL);
}

/* ---- Configuration -------------------------------------------------------------------- */

static const struct lb_config_case configs[] = {
    {"{}", NULL},
    {"{\"choiceCount\": 2}", NULL},
    {"{\"choice_count\": 3, \"weighted\": true}", NULL},
    {"{\"choiceCount\": 4294967295, \"whatever\": []}", NULL},
    {"{\"choiceCount\": 1}", "choiceCount: must be >= 2"},
    {"{\"choiceCount\": 0}", "choiceCount: must be >= 2"},
    {"{\"choiceCount\": -1}", "choiceCount: -1 is not between 0 and 4294967295"},
    {"{\"choiceCount\": \"2\"}", "choiceCount: expected an integer, found a string"},
    {"{\"weighted\": 1}", "weighted: expected a boolean, found a number"},
    {"{\"bias\": -1, \"fullScan\": 1}", NULL}, /* not for this one */
    {"{\"slowStartConfig\": {\"slowStartWindow\": \"60s\", \"aggression\": 2}}", NULL},
    {"{\"slowStartConfig\": []}", "slowStartConfig: expected an object, found a list"},
    {"{\"slowStartConfig\": {\"aggression\": 0}}",
     "slowStartConfig.aggression: must be greater than 0"},
    {"{\"slowStartConfig\": {\"slowStartWindow\": \"-1s\"}}",
     "slowStartConfig.slowStartWindow: must be non-negative"},
};

static const struct lb_config_case full_configs[] = {
    {"{\"weighted\": true, \"bias\": 0, \"fullScan\": false}", NULL},
    {"{\"full_scan\": true, \"choiceCount\": 0}", NULL},
    {"{\"bias\": -0.1}", "bias: must be non-negative"},
    {"{\"bias\": \"1\"}", "bias: expected a number, found a string"},
    {"{\"fullScan\": 1}", "fullScan: expected a boolean, found a number"},
    {"{\"slowStartConfig\": {\"minWeightPercent\": 101}}",
     "slowStartConfig.minWeightPercent: must be between 0 and 100"},
};

/* L-3 */
TEST(configuration_is_checked)
{
    lb_bench_expect_configs(&grebe__least_request, configs, GREBE_ARRAY_LEN(configs));
}

TEST(configuration_of_the_full_one_is_checked)
{
    lb_bench_expect_configs(&grebe__least_request_full, full_configs,
                            GREBE_ARRAY_LEN(full_configs));
}

static const struct {
    const char *json;
    uint32_t n_choices;
} choices[] = {
    {NULL, 2},
    {"{}", 2},
    {"{\"choiceCount\": 3}", 3},
    {"{\"choiceCount\": 10}", 10},
    {"{\"choiceCount\": 11}", 10},
};

/* L-1, L-2: so many are looked at: with all draws but the last at a busy endpoint, the
 * last one still wins, and one more has no say. */
TEST(as_many_are_drawn_as_configured)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(choices); i++) {
        uint32_t k = choices[i].n_choices, draws[11] = {0};
        struct rig rig;

        assert_true(lb_bench_init(&rig.b, &grebe__least_request, 1));
        if (choices[i].json != NULL)
            assert_int_equal(lb_bench_config(&rig.b, choices[i].json), GREBE_OK);
        lb_bench_set(&rig.b, "a=R b=R");
        rig.n = 2;
        for (uint32_t which = 0; which < 2; which++) {
            uint32_t all[11];

            for (uint32_t d = 0; d < 11; d++)
                all[d] = which;
            set_draws(&rig.b, 2, all, 11);
            snprintf(rig.names[which], sizeof rig.names[which], "%s",
                     lb_bench_pick(&rig.b));
        }
        set_draws(&rig.b, 2, draws, 11);
        assert_int_equal(hold(&rig), 0);
        draws[k - 1] = 1;
        set_draws(&rig.b, 2, draws, 11);
        assert_int_equal(number_of(&rig, lb_bench_pick(&rig.b)), 1);
        draws[k - 1] = 0;
        if (k < 11)
            draws[k] = 1;
        set_draws(&rig.b, 2, draws, 11);
        assert_int_equal(number_of(&rig, lb_bench_pick(&rig.b)), 0);
        fini(&rig);
    }
}

/* ---- Choosing ------------------------------------------------------------------------- */

/* L-4: the worked example of gRFC A48, with calls that stay open. */
TEST(fewest_of_the_drawn_wins_and_the_first_of_equals)
{
    static const uint32_t pairs[][2] = {{0, 0}, {0, 1}, {1, 2}, {0, 3}, {1, 0},
                                        {2, 0}, {0, 0}, {2, 2}, {2, 1}};
    static const uint32_t picks[] = {0, 1, 2, 0, 1, 2, 0, 2, 1};
    struct rig rig;

    start(&rig, "a=R b=R c=R", 3);
    for (size_t i = 0; i < GREBE_ARRAY_LEN(pairs); i++)
        assert_int_equal(hold_pair(&rig, pairs[i][0], pairs[i][1]), picks[i]);
    fini(&rig);
}

/* L-5, L-6 */
TEST(new_endpoint_is_filled_up)
{
    static const char three[] = "{\"choiceCount\": 3}";
    uint32_t counts[3] = {0};
    struct rig rig;
    uint32_t newcomer;

    start(&rig, "a=R b=R", 2);
    for (uint32_t i = 0; i < 50; i++)
        counts[hold_pair(&rig, i % 2, i % 2)]++;
    assert_int_equal(counts[0], 25);
    assert_int_equal(counts[1], 25);
    assert_int_equal(lb_bench_config(&rig.b, three), GREBE_OK);
    assert_int_equal(lb_bench_update(&rig.b, "a b c", NULL), GREBE_OK);
    make_ready(&rig.b, "c");
    learn_names(&rig, 3);
    newcomer = number_of(&rig, "c");
    for (uint32_t i = 0; i < 25; i++) {
        set_draws(&rig.b, 3, (uint32_t[]){0, 1, 2}, 3);
        assert_int_equal(hold(&rig), newcomer);
    }
    for (uint32_t i = 0; i < 3; i++) {
        set_draws(&rig.b, 3, (uint32_t[]){0, 1, 2}, 3);
        assert_int_equal(hold(&rig), i);
    }
    fini(&rig);
}

/* L-7: with one call on 0 and two on 1. */
TEST(counters_outlive_updates)
{
    struct rig rig;

    start(&rig, "a=R b=R", 2);
    hold_pair(&rig, 0, 0);
    hold_pair(&rig, 1, 1);
    hold_pair(&rig, 1, 1);
    for (uint32_t i = 0; i < 4; i++) {
        char busy[16];

        snprintf(busy, sizeof busy, "%s", rig.names[number_of(&rig, rig.names[1])]);
        assert_int_equal(lb_bench_config(&rig.b, "{\"choiceCount\": 3}"), GREBE_OK);
        assert_int_equal(lb_bench_update(&rig.b, "a b", NULL), GREBE_OK);
        learn_names(&rig, 2);
        set_draws(&rig.b, 2, (uint32_t[]){1, 0, 1}, 3);
        assert_int_not_equal(number_of(&rig, lb_bench_pick(&rig.b)),
                             number_of(&rig, busy));
        if (number_of(&rig, busy) == 0) /* keep 1 the busy one */
            memcpy(rig.names[1], busy, sizeof busy);
    }
    fini(&rig);
}

/* L-8: its five calls end later, and do not make the new counter negative, or small. */
TEST(endpoint_that_comes_back_begins_at_zero)
{
    uint32_t lost, other;
    uint64_t first;
    struct rig rig;

    start(&rig, "a=R b=R", 2);
    lost = number_of(&rig, "a");
    other = 1 - lost;
    first = rig.b.lab.n_picks;
    for (int i = 0; i < 5; i++)
        hold_pair(&rig, lost, lost);
    hold_pair(&rig, other, other);
    lb_bench_subconn(&rig.b, "a", GREBE_IDLE, NULL);
    lb_bench_subconn(&rig.b, "a", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&rig.b, "a", GREBE_TRANSIENT_FAILURE, NULL);
    lb_bench_subconn(&rig.b, "a", GREBE_IDLE, NULL);
    make_ready(&rig.b, "a");
    learn_names(&rig, 2);
    lost = number_of(&rig, "a");
    other = 1 - lost;
    assert_int_equal(hold_pair(&rig, other, lost), lost); /* 0 against 1 */
    for (uint64_t i = 0; i < 5; i++)
        end(&rig, first + i, GREBE_STATUS_OK);
    /* 1 against 1: the first of equals. */
    assert_int_equal(pick_pair(&rig, other, lost), other);
    assert_int_equal(pick_pair(&rig, lost, other), lost);
    fini(&rig);
}

/* L-9 */
TEST(call_that_fails_is_over_once)
{
    uint64_t first;
    struct rig rig;

    start(&rig, "a=R b=R", 2);
    first = rig.b.lab.n_picks;
    hold_pair(&rig, 0, 0);
    hold_pair(&rig, 0, 0);
    end(&rig, first, GREBE_STATUS_UNAVAILABLE);
    assert_int_equal(pick_pair(&rig, 0, 1), 1); /* 1 against 0 */
    end(&rig, first + 1, GREBE_STATUS_CANCELLED);
    assert_int_equal(pick_pair(&rig, 0, 1), 0);
    fini(&rig);
}

/* L-11 */
TEST(endpoint_that_is_listed_twice_is_one)
{
    struct rig rig;

    start(&rig, "a=R b=R", 2);
    assert_int_equal(lb_bench_update(&rig.b, "a b a a a", NULL), GREBE_OK);
    learn_names(&rig, 2);
    assert_string_not_equal(rig.names[0], rig.names[1]);
    fini(&rig);
}

/* L-12 */
TEST(endpoint_is_used_by_its_second_address)
{
    struct lb_bench b;

    assert_true(lb_bench_init(&b, &grebe__least_request, 1));
    lb_bench_update(&b, "a+b", NULL);
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "a", GREBE_TRANSIENT_FAILURE, NULL);
    make_ready(&b, "b");
    assert_string_equal(lb_bench_pick(&b), "b");
    lb_bench_update(&b, "c+b", NULL); /* another endpoint */
    make_ready(&b, "c");
    assert_string_equal(lb_bench_pick(&b), "c");
    lb_bench_fini(&b);
}

/* L-10, L-13: what fails is not counted, or the bench would miss its end. */
TEST(failures_are_told_in_turn_and_resolver_errors_too)
{
    struct lb_bench b;

    assert_true(lb_bench_init(&b, &grebe__least_request, 1));
    lb_bench_set(&b, "a=T b=T");
    assert_string_equal(lb_bench_pick(&b), "fail: connection refused");
    lb_bench_resolver_error(&b, "no such host");
    assert_string_equal(lb_bench_pick(&b), "fail: name resolver error: no such host");
    assert_int_equal(lb_bench_update(&b, "", NULL), GREBE_ERR_BAD_RESOLVER_STATE);
    assert_string_equal(lb_bench_pick(&b), "fail: no children to pick from");
    lb_bench_fini(&b);
}

/* L-14 */
TEST(counters_come_back_to_zero)
{
    uint64_t first;
    struct rig rig;

    start(&rig, "a=R b=R c=R", 3);
    first = rig.b.lab.n_picks;
    for (uint32_t i = 0; i < 100; i++)
        hold(&rig);
    end_all(&rig, first);
    for (uint32_t i = 0; i < 3; i++)
        for (uint32_t k = 0; k < 3; k++)
            assert_int_equal(pick_pair(&rig, i, k), i); /* equals */
    fini(&rig);
}

/* ---- Chance --------------------------------------------------------------------------- */

/* Idle endpoints are equal and the first draw wins, so each has a tenth: of 20,000 calls
 * 2,000, and sigma is sqrt(20,000 * 0.1 * 0.9) = 42.4.  Five of them are 213. */
TEST(idle_endpoints_share_evenly)
{
    uint32_t counts[10] = {0};
    struct rig rig;

    start(&rig, "a=R b=R c=R d=R e=R f=R g=R h=R i=R j=R", 10);
    for (uint32_t i = 0; i < 20000; i++)
        counts[number_of(&rig, lb_bench_pick(&rig.b))]++;
    for (uint32_t i = 0; i < 10; i++)
        assert_in_range(counts[i], 2000 - 213, 2000 + 213);
    fini(&rig);
}

/* A thousand calls stay open.  By chance alone each of ten endpoints would have 100, give or
 * take three sigma of sqrt(1,000 * 0.1 * 0.9) = 9.5; with two draws the fullest is above
 * the mean by no more than log2(log2(10)) + O(1), whatever the number of calls. */
TEST(two_draws_keep_open_calls_together)
{
    uint32_t counts[10] = {0}, most = 0;
    struct rig rig;

    start(&rig, "a=R b=R c=R d=R e=R f=R g=R h=R i=R j=R", 10);
    for (uint32_t i = 0; i < 1000; i++)
        counts[hold(&rig)]++;
    for (uint32_t i = 0; i < 10; i++)
        most = counts[i] > most ? counts[i] : most;
    assert_in_range(most, 100, 104);
    fini(&rig);
}

/* ---- Weights -------------------------------------------------------------------------- */

/* One of weight 3 takes three calls for each of the other's, if they stay. */
TEST(weights_count_if_they_are_wanted)
{
    for (unsigned is_weighted = 0; is_weighted < 2; is_weighted++) {
        uint32_t counts[2] = {0}, heavy;
        struct rig rig;

        assert_true(lb_bench_init(&rig.b, &grebe__least_request, 1));
        assert_int_equal(lb_bench_config(&rig.b, is_weighted ? "{\"weighted\": true}"
                                                             : "{\"weighted\": false}"),
                         GREBE_OK);
        lb_bench_update(&rig.b, "a*3 b", NULL);
        make_ready(&rig.b, "a");
        make_ready(&rig.b, "b");
        learn_names(&rig, 2);
        heavy = number_of(&rig, "a");
        for (uint32_t i = 0; i < 100; i++)
            counts[hold_pair(&rig, 0, 1)]++;
        assert_int_equal(counts[heavy], is_weighted ? 75 : 50);
        fini(&rig);
    }
}

/* ---- Looking at all ------------------------------------------------------------------- */

static void start_full(struct lb_bench *b, const char *config, const char *endpoints)
{
    assert_true(lb_bench_init(b, &grebe__least_request_full, 1));
    assert_int_equal(lb_bench_config(b, config), GREBE_OK);
    assert_int_equal(lb_bench_update(b, endpoints, NULL), GREBE_OK);
}

/* The same with a, b, ..., n of them, all READY, and 0, 1, ... their numbers. */
static void start_named(struct rig *rig, const char *config, const char *endpoints,
                        uint32_t n)
{
    start_full(&rig->b, config, endpoints);
    rig->n = n;
    for (uint32_t i = 0; i < n; i++) {
        snprintf(rig->names[i], sizeof rig->names[i], "%c", 'a' + (int)i);
        make_ready(&rig->b, rig->names[i]);
    }
}

/* Z-4: exactly, not by chance. */
TEST(equals_take_turns)
{
    struct lb_bench b;

    start_full(&b, "{}", "a b c");
    make_ready(&b, "a");
    make_ready(&b, "b");
    make_ready(&b, "c");
    assert_string_equal(lb_bench_cycle(&b), "a b c");
    lb_bench_fini(&b);
}

/* Calls that stay are spread exactly: never is one ahead of another by more than one. */
TEST(least_of_all_is_found)
{
    uint32_t counts[4] = {0};
    struct rig rig;

    start_full(&rig.b, "{}", "a b c d");
    for (uint32_t i = 0; i < 4; i++) {
        snprintf(rig.names[i], sizeof rig.names[i], "%c", 'a' + (int)i);
        make_ready(&rig.b, rig.names[i]);
    }
    rig.n = 4;
    for (uint32_t i = 0; i < 400; i++) {
        counts[hold(&rig)]++;
        for (uint32_t k = 0; k < 4; k++)
            assert_in_range(counts[k], i / 4, i / 4 + 1);
    }
    fini(&rig);
}

/* With calls that stay, as many as it weighs. */
TEST(weights_are_divided_by_calls)
{
    uint32_t counts[3] = {0};
    struct rig rig;

    start_named(&rig, "{\"weighted\": true, \"fullScan\": true}", "a b c*4", 3);
    for (uint32_t i = 0; i < 600; i++)
        counts[hold(&rig)]++;
    assert_int_equal(counts[0], 100);
    assert_int_equal(counts[1], 100);
    assert_int_equal(counts[2], 400);
    fini(&rig);
}

/* Three idle ones, and one with a call: a third of 9,000 for each of the three, give or take
 * five sigma of sqrt(9,000 * 1/3 * 2/3) = 44.7. */
TEST(equals_are_chosen_by_lot_if_that_is_wanted)
{
    uint32_t counts[4] = {0}, busy;
    struct rig rig;

    start_named(&rig, "{\"fullScan\": true}", "a b c d", 4);
    busy = hold(&rig);
    for (uint32_t i = 0; i < 9000; i++)
        counts[number_of(&rig, lb_bench_pick(&rig.b))]++;
    for (uint32_t i = 0; i < 4; i++)
        if (i == busy)
            assert_int_equal(counts[i], 0);
        else
            assert_in_range(counts[i], 3000 - 224, 3000 + 224);
    fini(&rig);
}

/* ---- Turns by weight and calls --------------------------------------------------------- */

static void count_each(struct rig *rig, uint32_t n, uint32_t *counts)
{
    memset(counts, 0, rig->n * sizeof counts[0]);
    for (uint32_t i = 0; i < n; i++)
        counts[number_of(rig, lb_bench_pick(&rig->b))]++;
}

/* Of `n` calls that end at once, so many each, but for one at either end of a round. */
static void expect_counts(struct rig *rig, uint32_t n, const uint32_t *expected)
{
    uint32_t counts[MAX_ENDPOINTS];

    count_each(rig, n, counts);
    for (uint32_t i = 0; i < rig->n; i++)
        assert_in_range(counts[i] + 1, expected[i], expected[i] + 2);
}

/* Until each has so many calls in flight. */
static void load_with(struct rig *rig, const uint32_t *wanted)
{
    uint32_t counts[MAX_ENDPOINTS] = {0};

    for (int tries = 0; tries < 1000; tries++) {
        uint64_t id = rig->b.lab.n_picks;
        uint32_t it = hold(rig);

        if (counts[it] == wanted[it])
            end(rig, id, GREBE_STATUS_OK);
        else
            counts[it]++;
    }
    assert_memory_equal(counts, wanted, rig->n * sizeof counts[0]);
}

/* The example of Envoy's documentation, and some more. */
TEST(effective_weight_is_weight_by_calls)
{
    static const struct {
        double weight;
        uint32_t in_flight;
        double bias, effective;
    } known[] = {
        {1, 0, 1, 1},     {1, 1, 1, 0.5},        {4, 3, 1, 1},        {1, 0, 0, 1},
        {1, 1, 0, 1},     {4, 3, 0, 4},          {9, 0, 2.5, 9},      {8, 3, 0.5, 4},
        {100, 9, 2, 1},   {5, UINT32_MAX, 0, 5}, {1, 9, 1e300, 1e-9}, /* never nothing */
        {1, 9, 12, 1e-9},
    };

    for (size_t i = 0; i < GREBE_ARRAY_LEN(known); i++) {
        double effective =
            grebe__effective_weight(known[i].weight, known[i].in_flight, known[i].bias);

        assert_true(effective > known[i].effective * (1 - 1e-9) &&
                    effective < known[i].effective * (1 + 1e-9));
    }
}

/* The calls end at once, so that weights alone decide: any ten are 5, 3 and 2. */
TEST(idle_endpoints_have_turns_by_weight)
{
    struct rig rig;

    start_named(&rig, "{\"weighted\": true}", "a*5 b*3 c*2", 3);
    for (int round = 0; round < 100; round++)
        expect_counts(&rig, 10, (uint32_t[]){5, 3, 2});
    expect_counts(&rig, 10000, (uint32_t[]){5000, 3000, 2000});
    fini(&rig);
}

/* Calls 0, 1, 3 on endpoints of weight 1, 1, 4 make weights of 1, 1/2, 1; with a bias of 0
 * they make none, and counters have outlived the update.  A bias of 2: 1, 1/4, 1/4. */
TEST(calls_in_flight_count_as_the_bias_says)
{
    struct rig rig;

    start_named(&rig, "{\"weighted\": true}", "a b c*4", 3);
    load_with(&rig, (uint32_t[]){0, 1, 3});
    count_each(&rig, 100, (uint32_t[3]){0}); /* turns as they were due before */
    expect_counts(&rig, 500, (uint32_t[]){200, 100, 200});
    assert_int_equal(lb_bench_config(&rig.b, "{\"weighted\": true, \"bias\": 0}"),
                     GREBE_OK);
    assert_int_equal(lb_bench_update(&rig.b, "a b c*4", NULL), GREBE_OK);
    expect_counts(&rig, 600, (uint32_t[]){100, 100, 400});
    assert_int_equal(lb_bench_config(&rig.b, "{\"weighted\": true, \"bias\": 2}"),
                     GREBE_OK);
    assert_int_equal(lb_bench_update(&rig.b, "a b c*4", NULL), GREBE_OK);
    expect_counts(&rig, 600, (uint32_t[]){400, 100, 100});
    fini(&rig);
}

/* A turn is put off by what is in flight when it comes: with calls that stay, k calls of
 * weight w take about k^2 / 2w, so that endpoints of 4 and 1 have them as 2 to 1. */
TEST(turns_are_put_off_by_calls_that_stay)
{
    uint32_t counts[2] = {0};
    struct rig rig;

    start_named(&rig, "{\"weighted\": true}", "a*4 b", 2);
    for (uint32_t i = 0; i < 300; i++)
        counts[hold(&rig)]++;
    assert_in_range(counts[0], 198, 202);
    fini(&rig);
}

/* Two are drawn, as by least_request. */
TEST(equal_weights_are_drawn)
{
    struct rig rig;

    start_with(&rig, &grebe__least_request_full, "{\"weighted\": true}", "a=R b=R c=R",
               3);
    hold_pair(&rig, 1, 1);
    assert_int_equal(pick_pair(&rig, 1, 0), 0);
    assert_int_equal(pick_pair(&rig, 1, 1), 1);
    assert_int_equal(pick_pair(&rig, 2, 0), 2);
    fini(&rig);
}

/* With a call in flight a turn is due in a billion at this bias, and time flies; without one
 * it is due in a third and a half.  It is set back to 0 before these are lost in it. */
TEST(small_intervals_are_exact_after_large_ones)
{
    uint32_t counts[2] = {0};
    uint64_t first[2];
    struct rig rig;

    start_named(&rig, "{\"weighted\": true, \"bias\": 1e300}", "a*3 b*2", 2);
    while (counts[0] == 0 || counts[1] == 0) {
        uint64_t id = rig.b.lab.n_picks;
        uint32_t it = hold(&rig);

        if (counts[it]++ == 0)
            first[it] = id;
        else
            end(&rig, id, GREBE_STATUS_OK);
    }
    expect_counts(&rig, 200000, (uint32_t[]){120000, 80000});
    end(&rig, first[0], GREBE_STATUS_OK);
    end(&rig, first[1], GREBE_STATUS_OK);
    count_each(&rig, 1000, (uint32_t[2]){0}); /* turns as they were due before */
    expect_counts(&rig, 10000, (uint32_t[]){6000, 4000});
    fini(&rig);
}

TEST(picking_takes_no_memory)
{
    struct rig rig;
    uint32_t n_allocs, counts[2];

    start_named(&rig, "{\"weighted\": true}", "a*3 b", 2);
    lb_bench_pick(&rig.b);
    n_allocs = rig.b.mem.n_allocs;
    count_each(&rig, 1000, counts);
    assert_int_equal(rig.b.mem.n_allocs, n_allocs);
    fini(&rig);
}

/* ---- Threads --------------------------------------------------------------------------- */

enum { THREADS = 4, PICKS = 7000 };

struct worker {
    struct grebe_picker *picker;
    uint32_t counts[3];
};

/* A call that ends at once: which of a, b, c has it. */
static uint32_t pick_for(struct grebe_picker *picker, const void *caller)
{
    const struct grebe_status ok = grebe_status_of(GREBE_STATUS_OK, "");
    const struct grebe_done_info info = {.status = &ok};
    const struct grebe_pick_args args = {.method = "/s/m", .caller = caller};
    const struct lab_subconn *subconn;
    struct grebe_pick pick;

    grebe_pick_init(&pick);
    grebe_picker_pick(picker, &args, &pick);
    subconn = grebe_container_of(pick.subconn, struct lab_subconn, base);
    grebe_pick_end(&pick, &info);
    return (uint32_t)(lab_subconn_name(subconn)[0] - 'a');
}

static void *work(void *arg)
{
    struct worker *worker = arg;

    for (int i = 0; i < PICKS; i++)
        worker->counts[pick_for(worker->picker, NULL)]++;
    return NULL;
}

/* One in 10,000 for him, whoever comes after him.  The other one draws strides, for which no
 * weight is less than a hundredth of the mean. */
TEST(queue_is_of_the_first_caller)
{
    uint32_t of_first[2] = {0}, of_other[2] = {0};
    static char first, other;
    struct rig rig;

    start_named(&rig, "{\"weighted\": true, \"bias\": 0}", "a*9999 b", 2);
    for (int i = 0; i < 30000; i++) {
        of_first[pick_for(rig.b.lab.picker, &first)]++;
        of_other[pick_for(rig.b.lab.picker, &other)]++;
    }
    assert_in_range(of_first[1], 2, 4);
    assert_in_range(of_other[1], 3 * 50 - 1, 3 * 50 + 1);
    fini(&rig);
}

/* Of the calls of somebody whose the queue is not, so many to b, which weighs a fourth of a:
 * of 250 that stay, of 20 that come when all of b's have ended. */
static void expect_of_others(const char *config, uint32_t n_staying, uint32_t n_coming)
{
    uint64_t of_b[250];
    uint32_t n_of_b = 0;
    static char first;
    struct rig rig;

    start_named(&rig, config, "a*4 b", 2);
    (void)pick_for(rig.b.lab.picker, &first);
    for (int i = 0; i < 250; i++) {
        of_b[n_of_b] = rig.b.lab.n_picks;
        n_of_b += hold(&rig);
    }
    assert_in_range(n_of_b + 1, n_staying, n_staying + 2);
    while (n_of_b > 0)
        end(&rig, of_b[--n_of_b], GREBE_STATUS_OK);
    for (int i = 0; i < 20; i++)
        n_of_b += hold(&rig);
    assert_in_range(n_of_b + 1, n_coming, n_coming + 2);
    fini(&rig);
}

/* Two are drawn by weight, b is one of them in two of five times, and has the call as long as
 * it has fewer of them for what it weighs.  With a bias of 0 one is drawn. */
TEST(who_has_no_queue_draws_two_and_takes_the_less_busy)
{
    expect_of_others("{\"weighted\": true}", 50, 8);
    expect_of_others("{\"weighted\": true, \"bias\": 0}", 50, 4);
}

/* Those whose the queue is not draw by the same weights; several orders, each of which
 * ends in the middle of a round. */
TEST(threads_beside_the_queue_share_as_well)
{
    uint32_t counts[3] = {0};
    struct worker workers[THREADS];
    pthread_t threads[THREADS];
    struct rig rig;

    start_named(&rig, "{\"weighted\": true, \"bias\": 0}", "a*5 b c", 3);
    for (size_t i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.picker = rig.b.lab.picker};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        for (size_t k = 0; k < 3; k++)
            counts[k] += workers[i].counts[k];
    }
    assert_in_range(counts[0], 20000 - 20, 20000 + 20);
    assert_in_range(counts[1], 4000 - 20, 4000 + 20);
    assert_int_equal(counts[0] + counts[1] + counts[2], THREADS * PICKS);
    fini(&rig);
}

/* ---- Slow start ------------------------------------------------------------------------ */

#define RAMP                                                                             \
    "\"slowStartConfig\": {\"slowStartWindow\": \"10s\", \"minWeightPercent\": 10}"

/* a and b have been there for a minute when c comes. */
static void start_ramp(struct rig *rig, const struct grebe_balancer_builder *builder,
                       const char *config, const char *endpoints)
{
    assert_true(lb_bench_init(&rig->b, builder, 1));
    assert_int_equal(lb_bench_config(&rig->b, config), GREBE_OK);
    assert_int_equal(lb_bench_update(&rig->b, endpoints, NULL), GREBE_OK);
    rig->n = 3;
    for (uint32_t i = 0; i < 3; i++)
        snprintf(rig->names[i], sizeof rig->names[i], "%c", 'a' + (int)i);
    make_ready(&rig->b, "a");
    make_ready(&rig->b, "b");
    lb_bench_advance_ms(&rig->b, 60000);
    make_ready(&rig->b, "c");
}

/* A tenth at first, a half after half of the window, and then all of it; and anew when it
 * comes back.  Weights are looked at once a second. */
TEST(newcomer_has_few_turns_at_first)
{
    struct rig rig;

    start_ramp(&rig, &grebe__least_request_full, "{\"weighted\": true, " RAMP "}",
               "a*2 b c");
    expect_counts(&rig, 310, (uint32_t[]){200, 100, 10});
    lb_bench_advance_ms(&rig.b, 1999);
    expect_counts(&rig, 310, (uint32_t[]){200, 100, 10});
    lb_bench_advance_ms(&rig.b, 1);
    expect_counts(&rig, 320, (uint32_t[]){200, 100, 20});
    lb_bench_advance_ms(&rig.b, 3000);
    expect_counts(&rig, 350, (uint32_t[]){200, 100, 50});
    lb_bench_advance_ms(&rig.b, 5000);
    expect_counts(&rig, 400, (uint32_t[]){200, 100, 100});
    lb_bench_subconn(&rig.b, "c", GREBE_IDLE, NULL);
    make_ready(&rig.b, "c");
    expect_counts(&rig, 310, (uint32_t[]){200, 100, 10});
    fini(&rig);
}

/* With next to nothing it was to have its first turn in a billion of the others'. */
TEST(newcomer_does_not_wait_for_what_it_weighed_before)
{
    struct rig rig;

    start_ramp(&rig, &grebe__least_request_full,
               "{\"weighted\": true, \"slowStartConfig\": {\"slowStartWindow\": \"10s\", "
               "\"aggression\": 0.01, \"minWeightPercent\": 0}}",
               "a*2 b c");
    expect_counts(&rig, 900, (uint32_t[]){600, 300, 0});
    lb_bench_advance_ms(&rig.b, 10000);
    expect_counts(&rig, 400, (uint32_t[]){200, 100, 100});
    fini(&rig);
}

/* However deep in the queue it is. */
TEST(newcomer_among_many_does_not_wait)
{
    struct rig rig;

    start_named(
        &rig,
        "{\"weighted\": true, \"slowStartConfig\": {\"slowStartWindow\": \"10s\", "
        "\"aggression\": 0.01, \"minWeightPercent\": 0}}",
        "a*2 b c d e f g h i j k l m n o p", 15);
    lb_bench_advance_ms(&rig.b, 60000);
    rig.n = 16;
    snprintf(rig.names[15], sizeof rig.names[15], "p");
    make_ready(&rig.b, "p");
    for (uint32_t i = 0; i < 160; i++)
        assert_int_not_equal(number_of(&rig, lb_bench_pick(&rig.b)), 15);
    lb_bench_advance_ms(&rig.b, 10000);
    expect_counts(
        &rig, 170,
        (uint32_t[]){20, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10});
    fini(&rig);
}

/* Those that have no queue see it grow as well. */
TEST(newcomer_has_few_turns_of_other_callers)
{
    uint32_t counts[3] = {0};
    static char first;
    struct rig rig;

    start_ramp(&rig, &grebe__least_request_full,
               "{\"weighted\": true, \"bias\": 0, " RAMP "}", "a*2 b c");
    (void)pick_for(rig.b.lab.picker, &first);
    expect_counts(&rig, 310, (uint32_t[]){200, 100, 10});
    lb_bench_advance_ms(&rig.b, 10000);
    count_each(&rig, 400, counts);
    assert_in_range(counts[2], 98, 102);
    fini(&rig);
}

/* Nobody is READY, and nothing is remembered of anybody: who comes back is new, like the
 * other, and has no calls. */
TEST(all_that_were_lost_begin_anew)
{
    struct rig rig;

    start_named(&rig, "{\"weighted\": true, " RAMP "}", "a*2 b", 2);
    load_with(&rig, (uint32_t[]){5, 1});
    lb_bench_advance_ms(&rig.b, 60000);
    lb_bench_subconn(&rig.b, "a", GREBE_IDLE, NULL);
    lb_bench_subconn(&rig.b, "b", GREBE_IDLE, NULL);
    make_ready(&rig.b, "b");
    make_ready(&rig.b, "a");
    expect_counts(&rig, 300, (uint32_t[]){200, 100});
    fini(&rig);
}

/* A call there counts as ten would elsewhere, weighted or not. */
TEST(newcomer_counts_as_busy_among_those_that_are_drawn)
{
    uint32_t counts[3] = {0};
    struct lb_bench *b;
    struct rig rig;

    start_ramp(&rig, &grebe__least_request, "{\"choiceCount\": 10, " RAMP "}", "a*9 b c");
    b = &rig.b;
    for (int i = 0; i < 18; i++)
        counts[hold(&rig)]++;
    assert_int_equal(counts[2], 0); /* nine for each of the others */
    assert_int_equal(counts[0], 9);
    assert_int_not_equal(hold(&rig), 2); /* 10 against 10: whoever comes first */
    lb_bench_advance_ms(b, 10000);
    assert_int_equal(hold(&rig), 2);
    fini(&rig);
}

/* Nobody is new whom all others are like: they wait for nobody. */
TEST(all_that_are_new_share_evenly)
{
    struct lb_bench b;

    start_full(&b, "{" RAMP "}", "a b c");
    make_ready(&b, "a");
    make_ready(&b, "b");
    make_ready(&b, "c");
    assert_string_equal(lb_bench_cycle(&b), "a b c");
    lb_bench_fini(&b);
}

/* ---- Explanations ---------------------------------------------------------------------- */

TEST(a_turn_tells_of_weights)
{
    struct grebe_call_options options = GREBE_CALL_OPTIONS_INIT;
    struct channel_bench b;
    struct grebe_call *call;
    char text[2048];

    channel_bench_start(&b, "{\"loadBalancingConfig\":[{\"least_request_full\":"
                            "{\"weighted\":true}}]}");
    b.resolves_to = "a*4 b*1";
    channel_bench_servers(&b, "a b");
    channel_bench_connect(&b);
    options.wants_explanation = true;
    call = channel_bench_call(&b, &options);
    grebe_explanation_format(grebe_call_explain(call), text, sizeof text);
    assert_string_equal(
        text,
        "least_request_full: in turn, as often as it weighs for each of its calls\n"
        "  > b  READY  weight per call 1  in flight 0  its turn\n"
        "    a  READY  weight per call 4  in flight 0  later, as its weight has it\n"
        "picks     0us b\n"
        "attempts  0us to 0us b OK\n");
    grebe_call_unref(call);
    channel_bench_fini(&b);
}

/* ---- Out of memory -------------------------------------------------------------------- */

TEST(configuration_that_did_not_arrive_is_not_used)
{
    uint32_t counts[2] = {0};
    struct rig rig;

    start_full(&rig.b, "{}", "a*3 b");
    make_ready(&rig.b, "a");
    make_ready(&rig.b, "b");
    rig.n = 2;
    snprintf(rig.names[0], sizeof rig.names[0], "a");
    snprintf(rig.names[1], sizeof rig.names[1], "b");
    assert_int_equal(lb_bench_config(&rig.b, "{\"weighted\": true}"), GREBE_OK);
    rig.b.mem.fail_at = rig.b.mem.n_allocs + 1;
    assert_int_equal(lb_bench_update(&rig.b, "a*3 b", NULL), GREBE_ERR_NOMEM);
    lb_bench_health(&rig.b, "a", GREBE_TRANSIENT_FAILURE, "NOT_SERVING");
    lb_bench_health(&rig.b, "a", GREBE_READY, NULL);
    for (int i = 0; i < 100; i++)
        counts[hold(&rig)]++;
    assert_int_equal(counts[0], 50);
    fini(&rig);
}

static void live_a_life(struct lb_bench *b)
{
    const struct lab_call call = {.method = "/s/m"};

    lb_bench_set(b, "a=R b=T c=C");
    assert_true(lab_pick(&b->lab, &call, 3, NULL) <= GREBE_OK);
    lb_bench_update(b, "a c d+e", NULL);
    lb_bench_pick(b);
    lb_bench_resolver_error(b, "gone");
    lb_bench_subconn(b, "a", GREBE_IDLE, NULL);
    lb_bench_pick(b);
    lb_bench_update(b, "", NULL);
}

static void live_in_turns(struct lb_bench *b)
{
    assert_true(lb_bench_config(b, "{\"weighted\": true, " RAMP "}") == GREBE_OK ||
                b->mem.has_failed);
    lb_bench_set(b, "a=R b=R c=T");
    lb_bench_update(b, "a*3 b c", NULL);
    lb_bench_pick(b);
    lb_bench_advance_ms(b, 3000);
    lb_bench_pick(b);
    lb_bench_subconn(b, "b", GREBE_IDLE, NULL);
    lb_bench_advance_ms(b, 1000);
    lb_bench_pick(b);
}

TEST(out_of_memory_anywhere_is_survived)
{
    lb_bench_sweep(&grebe__least_request, live_a_life);
    lb_bench_sweep(&grebe__least_request_full, live_a_life);
    lb_bench_sweep(&grebe__least_request, live_in_turns);
    lb_bench_sweep(&grebe__least_request_full, live_in_turns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(configuration_is_checked),
        cmocka_unit_test(configuration_of_the_full_one_is_checked),
        cmocka_unit_test(as_many_are_drawn_as_configured),
        cmocka_unit_test(fewest_of_the_drawn_wins_and_the_first_of_equals),
        cmocka_unit_test(new_endpoint_is_filled_up),
        cmocka_unit_test(counters_outlive_updates),
        cmocka_unit_test(endpoint_that_comes_back_begins_at_zero),
        cmocka_unit_test(call_that_fails_is_over_once),
        cmocka_unit_test(endpoint_that_is_listed_twice_is_one),
        cmocka_unit_test(endpoint_is_used_by_its_second_address),
        cmocka_unit_test(failures_are_told_in_turn_and_resolver_errors_too),
        cmocka_unit_test(counters_come_back_to_zero),
        cmocka_unit_test(idle_endpoints_share_evenly),
        cmocka_unit_test(two_draws_keep_open_calls_together),
        cmocka_unit_test(weights_count_if_they_are_wanted),
        cmocka_unit_test(equals_take_turns),
        cmocka_unit_test(least_of_all_is_found),
        cmocka_unit_test(weights_are_divided_by_calls),
        cmocka_unit_test(equals_are_chosen_by_lot_if_that_is_wanted),
        cmocka_unit_test(effective_weight_is_weight_by_calls),
        cmocka_unit_test(idle_endpoints_have_turns_by_weight),
        cmocka_unit_test(calls_in_flight_count_as_the_bias_says),
        cmocka_unit_test(turns_are_put_off_by_calls_that_stay),
        cmocka_unit_test(equal_weights_are_drawn),
        cmocka_unit_test(small_intervals_are_exact_after_large_ones),
        cmocka_unit_test(picking_takes_no_memory),
        cmocka_unit_test(queue_is_of_the_first_caller),
        cmocka_unit_test(who_has_no_queue_draws_two_and_takes_the_less_busy),
        cmocka_unit_test(threads_beside_the_queue_share_as_well),
        cmocka_unit_test(newcomer_has_few_turns_at_first),
        cmocka_unit_test(newcomer_does_not_wait_for_what_it_weighed_before),
        cmocka_unit_test(newcomer_among_many_does_not_wait),
        cmocka_unit_test(newcomer_has_few_turns_of_other_callers),
        cmocka_unit_test(all_that_were_lost_begin_anew),
        cmocka_unit_test(newcomer_counts_as_busy_among_those_that_are_drawn),
        cmocka_unit_test(all_that_are_new_share_evenly),
        cmocka_unit_test(a_turn_tells_of_weights),
        cmocka_unit_test(configuration_that_did_not_arrive_is_not_used),
        cmocka_unit_test(out_of_memory_anywhere_is_survived),
    };

    return cmocka_run_group_tests_name("least_request", tests, NULL, NULL);
}
