/* SPDX-License-Identifier: Apache-2.0 */
/* The queue, turn by turn.  Orders that are expected were worked out by hand, or are those
 * of a list that is searched from end to end. */
#include "support/test.h"

#include "base/assert.h"
#include "base/edf.h"
#include "base/rng.h"

enum { MAX = 100 };

struct bench {
    struct grebe__edf edf;
    struct grebe__edf_entry heap[MAX];
};

static struct bench *with(struct bench *b, const double *deadlines, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        b->heap[i] = (struct grebe__edf_entry){deadlines[i], i};
    grebe__edf_init(&b->edf, b->heap, n);
    return b;
}

/* ---- Known orders ---------------------------------------------------------------------- */

static const struct {
    uint32_t weights[3];
    const char *turns;
} known[] = {
    {{1, 1, 1}, "012012"},
    {{5, 3, 2}, "01020100120102010012"},
    {{5, 1, 1}, "00000120000012"},
    /* 1/3 three times is 1 the first time; later sums of intervals are a little less. */
    {{1, 2, 3}, "212012212201"},
};

/* C-27: each turn puts the next one off by 1 / weight, as in grpc-go. */
TEST(deadlines_make_turns)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(known); i++) {
        double intervals[3];
        struct bench b;

        for (uint32_t k = 0; k < 3; k++)
            intervals[k] = 1.0 / known[i].weights[k];
        with(&b, intervals, 3);
        for (size_t k = 0; known[i].turns[k] != '\0'; k++) {
            const struct grebe__edf_entry *first = grebe__edf_first(&b.edf);

            assert_int_equal('0' + first->index, known[i].turns[k]);
            grebe__edf_put_off(&b.edf, first->deadline + intervals[first->index]);
        }
    }
}

/* ---- Any orders ------------------------------------------------------------------------ */

static uint32_t first_of(const double *deadlines, uint32_t n)
{
    uint32_t first = 0;

    for (uint32_t i = 1; i < n; i++)
        if (deadlines[i] < deadlines[first])
            first = i;
    return first;
}

/* Small numbers, so that many are equal. */
TEST(first_is_the_earliest_and_of_equals_the_lowest)
{
    struct grebe__rng rng;

    grebe__rng_seed(&rng, 1);
    for (uint32_t n = 1; n <= MAX; n++) {
        double deadlines[MAX];
        struct bench b;

        for (uint32_t i = 0; i < n; i++)
            deadlines[i] = grebe__rng_below(&rng, 8);
        with(&b, deadlines, n);
        for (int turn = 0; turn < 300; turn++) {
            uint32_t first = first_of(deadlines, n);

            assert_int_equal(grebe__edf_first(&b.edf)->index, first);
            assert_true(grebe__edf_first(&b.edf)->deadline == deadlines[first]);
            deadlines[first] += grebe__rng_below(&rng, 8);
            grebe__edf_put_off(&b.edf, deadlines[first]);
        }
    }
}

/* Of two that are told apart no longer afterwards the lower index is first, as always. */
TEST(earlier_by_the_same_is_the_same_order)
{
    const double deadlines[] = {7, 5, 6, 5.5, 9}, close[] = {1e-17, 2e-17, 0};
    static const uint32_t order[] = {1, 3, 2, 0, 4};
    struct bench b;

    with(&b, deadlines, 5);
    grebe__edf_rebase(&b.edf, 5);
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(grebe__edf_first(&b.edf)->index, order[i]);
        assert_true(grebe__edf_first(&b.edf)->deadline == deadlines[order[i]] - 5);
        grebe__edf_put_off(&b.edf, 10);
    }
    with(&b, close, 3);
    grebe__edf_rebase(&b.edf, 1);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(grebe__edf_first(&b.edf)->index, i);
        grebe__edf_put_off(&b.edf, 10);
    }
}

/* ---- Who has it ------------------------------------------------------------------------ */

/* Who cannot be told from others (0) never has it. */
TEST(the_first_who_asks_has_it_for_good)
{
    struct bench b;

    with(&b, (const double[]){1, 2}, 2);
    assert_false(grebe__edf_is_of(&b.edf, 0));
    for (int round = 0; round < 3; round++) {
        assert_true(grebe__edf_is_of(&b.edf, 8));
        assert_false(grebe__edf_is_of(&b.edf, 16));
        assert_false(grebe__edf_is_of(&b.edf, 0));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deadlines_make_turns),
        cmocka_unit_test(first_is_the_earliest_and_of_equals_the_lowest),
        cmocka_unit_test(earlier_by_the_same_is_the_same_order),
        cmocka_unit_test(the_first_who_asks_has_it_for_good),
    };

    return cmocka_run_group_tests_name("edf", tests, NULL, NULL);
}
