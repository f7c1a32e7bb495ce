/* SPDX-License-Identifier: Apache-2.0 */
/* least_request on the bench.  Endpoints have numbers here, from 0, in the order in which
 * the picker has them; what is drawn of them is set by setting the generator. */
#include "support/test.h"

#include "balancer/least_request.h"
#include "base/assert.h"
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

static const struct {
    const char *json;
    const char *error; /* NULL: it is fine */
} configs[] = {
    {"{}", NULL},
    {"{\"choiceCount\": 2}", NULL},
    {"{\"choice_count\": 3, \"weighted\": true}", NULL},
    {"{\"choiceCount\": 4294967295, \"whatever\": []}", NULL},
    {"{\"choiceCount\": 1}", "choiceCount: must be >= 2"},
    {"{\"choiceCount\": 0}", "choiceCount: must be >= 2"},
    {"{\"choiceCount\": -1}", "choiceCount: -1 is not between 0 and 4294967295"},
    {"{\"choiceCount\": \"2\"}", "choiceCount: expected an integer, found a string"},
    {"{\"weighted\": 1}", "weighted: expected a boolean, found a number"},
};

/* L-3 */
TEST(configuration_is_checked)
{
    struct lb_bench b;

    assert_true(lb_bench_init(&b, &grebe__least_request, 1));
    for (size_t i = 0; i < GREBE_ARRAY_LEN(configs); i++) {
        int result = lb_bench_config(&b, configs[i].json);

        assert_int_equal(result, configs[i].error == NULL ? GREBE_OK : GREBE_ERR_CONFIG);
        if (configs[i].error != NULL)
            assert_string_equal(b.text, configs[i].error);
    }
    lb_bench_fini(&b);
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

/* Calls 0, 1, 3 on endpoints of weight 1, 1, 4 weigh 1, 1/2, 1: of the two best the one
 * whose turn comes first has the next call, and then the other. */
TEST(weights_are_divided_by_calls)
{
    uint32_t counts[3] = {0};
    struct rig rig;

    start_full(&rig.b, "{\"weighted\": true}", "a b c*4");
    for (uint32_t i = 0; i < 3; i++) {
        snprintf(rig.names[i], sizeof rig.names[i], "%c", 'a' + (int)i);
        make_ready(&rig.b, rig.names[i]);
    }
    rig.n = 3;
    for (uint32_t i = 0; i < 600; i++)
        counts[hold(&rig)]++;
    assert_int_equal(counts[0], 100);
    assert_int_equal(counts[1], 100);
    assert_int_equal(counts[2], 400);
    fini(&rig);
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

TEST(out_of_memory_anywhere_is_survived)
{
    lb_bench_sweep(&grebe__least_request, live_a_life);
    lb_bench_sweep(&grebe__least_request_full, live_a_life);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(configuration_is_checked),
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
        cmocka_unit_test(configuration_that_did_not_arrive_is_not_used),
        cmocka_unit_test(out_of_memory_anywhere_is_survived),
    };

    return cmocka_run_group_tests_name("least_request", tests, NULL, NULL);
}
