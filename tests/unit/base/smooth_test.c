/* SPDX-License-Identifier: Apache-2.0 */
#include "support/test.h"

#include "base/assert.h"
#include "base/rng.h"
#include "base/smooth.h"

enum { MOST = 40 }; /* weights whose turns are watched */

static union {
    struct grebe__smooth smooth;
    char memory[sizeof(struct grebe__smooth) +
                GREBE__SMOOTH_PERIOD_MAX * sizeof(uint16_t)];
} table;
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

static uint32_t next(void)
{
    return grebe__smooth_next(&table.smooth, 1);
}

/* Z-1, Z-2: what all weights have in common makes no difference. */
TEST(turns_are_those_of_smooth_weighted_round_robin)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(known); i++) {
        uint32_t period = grebe__smooth_period(known[i].weights, known[i].n);

        assert_int_equal(period, strlen(known[i].turns));
        for (uint32_t first = 0; first < period; first++) {
            grebe__smooth_init(&table.smooth, known[i].weights, known[i].n, credits,
                               period, first);
            for (uint32_t k = 0; k < 3 * period; k++)
                assert_int_equal('0' + next(), known[i].turns[(first + k) % period]);
        }
    }
}

/* Whoever asks has the period, from a place of his own on; who has none shares the last. */
TEST(each_has_the_period_for_himself)
{
    static const uint32_t weights_of_seven[] = {5, 1, 1};
    static const char *const turns[] = {"0010200", "1020000", "2000010", "0001020"};

    grebe__smooth_init(&table.smooth, weights_of_seven, 3, credits, 7, 0);
    for (uint32_t k = 0; k < 14; k++)
        for (uintptr_t who = 1; who <= GREBE_ARRAY_LEN(turns); who++)
            assert_int_equal('0' + grebe__smooth_next(&table.smooth, who),
                             turns[who - 1][k % 7]);
    for (uintptr_t who = 5; who < 12; who++)
        assert_int_equal('0' + grebe__smooth_next(&table.smooth, who),
                         "0102000"[who - 5]);
}

/* In two periods: how often each has its turn, and how many turns at most from one to the
 * next. */
static void watch(uint32_t n, uint32_t period, uint32_t *counts, uint32_t *longest)
{
    uint32_t last[MOST] = {0};

    memset(counts, 0, n * sizeof counts[0]);
    memset(longest, 0, n * sizeof longest[0]);
    for (uint32_t k = 0; k < 2 * period; k++) {
        uint32_t i = next();

        if (counts[i]++ > 0 && k - last[i] > longest[i])
            longest[i] = k - last[i];
        last[i] = k;
    }
}

/* Each as often as it weighs, and nobody waits for twice as long as evenly spread turns would
 * have it. */
static void expect_fair(uint32_t n)
{
    uint32_t counts[MOST], longest[MOST], period = grebe__smooth_period(weights, n);
    uint64_t sum = 0;

    for (uint32_t i = 0; i < n; i++)
        sum += weights[i];
    grebe__smooth_init(&table.smooth, weights, n, credits, period, 0);
    watch(n, period, counts, longest);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t turns = (uint32_t)(weights[i] * (uint64_t)period / sum);

        assert_int_equal(counts[i], 2 * turns);
        assert_true(longest[i] < 2 * ((period + turns - 1) / turns));
    }
}

TEST(a_period_is_exact_and_even)
{
    struct grebe__rng rng;

    grebe__rng_seed(&rng, 1);
    for (int round = 0; round < 200; round++) {
        uint32_t n = 1 + grebe__rng_below(&rng, MOST), divisor;

        weights[0] = divisor = 1 + grebe__rng_below(&rng, 5); /* so that none is larger */
        for (uint32_t i = 1; i < n; i++)
            weights[i] = divisor * (1 + grebe__rng_below(&rng, 100));
        expect_fair(n);
    }
}

/* All lists of up to four weights from 1 to 9. */
TEST(small_periods_are_exact_and_even)
{
    for (uint32_t n = 1, n_lists = 9; n <= 4; n++, n_lists *= 9)
        for (uint32_t list = 0; list < n_lists; list++) {
            for (uint32_t i = 0, rest = list; i < n; i++, rest /= 9)
                weights[i] = 1 + rest % 9;
            expect_fair(n);
        }
}

/* Some wait for longer than evenly spread turns and one of each other would have it
 * (docs/decisions/0018). */
TEST(somebody_waits_for_more_than_an_even_turn_and_all_others)
{
    static const struct {
        uint32_t n, weights[4], who, waits, even;
    } waits[] = {
        {3, {2, 99, 6}, 2, 23, 18},
        {4, {2, 1, 62, 41}, 0, 62, 53},
    };

    for (size_t i = 0; i < GREBE_ARRAY_LEN(waits); i++) {
        uint32_t n = waits[i].n, counts[MOST], longest[MOST];
        uint32_t period = grebe__smooth_period(waits[i].weights, n);
        uint32_t weight = waits[i].weights[waits[i].who];

        assert_int_equal((period + weight - 1) / weight, waits[i].even);
        grebe__smooth_init(&table.smooth, waits[i].weights, n, credits, period, 0);
        watch(n, period, counts, longest);
        assert_int_equal(longest[waits[i].who], waits[i].waits);
        assert_true(waits[i].waits > waits[i].even + n);
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
        cmocka_unit_test(each_has_the_period_for_himself),
        cmocka_unit_test(a_period_is_exact_and_even),
        cmocka_unit_test(small_periods_are_exact_and_even),
        cmocka_unit_test(somebody_waits_for_more_than_an_even_turn_and_all_others),
        cmocka_unit_test(what_would_be_too_long_or_too_much_work_is_not_done),
    };

    return cmocka_run_group_tests_name("smooth", tests, NULL, NULL);
}
