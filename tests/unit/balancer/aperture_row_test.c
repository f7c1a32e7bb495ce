/* SPDX-License-Identifier: Apache-2.0 */
/* Two different ones are drawn, each as often as its weight says. */
#include "support/test.h"

#include "balancer/aperture_row.h"
#include "base/assert.h"

static const struct grebe__aperture_row rows[] = {
    {1, 0.25, 0.25}, {2, 0.25, 0.75}, {2, 1, 1},    {2, 1, 0.5}, {3, 0.5, 0.125},
    {5, 0.5, 0.25},  {5, 1, 0.25},    {5, 0.75, 1}, {12, 1, 1},  {13, 0.25, 0.75},
};

/* Of the points of the row, so fine that each weight is a whole number of them, each has as
 * many as its weight. */
TEST(each_is_as_long_as_its_weight)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(rows); i++) {
        const struct grebe__aperture_row *row = &rows[i];
        uint32_t counts[16] = {0};

        for (uint32_t x = 0; x < grebe__aperture_row_total(row) * 64; x++)
            counts[grebe__aperture_row_at(row, (x + 0.5) / 64)]++;
        for (uint32_t k = 0; k < row->n; k++)
            assert_int_equal(counts[k], grebe__aperture_row_weight(row, k) * 64);
    }
}

TEST(nobody_is_outside)
{
    const struct grebe__aperture_row row = {3, 0.1, 0.2};

    assert_int_equal(grebe__aperture_row_at(&row, grebe__aperture_row_total(&row)), 2);
    assert_int_equal(grebe__aperture_row_at(&row, 0), 0);
}

/* Without one of them the others are what they were. */
TEST(a_row_without_one_is_a_row)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(rows); i++)
        for (uint32_t gone = 0; gone < rows[i].n && rows[i].n > 1; gone++) {
            struct grebe__aperture_row rest = grebe__aperture_row_without(&rows[i], gone);

            assert_int_equal(rest.n, rows[i].n - 1);
            for (uint32_t k = 0; k < rest.n; k++)
                assert_true(grebe__aperture_row_weight(&rest, k) ==
                            grebe__aperture_row_weight(&rows[i], k < gone ? k : k + 1));
            assert_true(grebe__aperture_row_total(&rest) ==
                        grebe__aperture_row_total(&rows[i]) -
                            grebe__aperture_row_weight(&rows[i], gone));
        }
}

TEST(one_is_drawn_twice_where_there_is_no_other)
{
    struct grebe__rng rng = {7};
    struct grebe__aperture_two two = grebe__aperture_row_draw(&rows[0], &rng);

    assert_int_equal(two.a, 0);
    assert_int_equal(two.b, 0);
    assert_int_equal(rng.state, 7); /* and nothing of chance is spent */
}

/* 1/2, 1 and 1/8 of 1.625: the first draw is 0 in 0.3077 of the cases, and then 1 in 8/9 of
 * them.  Of 40,000 pairs sigma is below 100; five of them are 500. */
TEST(pairs_are_as_likely_as_their_weights)
{
    static const double weights[] = {0.5, 1, 0.125};
    const struct grebe__aperture_row row = {3, 0.5, 0.125};
    uint32_t counts[3][3] = {{0}};
    struct grebe__rng rng = {1};

    for (int i = 0; i < 40000; i++) {
        struct grebe__aperture_two two = grebe__aperture_row_draw(&row, &rng);

        counts[two.a][two.b]++;
    }
    for (uint32_t a = 0; a < 3; a++)
        for (uint32_t b = 0; b < 3; b++) {
            double expected =
                a == b ? 0
                       : 40000 * weights[a] / 1.625 * weights[b] / (1.625 - weights[a]);

            assert_true(counts[a][b] >= expected - 500);
            assert_true(counts[a][b] <= (a == b ? 0 : expected + 500));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_as_long_as_its_weight),
        cmocka_unit_test(nobody_is_outside),
        cmocka_unit_test(a_row_without_one_is_a_row),
        cmocka_unit_test(one_is_drawn_twice_where_there_is_no_other),
        cmocka_unit_test(pairs_are_as_likely_as_their_weights),
    };

    return cmocka_run_group_tests_name("aperture_row", tests, NULL, NULL);
}
