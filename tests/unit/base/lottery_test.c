/* SPDX-License-Identifier: Apache-2.0 */
/* Everybody's part of the line is as long as their weight, to the point. */
#include "support/test.h"

#include "base/lottery.h"

enum { MOST = 8 };

struct drawing {
    struct grebe__lottery lottery;
    uint64_t sums[MOST];
};

static void init(struct drawing *drawing, const uint32_t *weights, uint32_t n)
{
    grebe__lottery_init(&drawing->lottery, drawing->sums);
    for (uint32_t i = 0; i < n; i++)
        grebe__lottery_add(&drawing->lottery, weights[i]);
}

/* Random numbers in the middles of `total` equal parts of all there are: how many of them
 * are whose. */
static void count(const struct drawing *drawing, uint64_t total, uint64_t *counts)
{
    memset(counts, 0, MOST * sizeof *counts);
    for (uint64_t k = 0; k < total; k++)
        counts[grebe__lottery_draw(&drawing->lottery,
                                   UINT64_MAX / total * k + UINT64_MAX / total / 2)]++;
}

static const struct {
    uint32_t n, weights[MOST];
} lotteries[] = {
    {1, {7}},          {2, {3, 1}},       {3, {1, 2, 3}},
    {3, {5, 3, 2}},    {3, {17, 23, 37}}, {8, {1, 0, 4, 0, 0, 2, 9, 0}},
    {4, {0, 0, 1, 2}},
};

/* C-28 */
TEST(shares_are_the_weights)
{
    for (size_t i = 0; i < sizeof lotteries / sizeof lotteries[0]; i++) {
        uint64_t counts[MOST], total = 0;
        struct drawing drawing;

        init(&drawing, lotteries[i].weights, lotteries[i].n);
        for (uint32_t k = 0; k < lotteries[i].n; k++)
            total += lotteries[i].weights[k];
        count(&drawing, total, counts);
        for (uint32_t k = 0; k < lotteries[i].n; k++)
            assert_int_equal(counts[k], lotteries[i].weights[k]);
    }
}

TEST(equal_weights_are_even_and_zeros_are_equal)
{
    static const uint32_t weights[] = {0, 1, 1000, UINT32_MAX};

    for (size_t i = 0; i < sizeof weights / sizeof weights[0]; i++) {
        const uint32_t all[] = {weights[i], weights[i], weights[i]};
        uint64_t counts[MOST];
        struct drawing drawing;

        init(&drawing, all, 3);
        count(&drawing, 300, counts);
        for (size_t k = 0; k < 3; k++)
            assert_int_equal(counts[k], 100);
    }
}

TEST(the_ends_of_all_random_numbers_are_somebodys)
{
    static const uint32_t weights[] = {0, 3, UINT32_MAX, 0};
    struct drawing drawing;

    init(&drawing, weights, 4);
    assert_int_equal(grebe__lottery_draw(&drawing.lottery, 0), 1);
    assert_int_equal(grebe__lottery_draw(&drawing.lottery, UINT64_MAX), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_are_the_weights),
        cmocka_unit_test(equal_weights_are_even_and_zeros_are_equal),
        cmocka_unit_test(the_ends_of_all_random_numbers_are_somebodys),
    };

    return cmocka_run_group_tests_name("lottery", tests, NULL, NULL);
}
