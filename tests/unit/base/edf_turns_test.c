/* SPDX-License-Identifier: Apache-2.0 */
/* Turns by weight.  What is expected is the order of the fractions k / w themselves, compared
 * in whole numbers, without a division. */
#include "support/test.h"

#include <pthread.h>

#include "base/assert.h"
#include "base/edf_turns.h"
#include "base/rng.h"

enum { MAX = 40, THREADS = 4, TURNS = 40000 };

struct bench {
    struct grebe__edf_turns turns;
    uint64_t memory[GREBE__LINE / 8 + MAX * 4];
    uint32_t n;
    uint32_t weights[MAX];
    uint64_t n_taken[MAX]; /* so many turns each had, the model says */
};

/* Begins at `start` / 2^20. */
static void begin(struct bench *b, const uint32_t *weights, uint32_t n, uint32_t start)
{
    double exact[MAX];

    assert_true(grebe__edf_turns_size(n) <= sizeof b->memory);
    b->n = n;
    for (uint32_t i = 0; i < n; i++) {
        b->weights[i] = weights[i];
        exact[i] = weights[i];
        b->n_taken[i] = ((uint64_t)weights[i] * start) >> 20;
    }
    grebe__edf_turns_init(&b->turns, exact, n, start * 0x1p-20, b->memory);
}

static uint32_t next(struct bench *b)
{
    uint32_t index = MAX;

    assert_true(grebe__edf_turns_next(&b->turns, 8, &index));
    return index;
}

/* Is k / w less than l / v? */
static bool is_less(uint64_t k, uint32_t w, uint64_t l, uint32_t v)
{
    __extension__ typedef unsigned __int128 wide;

    return (wide)k * v < (wide)l * w;
}

static uint32_t next_of_model(struct bench *b)
{
    uint32_t first = 0;

    for (uint32_t i = 1; i < b->n; i++)
        if (is_less(b->n_taken[i] + 1, b->weights[i], b->n_taken[first] + 1,
                    b->weights[first]))
            first = i;
    b->n_taken[first]++;
    return first;
}

/* ---- Orders ---------------------------------------------------------------------------- */

static const struct {
    uint32_t weights[3];
    const char *turns;
} known[] = {
    {{1, 1, 1}, "012"},    {{5, 3, 2}, "0102010012"},   {{5, 1, 1}, "0000012"},
    {{1, 2, 3}, "212012"}, {{100, 200, 300}, "212012"}, {{4, 2, 2}, "0012"},
};

/* C-27, and every period is like the first: no sums, no errors that add up. */
TEST(turns_are_those_of_the_earliest_deadline)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(known); i++) {
        size_t period = strlen(known[i].turns);
        struct bench b;

        begin(&b, known[i].weights, 3, 0);
        for (size_t k = 0; k < 1000 * period; k++)
            assert_int_equal('0' + next(&b), known[i].turns[k % period]);
    }
}

static void draw_weights(struct grebe__rng *rng, uint32_t *weights, uint32_t n,
                         uint32_t most)
{
    for (uint32_t i = 0; i < n; i++)
        weights[i] = 1 + grebe__rng_below(rng, most);
}

TEST(any_weights_from_any_start_are_exact)
{
    static const uint32_t most[] = {3, 100, 65536};
    struct grebe__rng rng;

    grebe__rng_seed(&rng, 1);
    for (int round = 0; round < 300; round++) {
        uint32_t n = 1 + grebe__rng_below(&rng, MAX), weights[MAX];
        struct bench b;

        draw_weights(&rng, weights, n, most[round % 3]);
        begin(&b, weights, n, grebe__rng_below(&rng, 1 << 20));
        for (int turn = 0; turn < 1000; turn++)
            assert_int_equal(next(&b), next_of_model(&b));
    }
}

/* The last 2^-20 of a period, and the first of the next: the light ones have a turn where
 * the period ends, after all of the heavy one's. */
TEST(the_largest_weight_is_exact_as_well)
{
    static const uint32_t weights[] = {UINT32_MAX, 1, 1, 3};
    uint32_t counts[4] = {0};
    struct bench b;

    begin(&b, weights, 4, (1 << 20) - 1);
    for (int turn = 0; turn < 20000; turn++) {
        uint32_t index = next(&b);

        assert_int_equal(index, next_of_model(&b));
        counts[index]++;
    }
    for (uint32_t i = 1; i < 4; i++)
        assert_int_equal(counts[i], 1);
}

/* Their deadlines are closer than doubles tell apart, so that neighbours may change places;
 * nobody gets more for it. */
TEST(two_of_the_largest_weights_take_turns)
{
    static const uint32_t weights[] = {UINT32_MAX, UINT32_MAX - 1};
    uint64_t n_taken[2];
    struct bench b;

    begin(&b, weights, 2, (1 << 20) - 1);
    memcpy(n_taken, b.n_taken, sizeof n_taken);
    for (int turn = 0; turn < 20000; turn++) {
        n_taken[next(&b)]++;
        (void)next_of_model(&b);
        assert_in_range(n_taken[0] + 1 - b.n_taken[0], 0, 2);
    }
}

/* ---- Shares ---------------------------------------------------------------------------- */

TEST(a_period_is_exact_from_any_start)
{
    static const uint32_t weights[] = {17, 23, 37, 1};
    struct bench b;

    for (uint32_t start = 0; start < 1 << 20; start += 4999) {
        uint32_t counts[4] = {0};

        begin(&b, weights, 4, start);
        for (int turn = 0; turn < 78; turn++)
            counts[next(&b)]++;
        for (uint32_t i = 0; i < 4; i++)
            assert_int_equal(counts[i], weights[i]);
    }
}

/* Fractions of a weight count: 1 in 2.5 is 2 in 5. */
TEST(weights_need_not_be_whole_numbers)
{
    const double weights[] = {1, 1.5};
    struct bench b;
    uint32_t counts[2] = {0}, index = 0;

    grebe__edf_turns_init(&b.turns, weights, 2, 0, b.memory);
    for (int turn = 0; turn < 5000; turn++) {
        assert_true(grebe__edf_turns_next(&b.turns, 8, &index));
        counts[index]++;
    }
    assert_int_equal(counts[0], 2000);
    assert_int_equal(counts[1], 3000);
}

/* ---- Threads --------------------------------------------------------------------------- */

struct drawer {
    struct bench *b;
    uint32_t counts[3];
};

static void *draw(void *arg)
{
    struct drawer *drawer = arg;

    for (int turn = 0; turn < TURNS; turn++) {
        uint32_t index;

        if (grebe__edf_turns_next(&drawer->b->turns, grebe__thread_pointer(), &index))
            drawer->counts[index]++;
    }
    return NULL;
}

/* One of them has all of its turns, and the others none. */
TEST(the_first_thread_has_the_order_and_none_waits)
{
    static const uint32_t weights[] = {5, 3, 2};
    struct bench b;
    struct drawer drawers[THREADS];
    pthread_t threads[THREADS];
    uint32_t n_owners = 0;

    begin(&b, weights, 3, 0);
    for (size_t i = 0; i < THREADS; i++) {
        drawers[i] = (struct drawer){.b = &b};
        assert_int_equal(pthread_create(&threads[i], NULL, draw, &drawers[i]), 0);
    }
    for (int turn = 0; turn < TURNS; turn++)
        next_of_model(&b);
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        n_owners += drawers[i].counts[0] > 0;
        for (size_t k = 0; k < 3 && drawers[i].counts[0] > 0; k++)
            assert_int_equal(drawers[i].counts[k], b.n_taken[k]);
    }
    assert_int_equal(n_owners, 1);
}

TEST(whose_it_is_not_goes_without)
{
    struct bench b;
    uint32_t index = 77;

    begin(&b, known[1].weights, 3, 0);
    assert_int_equal(next(&b), 0);
    assert_false(grebe__edf_turns_next(&b.turns, 16, &index));
    assert_int_equal(index, 77);
    assert_int_equal(next(&b), 1);
}

/* What everybody reads is in no cache line that the owner writes. */
TEST(the_owner_writes_where_nobody_else_reads)
{
    struct bench b;
    uintptr_t memory = (uintptr_t)b.memory;

    begin(&b, known[0].weights, 3, 0);
    assert_true((uintptr_t)b.turns.turns >= memory + GREBE__LINE);
    assert_true((uintptr_t)b.turns.edf.heap >= memory + GREBE__LINE);
    assert_true((uintptr_t)&b.turns.edf.heap[3] <= memory + grebe__edf_turns_size(3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(turns_are_those_of_the_earliest_deadline),
        cmocka_unit_test(any_weights_from_any_start_are_exact),
        cmocka_unit_test(the_largest_weight_is_exact_as_well),
        cmocka_unit_test(two_of_the_largest_weights_take_turns),
        cmocka_unit_test(a_period_is_exact_from_any_start),
        cmocka_unit_test(weights_need_not_be_whole_numbers),
        cmocka_unit_test(the_first_thread_has_the_order_and_none_waits),
        cmocka_unit_test(whose_it_is_not_goes_without),
        cmocka_unit_test(the_owner_writes_where_nobody_else_reads),
    };

    return cmocka_run_group_tests_name("edf_turns", tests, NULL, NULL);
}
