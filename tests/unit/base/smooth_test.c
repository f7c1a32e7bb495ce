/* SPDX-License-Identifier: Apache-2.0 */
#include "support/test.h"

#include "base/assert.h"
#include "base/rng.h"
#include "base/smooth.h"

static uint16_t order[GREBE__SMOOTH_PERIOD_MAX];
static int64_t credits[GREBE__SMOOTH_PERIOD_MAX];
static uint32_t weights[GREBE__SMOOTH_PERIOD_MAX];

static const struct {
    uint32_t n;
    uint32_t weights[3];
    const char *turns;
} known[] = {
    {3, {5, 1, 1}, "0010200"}, {3, {50, 10, 10}, "0010200"}, {3, {3, 2, 1}, "010210"},
    {3, {1, 2, 3}, "210212"},  {3, {7, 7, 7}, "012"},        {1, {9}, "0"},
    {2, {1, 1}, "01"},
};

/* Z-1, Z-2: what all weights have in common makes no difference. */
TEST(turns_are_those_of_smooth_weighted_round_robin)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(known); i++) {
        uint32_t period = grebe__smooth_period(known[i].weights, known[i].n);

        assert_int_equal(period, strlen(known[i].turns));
        grebe__smooth_fill(known[i].weights, known[i].n, credits, order, period);
        for (uint32_t k = 0; k < period; k++)
            assert_int_equal('0' + order[k], known[i].turns[k]);
    }
}

/* Each as often as it weighs, and nobody waits for twice as long as evenly spread turns would
 * have it. */
static void expect_fair(uint32_t n, uint32_t period, uint32_t divisor)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t turns = weights[i] / divisor, count = 0, last = 0, longest = 0;

        for (uint32_t k = 0; k < 2 * period; k++) {
            if (order[k % period] != i)
                continue;
            if (count++ > 0 && k - last > longest)
                longest = k - last;
            last = k;
        }
        assert_int_equal(count, 2 * turns);
        assert_true(longest < 2 * ((period + turns - 1) / turns));
    }
}

TEST(a_period_is_exact_and_even)
{
    struct grebe__rng rng;

    grebe__rng_seed(&rng, 1);
    for (int round = 0; round < 200; round++) {
        uint32_t n = 1 + grebe__rng_below(&rng, 40), divisor, period;

        weights[0] = divisor = 1 + grebe__rng_below(&rng, 5); /* so that none is larger */
        for (uint32_t i = 1; i < n; i++)
            weights[i] = divisor * (1 + grebe__rng_below(&rng, 100));
        period = grebe__smooth_period(weights, n);
        grebe__smooth_fill(weights, n, credits, order, period);
        expect_fair(n, period, divisor);
    }
}

TEST(what_would_be_too_long_or_too_much_work_is_not_done)
{
    const uint32_t long_one[] = {65535, 1}, too_long[] = {65536, 1};
    const uint32_t huge[] = {UINT32_MAX, UINT32_MAX - 1};

    assert_int_equal(grebe__smooth_period(long_one, 2), 65536);
    assert_int_equal(grebe__smooth_period(too_long, 2), 0);
    assert_int_equal(grebe__smooth_period(huge, 2), 0);
    for (uint32_t i = 0; i < 2049; i++)
        weights[i] = 1;
    assert_int_equal(grebe__smooth_period(weights, 2048), 2048);
    assert_int_equal(grebe__smooth_period(weights, 2049), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(turns_are_those_of_smooth_weighted_round_robin),
        cmocka_unit_test(a_period_is_exact_and_even),
        cmocka_unit_test(what_would_be_too_long_or_too_much_work_is_not_done),
    };

    return cmocka_run_group_tests_name("smooth", tests, NULL, NULL);
}
