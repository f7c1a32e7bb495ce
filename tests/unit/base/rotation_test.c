/* SPDX-License-Identifier: Apache-2.0 */
#include "support/test.h"

#include "base/assert.h"
#include "base/rng.h"
#include "base/rotation.h"

static void expect_turns(uint32_t n, uint32_t first, uint32_t turns)
{
    struct grebe__rotation rotation;

    grebe__rotation_init(&rotation, n, first);
    for (uint32_t i = 0; i < turns; i++)
        assert_int_equal(grebe__rotation_next(&rotation, 1), ((uint64_t)first + i) % n);
}

TEST(every_index_has_its_turn_in_order_from_wherever_it_starts)
{
    for (uint32_t n = 1; n <= 64; n++)
        for (uint32_t first = 0; first < n; first++)
            expect_turns(n, first, 4 * n);
}

TEST(large_numbers_are_no_exception)
{
    struct grebe__rng rng;

    grebe__rng_seed(&rng, 1);
    for (int i = 0; i < 40; i++) {
        uint32_t n = 1 + grebe__rng_below(&rng, 1 << (i / 2));

        expect_turns(n, grebe__rng_below(&rng, n), 100000);
    }
}

/* After 2^40 turns, not simulated but reached by arithmetic, the order is still exact. */
TEST(order_is_exact_after_a_trillion_turns)
{
    static const uint32_t ns[] = {3, 7, 10, 1000, 9999, 10000, 1048575};
    const uint64_t turns = UINT64_C(1) << 40;

    for (size_t i = 0; i < sizeof ns / sizeof ns[0]; i++) {
        struct grebe__rotation rotation;

        grebe__rotation_init(&rotation, ns[i], 0);
        rotation.lanes.lanes[0].at += rotation.step * turns;
        for (uint32_t k = 0; k < 2 * ns[i]; k++)
            assert_int_equal(grebe__rotation_next(&rotation, 1), (turns + k) % ns[i]);
    }
}

/* Far from where the others are, by a fifth of the circle and one; those without a lane of
 * their own go round together. */
TEST(each_goes_round_for_himself)
{
    static const uint32_t firsts[] = {2, 5, 8, 1, 4, 5, 6};
    struct grebe__rotation rotation;

    grebe__rotation_init(&rotation, 10, 2);
    for (uint32_t turn = 0; turn < 10; turn++)
        for (uintptr_t who = 1; who <= GREBE__LANES_OWN; who++)
            assert_int_equal(grebe__rotation_next(&rotation, who),
                             (firsts[who - 1] + turn) % 10);
    for (uintptr_t who = GREBE__LANES_OWN + 1; who <= GREBE_ARRAY_LEN(firsts); who++)
        assert_int_equal(grebe__rotation_next(&rotation, who), firsts[who - 1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_index_has_its_turn_in_order_from_wherever_it_starts),
        cmocka_unit_test(large_numbers_are_no_exception),
        cmocka_unit_test(order_is_exact_after_a_trillion_turns),
        cmocka_unit_test(each_goes_round_for_himself),
    };

    return cmocka_run_group_tests_name("rotation", tests, NULL, NULL);
}
