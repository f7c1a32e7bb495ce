/* SPDX-License-Identifier: Apache-2.0 */
/* The factors of slow start: gRFC A100 (draft), and the worked numbers there are. */
#include "support/test.h"

#include "base/ramp.h"

static const double aggressions[] = {1, 2, 0.5, 1.5};

/* Of a window of 60 s. */
static const struct {
    unsigned s;
    double factors[4];
} table[] = {
    {0, {.1, .129099, .1, .1}},           {1, {.1, .129099, .1, .1}},
    {3, {.1, .223607, .1, .135721}},      {6, {.1, .316228, .1, .215443}},
    {15, {.25, .5, .1, .396850}},         {30, {.5, .707107, .25, .629961}},
    {45, {.75, .866025, .5625, .825482}}, {60, {1, 1, 1, 1}},
};

static void expect_near(double value, double wanted)
{
    if (value - wanted > 5e-7 || wanted - value > 5e-7)
        fail_msg("%.9f is not %.6f", value, wanted);
}

TEST(factors_are_those_of_the_table)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        for (size_t k = 0; k < 4; k++) {
            const struct grebe__ramp ramp = {
                .window_ns = 60 * SECOND, .aggression = aggressions[k], .least = .1};

            expect_near(grebe__ramp_factor(&ramp, table[i].s * SECOND),
                        table[i].factors[k]);
        }
}

TEST(factors_only_grow_and_stay_between_the_least_and_one)
{
    for (size_t k = 0; k < 4; k++) {
        const struct grebe__ramp ramp = {
            .window_ns = 60 * SECOND, .aggression = aggressions[k], .least = .05};
        double before = 0;

        for (uint64_t ms = 0; ms <= 61000; ms += 7) {
            double factor = grebe__ramp_factor(&ramp, ms * MS);

            assert_true(factor >= before && factor >= .05 && factor <= 1);
            before = factor;
        }
        assert_true(before == 1);
    }
}

TEST(without_a_window_there_is_no_ramp)
{
    const struct grebe__ramp none = {.window_ns = 0, .aggression = 1, .least = .1};
    /* In the first second nothing is told apart. */
    const struct grebe__ramp tiny = {.window_ns = SECOND, .aggression = 2, .least = .1};

    assert_true(grebe__ramp_factor(&none, 0) == 1);
    assert_true(grebe__ramp_factor(&tiny, 0) == 1);
}

TEST(without_a_least_the_first_second_is_the_least)
{
    const struct grebe__ramp ramp = {.window_ns = 1000 * SECOND, .aggression = 1};

    expect_near(grebe__ramp_factor(&ramp, 0), .001);
    expect_near(grebe__ramp_factor(&ramp, 2 * SECOND), .002);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(factors_are_those_of_the_table),
        cmocka_unit_test(factors_only_grow_and_stay_between_the_least_and_one),
        cmocka_unit_test(without_a_window_there_is_no_ramp),
        cmocka_unit_test(without_a_least_the_first_second_is_the_least),
    };

    return cmocka_run_group_tests_name("ramp", tests, NULL, NULL);
}
