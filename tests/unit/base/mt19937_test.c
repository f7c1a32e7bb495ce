/* SPDX-License-Identifier: Apache-2.0 */
#include "support/test.h"

#include "base/mt19937.h"

/* The check that generators of this name have in common. */
TEST(ten_thousandth_output_of_seed_5489)
{
    struct grebe__mt19937 rng;

    grebe__mt19937_seed(&rng, 5489);
    assert_true(grebe__mt19937_next(&rng) == 3499211612U);
    for (int i = 1; i < 9999; i++)
        grebe__mt19937_next(&rng);
    assert_true(grebe__mt19937_next(&rng) == 4123659995U);
}

TEST(below_stays_below_and_reaches_everything)
{
    for (uint32_t n = 1; n < 50; n++) {
        struct grebe__mt19937 rng;
        uint64_t seen = 0;

        grebe__mt19937_seed(&rng, n);
        for (int i = 0; i < 2000; i++) {
            uint32_t x = grebe__mt19937_below(&rng, n);

            assert_true(x < n);
            seen |= UINT64_C(1) << x;
        }
        assert_true(seen == (UINT64_C(1) << n) - 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_thousandth_output_of_seed_5489),
        cmocka_unit_test(below_stays_below_and_reaches_everything),
    };

    return cmocka_run_group_tests_name("mt19937", tests, NULL, NULL);
}
