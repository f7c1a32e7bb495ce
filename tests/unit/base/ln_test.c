/* SPDX-License-Identifier: Apache-2.0 */
/* The logarithm, compared with the exact one of base/log2.h: -log2(u) * 2^53, rounded up. */
#include "support/test.h"

#include "base/ln.h"
#include "base/log2.h"
#include "base/rng.h"

/* Of random / 2^64, which is exact for random numbers of 53 digits. */
static void expect_near(uint64_t random)
{
    double exact = -(double)grebe__neg_log2(random) * 0x1p-53 * 0x1.62e42fefa39efp-1;
    double ours = grebe__ln((double)random * 0x1p-64);
    double difference = ours > exact ? ours - exact : exact - ours;

    /* Near 1 the other one is not exact: its last digit is 2^-53. */
    assert_true(difference <= -exact * 1e-15 + 0x1p-52);
}

TEST(logarithms_of_random_numbers)
{
    struct grebe__rng rng;

    grebe__rng_seed(&rng, 1);
    for (int i = 0; i < 200000; i++)
        expect_near(grebe__rng_next(&rng) >> 11 << 11 >> i % 53 << i % 53 | 1u << 11);
    for (unsigned i = 0; i < 64; i++)
        expect_near(UINT64_C(1) << i);
}

TEST(a_larger_number_has_no_smaller_logarithm)
{
    double before = grebe__ln(0x1p-53);

    for (uint64_t x = 2; x < UINT64_C(1) << 53; x += x / 1000 + 1) {
        double now = grebe__ln((double)x * 0x1p-53);

        assert_true(now >= before && now < 0);
        before = now;
    }
    assert_true(grebe__ln(1) == 0);
}

/* The same bits everywhere: these were computed with 60 digits and rounded. */
TEST(logarithms_to_the_last_bit)
{
    assert_true(grebe__ln(0.5) == -0x1.62e42fefa39efp-1);
    assert_true(grebe__ln(0x1p-53) == -53 * 0x1.62e42fefa39efp-1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logarithms_of_random_numbers),
        cmocka_unit_test(a_larger_number_has_no_smaller_logarithm),
        cmocka_unit_test(logarithms_to_the_last_bit),
    };

    return cmocka_run_group_tests_name("ln", tests, NULL, NULL);
}
