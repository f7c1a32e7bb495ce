/* SPDX-License-Identifier: Apache-2.0 */
#include "support/test.h"

#include <math.h>

#include "base/assert.h"
#include "base/expdecay.h"
#include "base/rng.h"

TEST(values_are_those_of_the_exponential_to_twelve_digits)
{
    struct grebe__rng rng;

    grebe__rng_seed(&rng, 1);
    for (int i = 0; i < 200000; i++) {
        double x = grebe__rng_unit(&rng) * (i % 2 == 0 ? 1 : 600);
        double found = grebe__expdecay(x), right = exp(-x);

        assert_true(fabs(found - right) <= right * 2e-13);
    }
}

/* What is older is never worth more. */
TEST(it_only_falls)
{
    double before = 1;

    for (uint32_t i = 1; i < 1000000; i++) {
        double now = grebe__expdecay(i * 1e-6);

        assert_true(now <= before);
        before = now;
    }
}

TEST(ends_are_exact)
{
    assert_true(grebe__expdecay(0) == 1);
    assert_true(grebe__expdecay(1e-30) == 1);
    assert_true(grebe__expdecay(693) > 0);
    assert_true(grebe__expdecay(694) == 0);
    assert_true(grebe__expdecay(1e300) == 0);
    assert_true(grebe__expdecay((double)INFINITY) == 0);
}

/* The same bits on every machine. */
static const struct {
    double x;
    uint64_t bits;
} golden[] = {
    {0.0005, 0x3feffbe7afa44517}, {0.1, 0x3fecf46d99d52b3a},  {0.5, 0x3fe368b2fc6f9570},
    {1, 0x3fd78b56362cee87},      {3.25, 0x3fa3da3685218fa7}, {100, 0x36ea8c1f14e2afa7},
};

TEST(bits_are_the_same_everywhere)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(golden); i++) {
        double found = grebe__expdecay(golden[i].x);
        uint64_t bits;

        memcpy(&bits, &found, sizeof bits);
        assert_int_equal(bits, golden[i].bits);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_those_of_the_exponential_to_twelve_digits),
        cmocka_unit_test(it_only_falls),
        cmocka_unit_test(ends_are_exact),
        cmocka_unit_test(bits_are_the_same_everywhere),
    };

    return cmocka_run_group_tests_name("expdecay", tests, NULL, NULL);
}
