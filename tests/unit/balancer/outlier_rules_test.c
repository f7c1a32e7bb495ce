/* SPDX-License-Identifier: Apache-2.0 */
/* Who is an outlier, and for how long: the worked numbers of gRFC A50's algorithms. */
#include "support/test.h"

#include <math.h>

#include "balancer/outlier_rules.h"

enum { MAX = 24 };

static double root(double of)
{
    double guess = 1;

    for (int i = 0; i < 60 && of > 0; i++)
        guess = (guess + of / guess) / 2;
    return of > 0 ? guess : 0;
}

static void expect_near(double value, double wanted, double by)
{
    if (fabs(value - wanted) > by)
        fail_msg("%.9f is not %.9f", value, wanted);
}

/* ---- Success rate ------------------------------------------------------------------------ */

/* `n` endpoints with a rate each, given as successes of 100 calls. */
struct group {
    unsigned n, percent;
};

static size_t make(const struct group *groups, struct grebe__outlier_calls *calls)
{
    size_t n = 0;

    for (; groups->n > 0; groups++)
        for (unsigned i = 0; i < groups->n; i++)
            calls[n++] =
                (struct grebe__outlier_calls){groups->percent, 100 - groups->percent};
    return n;
}

/* Threshold: mean - deviation * factor / 1000. */
static const struct {
    struct group groups[3];
    uint32_t factor;
    double mean, deviation, threshold;
    unsigned n_outliers;
} examples[] = {
    {{{4, 99}, {1, 50}}, 1900, .892, .196, .5196, 1},
    {{{2, 100}, {1, 0}}, 500, .666667, .471405, .430964, 1},
    {{{2, 100}, {1, 0}}, 1900, .666667, .471405, -.229002, 0},
    {{{9, 100}, {1, 90}}, 1900, .99, .03, .933, 1},
    {{{3, 100}, {1, 0}}, 1900, .75, .433013, -.072724, 0},
    {{{4, 100}, {1, 0}}, 1900, .8, .4, .04, 1},
    {{{4, 100}, {2, 0}}, 1900, .666667, .471405, -.229002, 0},
    {{{18, 100}, {2, 50}}, 1900, .95, .15, .665, 2},
};

/* O-20, gRFC A50 */
TEST(rates_far_below_the_mean_are_outliers)
{
    for (size_t k = 0; k < sizeof examples / sizeof examples[0]; k++) {
        const struct grebe__outlier_rule rule = {
            .is_on = true, .limit = examples[k].factor, .min_calls = 100};
        struct grebe__outlier_calls calls[MAX];
        size_t n = make(examples[k].groups, calls);
        struct grebe__outlier_rates rates;
        unsigned n_outliers = 0;

        grebe__outlier_rates_of(&rule, calls, n, &rates);
        assert_int_equal(rates.n, n);
        expect_near(rates.mean, examples[k].mean, 1e-6);
        expect_near(root(rates.variance), examples[k].deviation, 1e-6);
        expect_near(rates.mean - root(rates.variance) * rule.limit / 1000,
                    examples[k].threshold, 1e-6);
        for (size_t i = 0; i < n; i++)
            if (grebe__outlier_succeeds_too_rarely(&rule, &rates, calls[i])) {
                assert_true(i >= n - examples[k].n_outliers);
                n_outliers++;
            }
        assert_int_equal(n_outliers, examples[k].n_outliers);
    }
}

/* The threshold of the examples is where the answer changes: nobody squares for nothing. */
TEST(threshold_is_where_it_should_be)
{
    for (size_t k = 0; k < sizeof examples / sizeof examples[0]; k++) {
        const struct grebe__outlier_rule rule = {
            .is_on = true, .limit = examples[k].factor, .min_calls = 100};
        struct grebe__outlier_calls calls[MAX];
        size_t n = make(examples[k].groups, calls);
        uint64_t at = (uint64_t)(examples[k].threshold * 1e6);
        struct grebe__outlier_rates rates;

        if (examples[k].threshold < 0)
            continue;
        grebe__outlier_rates_of(&rule, calls, n, &rates);
        for (uint64_t i = at - 2; i <= at + 2; i++) {
            struct grebe__outlier_calls probe = {i, 1000000 - i};
            double distance = (double)i / 1e6 - examples[k].threshold;

            if (fabs(distance) > 1e-6)
                assert_int_equal(grebe__outlier_succeeds_too_rarely(&rule, &rates, probe),
                                 distance < 0);
        }
    }
}

/* O-21: rates 1 and 0, one deviation below the mean is 0 exactly. */
TEST(a_rate_at_the_threshold_is_no_outlier)
{
    const struct grebe__outlier_calls calls[] = {{100, 0}, {0, 100}};
    struct grebe__outlier_rule rule = {.is_on = true, .limit = 1000, .min_calls = 100};
    struct grebe__outlier_rates rates;

    grebe__outlier_rates_of(&rule, calls, 2, &rates);
    assert_false(grebe__outlier_succeeds_too_rarely(&rule, &rates, calls[1]));
    rule.limit = 999;
    assert_true(grebe__outlier_succeeds_too_rarely(&rule, &rates, calls[1]));
}

/* 0.7 ten times over is not 0.7 on average, in the last bit. */
TEST(rounding_makes_no_outlier_of_equals)
{
    const struct grebe__outlier_rule rule = {.is_on = true, .limit = 0, .min_calls = 10};
    struct grebe__outlier_calls calls[MAX];
    struct grebe__outlier_rates rates;

    for (size_t n = 2; n <= MAX; n++) {
        for (size_t i = 0; i < n; i++)
            calls[i] = (struct grebe__outlier_calls){7, 3};
        grebe__outlier_rates_of(&rule, calls, n, &rates);
        for (size_t i = 0; i < n; i++)
            assert_false(grebe__outlier_succeeds_too_rarely(&rule, &rates, calls[i]));
    }
    calls[0].n_failed++;
    grebe__outlier_rates_of(&rule, calls, MAX, &rates);
    assert_true(grebe__outlier_succeeds_too_rarely(&rule, &rates, calls[0]));
}

/* A lone outlier lies sqrt(n - 1) deviations below the mean at most: with the default factor
 * of 1.9 four endpoints have none, and five have. */
TEST(four_endpoints_have_no_outlier_by_the_default_factor)
{
    const struct grebe__outlier_rule rule = {
        .is_on = true, .limit = 1900, .min_calls = 1};

    for (size_t n = 2; n <= MAX; n++) {
        struct grebe__outlier_calls calls[MAX];
        struct grebe__outlier_rates rates;

        for (size_t i = 0; i < n; i++)
            calls[i] = (struct grebe__outlier_calls){i == 0 ? 0 : 100, i == 0 ? 100 : 0};
        grebe__outlier_rates_of(&rule, calls, n, &rates);
        expect_near(rates.mean / root(rates.variance), root((double)n - 1), 1e-9);
        assert_int_equal(grebe__outlier_succeeds_too_rarely(&rule, &rates, calls[0]),
                         n >= 5);
    }
}

/* ---- Candidates ----------------------------------------------------------------------------- */

/* O-23 */
TEST(endpoints_with_too_few_calls_are_not_looked_at)
{
    const struct grebe__outlier_rule rule = {.is_on = true, .limit = 500, .min_calls = 5};
    const struct grebe__outlier_calls calls[] = {{5, 0}, {4, 1}, {4, 0}, {0, 4}, {0, 0}};
    struct grebe__outlier_rates rates;

    assert_true(grebe__outlier_is_candidate(&rule, calls[0]));
    assert_true(grebe__outlier_is_candidate(&rule, calls[1]));
    assert_false(grebe__outlier_is_candidate(&rule, calls[2]));
    assert_false(grebe__outlier_is_candidate(&rule, calls[3]));
    grebe__outlier_rates_of(&rule, calls, 5, &rates);
    assert_int_equal(rates.n, 2);
    expect_near(rates.mean, .9, 1e-12);
}

TEST(an_endpoint_without_calls_has_no_rate_whatever_is_asked_for)
{
    const struct grebe__outlier_rule rule = {.is_on = true, .limit = 0, .min_calls = 0};
    const struct grebe__outlier_calls calls[] = {{0, 0}, {0, 0}};
    struct grebe__outlier_rates rates;

    assert_false(grebe__outlier_is_candidate(&rule, calls[0]));
    grebe__outlier_rates_of(&rule, calls, 2, &rates);
    assert_int_equal(rates.n, 0);
    expect_near(rates.mean, 0, 0);
}

/* ---- Failure percentage ----------------------------------------------------------------------- */

/* O-22 */
TEST(failures_have_to_exceed_the_threshold)
{
    static const struct {
        uint64_t n_failed, n;
        uint32_t threshold;
        bool is_outlier;
    } cases[] = {
        {85, 100, 85, false},   {86, 100, 85, true},
        {17, 20, 85, false},    {18, 20, 85, true},
        {5, 5, 50, true},       {1, 2, 50, false},
        {1, 100, 0, true},      {0, 100, 0, false},
        {100, 100, 100, false}, {UINT32_MAX, UINT32_MAX, 99, true},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct grebe__outlier_rule rule = {.limit = cases[i].threshold};
        const struct grebe__outlier_calls calls = {cases[i].n - cases[i].n_failed,
                                                   cases[i].n_failed};

        assert_int_equal(grebe__outlier_fails_too_often(&rule, calls),
                         cases[i].is_outlier);
    }
}

/* ---- How long -------------------------------------------------------------------------------- */

/* O-25, O-27 */
TEST(ejections_get_longer_up_to_a_limit)
{
    struct grebe__outlier_config config = {.base_ejection_ns = 30 * SECOND,
                                           .max_ejection_ns = 300 * SECOND};

    for (uint32_t i = 1; i <= 12; i++)
        assert_int_equal(grebe__outlier_ejection_ns(&config, i),
                         (i < 10 ? i * 30 : 300) * SECOND);
    config.base_ejection_ns = 400 * SECOND;
    for (uint32_t i = 1; i <= 12; i++)
        assert_int_equal(grebe__outlier_ejection_ns(&config, i), 400 * SECOND);
    config = (struct grebe__outlier_config){.base_ejection_ns = INT64_MAX / 2,
                                            .max_ejection_ns = INT64_MAX};
    assert_int_equal(grebe__outlier_ejection_ns(&config, UINT32_MAX), INT64_MAX);
    assert_int_equal(grebe__outlier_ejection_ns(&config, 0), 0);
    config.base_ejection_ns = UINT64_C(1) << 62; /* four times that is 0 in 64 bits */
    assert_int_equal(grebe__outlier_ejection_ns(&config, 4), INT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_far_below_the_mean_are_outliers),
        cmocka_unit_test(threshold_is_where_it_should_be),
        cmocka_unit_test(a_rate_at_the_threshold_is_no_outlier),
        cmocka_unit_test(rounding_makes_no_outlier_of_equals),
        cmocka_unit_test(four_endpoints_have_no_outlier_by_the_default_factor),
        cmocka_unit_test(endpoints_with_too_few_calls_are_not_looked_at),
        cmocka_unit_test(an_endpoint_without_calls_has_no_rate_whatever_is_asked_for),
        cmocka_unit_test(failures_have_to_exceed_the_threshold),
        cmocka_unit_test(ejections_get_longer_up_to_a_limit),
    };

    return cmocka_run_group_tests_name("outlier_rules", tests, NULL, NULL);
}
