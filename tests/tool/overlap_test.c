/* SPDX-License-Identifier: Apache-2.0 */
/* How many intervals overlap at most, against counting all of them at every start. */
#include "support/test.h"

#include <stdlib.h>

#include "overlap.h"

struct interval {
    uint64_t start, end;
};

static int by_end(const void *a, const void *b)
{
    const struct interval *left = a, *right = b;

    return (left->end > right->end) - (left->end < right->end);
}

/* Sorts by end, as calls arrive. */
static uint64_t max_by_overlap(struct interval *intervals, size_t n)
{
    struct overlap overlap = {0};
    uint64_t max;

    qsort(intervals, n, sizeof *intervals, by_end);
    for (size_t i = 0; i < n; i++)
        assert_true(overlap_add(&overlap, intervals[i].start, intervals[i].end));
    max = overlap_max(&overlap);
    overlap_fini(&overlap);
    return max;
}

static uint64_t max_by_counting(const struct interval *intervals, size_t n)
{
    uint64_t max = 0;

    for (size_t i = 0; i < n; i++) {
        uint64_t at = intervals[i].start, here = 0;

        for (size_t k = 0; k < n; k++)
            here += intervals[k].start <= at && at < intervals[k].end;
        max = here > max ? here : max;
    }
    return max;
}

static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

TEST(nothing_overlaps_nothing)
{
    struct overlap overlap = {0};

    assert_int_equal(overlap_max(&overlap), 0);
    overlap_fini(&overlap);
}

TEST(intervals_in_a_row_do_not_overlap)
{
    struct interval intervals[5000];

    for (size_t i = 0; i < 5000; i++)
        intervals[i] = (struct interval){i * 10, i * 10 + 10};
    assert_int_equal(max_by_overlap(intervals, 5000), 1);
}

TEST(nested_and_staggered_intervals_are_counted)
{
    struct interval nested[] = {{0, 100}, {10, 90}, {20, 80}, {85, 95}};
    struct interval staggered[] = {{0, 10}, {5, 15}, {10, 20}, {15, 25}};

    assert_int_equal(max_by_overlap(nested, 4), 3);
    assert_int_equal(max_by_overlap(staggered, 4), 2);
}

TEST(agrees_with_counting_over_several_collections)
{
    enum { N = 6000 };
    struct interval *intervals = calloc(N, sizeof *intervals);

    for (uint64_t seed = 1; seed <= 5; seed++) {
        uint64_t random = seed, longest = 50 << seed;

        for (size_t i = 0; i < N; i++) {
            intervals[i].start = i * 10 + next_random(&random) % 10;
            intervals[i].end = intervals[i].start + 1 + next_random(&random) % longest;
        }
        assert_int_equal(max_by_overlap(intervals, N), max_by_counting(intervals, N));
    }
    free(intervals);
}

/* More at once than the collection holds at first: it grows until it sees them all. */
TEST(many_at_once_are_seen_after_a_while)
{
    struct overlap overlap = {0};

    for (uint64_t i = 0; i < 200000; i++)
        assert_true(overlap_add(&overlap, i * 10, i * 10 + 100000));
    assert_int_equal(overlap_max(&overlap), 10000);
    overlap_fini(&overlap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_overlaps_nothing),
        cmocka_unit_test(intervals_in_a_row_do_not_overlap),
        cmocka_unit_test(nested_and_staggered_intervals_are_counted),
        cmocka_unit_test(agrees_with_counting_over_several_collections),
        cmocka_unit_test(many_at_once_are_seen_after_a_while),
    };

    return cmocka_run_group_tests_name("overlap", tests, NULL, NULL);
}
