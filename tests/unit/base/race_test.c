/* SPDX-License-Identifier: Apache-2.0 */
/* Who wins a race, who comes next, and how often. */
#include "support/test.h"

#include <stdbool.h>

#include "base/assert.h"
#include "base/log2.h"
#include "base/race.h"
#include "base/rng.h"

enum { N = 257 };

/* The order by definition: smaller keys first, then smaller indices. */
static bool is_in_order(const struct grebe__runner *a, const struct grebe__runner *b)
{
    long double key_a = (long double)a->neg_log2 / a->weight;
    long double key_b = (long double)b->neg_log2 / b->weight;

    return key_a < key_b || (key_a == key_b && a->index < b->index);
}

TEST(every_length_comes_out_in_order_and_complete)
{
    struct grebe__rng rng;
    struct grebe__runner runners[N];

    grebe__rng_seed(&rng, 1);
    for (uint32_t n = 0; n <= N; n++) {
        bool is_there[N] = {false};

        for (uint32_t i = 0; i < n; i++)
            runners[i] = (struct grebe__runner){
                .neg_log2 = 1 + grebe__rng_below(&rng, 50), /* ties are common */
                .weight = 1 + grebe__rng_below(&rng, 5),
                .index = i,
            };
        grebe__race_run(runners, n);
        for (uint32_t i = 0; i < n; i++) {
            assert_false(is_there[runners[i].index]);
            is_there[runners[i].index] = true;
            if (i > 0)
                assert_true(is_in_order(&runners[i - 1], &runners[i]));
        }
    }
}

/* A product of 64 and 32 bits must not wrap. */
TEST(keys_as_large_as_they_get_are_compared_exactly)
{
    struct grebe__runner runners[] = {
        {.neg_log2 = UINT64_MAX, .weight = UINT32_MAX, .index = 0},
        {.neg_log2 = UINT64_MAX - 1, .weight = UINT32_MAX, .index = 1},
        {.neg_log2 = UINT64_MAX, .weight = UINT32_MAX - 1, .index = 2},
    };

    grebe__race_run(runners, GREBE_ARRAY_LEN(runners));
    assert_int_equal(runners[0].index, 1);
    assert_int_equal(runners[1].index, 0);
    assert_int_equal(runners[2].index, 2);
}

/* Weights 1, 3 and 6: of 20,000 races each wins its share, within 4 sigma. */
TEST(heavier_runners_win_as_often_as_their_weight)
{
    enum { N_RACES = 20000 };
    static const uint32_t weights[] = {1, 3, 6};
    static const uint32_t expected[] = {2000, 6000, 12000};
    static const uint32_t four_sigma[] = {170, 260, 278};
    uint32_t wins[3] = {0};
    struct grebe__rng rng;

    grebe__rng_seed(&rng, 7);
    for (uint32_t race = 0; race < N_RACES; race++) {
        struct grebe__runner runners[3];

        for (uint32_t i = 0; i < 3; i++)
            runners[i] = (struct grebe__runner){grebe__neg_log2(grebe__rng_next(&rng)),
                                                weights[i], i};
        grebe__race_run(runners, 3);
        wins[runners[0].index]++;
    }
    for (uint32_t i = 0; i < 3; i++)
        assert_in_range(wins[i], expected[i] - four_sigma[i],
                        expected[i] + four_sigma[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_length_comes_out_in_order_and_complete),
        cmocka_unit_test(keys_as_large_as_they_get_are_compared_exactly),
        cmocka_unit_test(heavier_runners_win_as_often_as_their_weight),
    };

    return cmocka_run_group_tests_name("race", tests, NULL, NULL);
}
