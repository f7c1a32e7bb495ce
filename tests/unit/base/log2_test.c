/* SPDX-License-Identifier: Apache-2.0 */
/* The logarithm that orders random draws. */
#include "support/test.h"

#include "base/log2.h"
#include "base/rng.h"

static const uint64_t one = UINT64_C(1) << GREBE__LOG2_DIGITS;

TEST(powers_of_two_are_exact)
{
    for (unsigned k = 1; k <= 64; k++)
        assert_int_equal(grebe__neg_log2(UINT64_C(1) << (64 - k)), k * one);
}

/* -log2 of u, to the digits a double prints.  One unit is 2^-53. */
TEST(known_values_are_met)
{
    static const struct {
        uint64_t random;   /* u * 2^64 */
        uint64_t expected; /* -log2(u) * 2^53, rounded up */
    } cases[] = {
        {UINT64_C(0xc000000000000000), UINT64_C(3738325454193968)},  /* 3/4 */
        {UINT64_C(0x5555555555555555), UINT64_C(14276073055288017)}, /* 1/3, from below */
        {UINT64_C(0xfffffffffffff800), 2}, /* 1 - 2^-53: 1.4427 units */
        {UINT64_MAX, 1},
        {0, UINT64_C(1074) << 53},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(grebe__neg_log2(cases[i].random), cases[i].expected);
}

TEST(larger_numbers_never_have_larger_results)
{
    struct grebe__rng rng;

    grebe__rng_seed(&rng, 3);
    for (int i = 0; i < 20000; i++) {
        uint64_t a = grebe__rng_next(&rng) >> (i % 64);
        uint64_t b = a + 1 + (grebe__rng_next(&rng) >> 40);

        if (b > a)
            assert_true(grebe__neg_log2(b) <= grebe__neg_log2(a));
    }
}

/* log(u * u) is twice log(u): 2^32 numbers that can be squared, sampled. */
TEST(squaring_doubles_the_result)
{
    struct grebe__rng rng;

    grebe__rng_seed(&rng, 4);
    for (int i = 0; i < 20000; i++) {
        uint64_t half = (grebe__rng_next(&rng) >> 32) | 1;
        uint64_t once = grebe__neg_log2(half << 32), twice = grebe__neg_log2(half * half);

        /* Each is rounded up once: 2 * once is up to two units above. */
        assert_in_range(2 * once - twice, 0, 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(powers_of_two_are_exact),
        cmocka_unit_test(known_values_are_met),
        cmocka_unit_test(larger_numbers_never_have_larger_results),
        cmocka_unit_test(squaring_doubles_the_result),
    };

    return cmocka_run_group_tests_name("log2", tests, NULL, NULL);
}
