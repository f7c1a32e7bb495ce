/* SPDX-License-Identifier: Apache-2.0 */
/* The static stride, number by number.  What is expected was worked out from the definition
 * in gRFC A58 and the C core, not with this code. */
#include "support/test.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/rng.h"
#include "base/stride.h"

enum { MAX = 64, THREADS = 8 };

struct bench {
    struct grebe__stride stride;
    uint16_t shares[MAX];
};

static struct bench *with(struct bench *b, const double *weights, uint32_t n,
                          uint32_t first)
{
    grebe__stride_init(&b->stride, n, first, b->shares);
    (void)grebe__stride_set(&b->stride, weights);
    return b;
}

/* ---- Shares -------------------------------------------------------------------------- */

/* The largest is 65535; what is 0 gets the mean; nobody less than a hundredth of it. */
static const struct {
    uint32_t n;
    double weights[20];
    uint16_t shares[20];
} scales[] = {
    {3, {1, 2, 3}, {21845, 43690, 65535}},
    {2, {10, 100}, {6554, 65535}},
    {2, {10, 1}, {65535, 6554}},
    {3, {5, 3, 2}, {65535, 39321, 26214}},
    {4, {1, 2, 3, 4}, {16384, 32768, 49151, 65535}},
    {3, {1, 10, 0}, {6554, 65535, 36044}},
    {3, {3, 0, 1}, {65535, 43690, 21845}},
    {4, {10, 100, 20, 200}, {3277, 32768, 6554, 65535}},
    {3, {4, 4, 0}, {65535, 65535, 65535}},
    {2, {7, 7}, {65535, 65535}},
    {3, {1e-290, 3e-290, 0}, {21845, 65535, 43690}},
    {2, {2.5e289, 1e290}, {16384, 65535}},
    {3, {1, 1, 1000000}, {218, 218, 65535}},
    {20,
     {1000, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1},
     {65535, 129, 129, 129, 129, 129, 129, 129, 129, 129,
      129,   129, 129, 129, 129, 129, 129, 129, 129, 129}},
};

/* W-24: who is not known counts as much as the mean. */
TEST(weights_become_shares)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(scales); i++) {
        struct bench b;

        grebe__stride_init(&b.stride, scales[i].n, 0, b.shares);
        assert_true(grebe__stride_set(&b.stride, scales[i].weights));
        for (uint32_t k = 0; k < scales[i].n; k++)
            assert_int_equal(b.shares[k], scales[i].shares[k]);
    }
}

TEST(fewer_than_two_known_weights_are_plain_turns)
{
    static const double weights[][3] = {{0, 0, 0}, {0, 5, 0}, {5, 0, 0}};

    for (size_t i = 0; i < GREBE_ARRAY_LEN(weights); i++) {
        struct bench b;

        grebe__stride_init(&b.stride, 3, 7, b.shares);
        assert_true(grebe__stride_set(&b.stride, (const double[]){1, 2, 3}));
        assert_false(grebe__stride_set(&b.stride, weights[i]));
        for (uint32_t k = 7; k < 30; k++)
            assert_int_equal(grebe__stride_next(&b.stride, 1), k % 3);
    }
}

/* ---- Turns --------------------------------------------------------------------------- */

static const struct {
    uint32_t n;
    double weights[4];
    uint32_t first;
    const char *picks;
    uint32_t next;
} sequences[] = {
    {3, {1, 2, 3}, 0, "122012122012122012122012", 36},
    {3, {1, 2, 3}, 7, "121220121220", 25},
    {2, {10, 1}, 0, "000001000000000010000000", 43},
    {2, {10, 100}, 0, "111111111011111111110111", 44},
    {3, {5, 3, 2}, 0, "012001200101200120010120", 34},
    {3, {3, 0, 1}, 0, "012001012001012001012001", 35},
    {3, {1, 10, 0}, 0, "121211211211210121211211", 44},
    {4, {1, 2, 3, 4}, 0, "123231230312323123031232", 39},
    {4, {10, 100, 20, 200}, 1, "123313313313", 28},
};

/* W-30, W-31 */
TEST(turns_are_those_of_the_static_stride)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(sequences); i++) {
        struct bench b;
        struct bench *made =
            with(&b, sequences[i].weights, sequences[i].n, sequences[i].first);

        for (const char *c = sequences[i].picks; *c != '\0'; c++)
            assert_int_equal('0' + (int)grebe__stride_next(&made->stride, 1), *c);
        assert_int_equal((uint32_t)b.stride.lanes.lanes[0].at, sequences[i].next);
    }
}

/* Far from where the others are, by a fifth of the 32 bits: 858,993,459. */
TEST(each_caller_begins_elsewhere)
{
    static const uint32_t firsts[] = {7, 6, 5, 4, 3, 4, 5};
    struct bench b;

    with(&b, (const double[]){1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, 10, 7);
    for (uintptr_t who = 1; who <= GREBE_ARRAY_LEN(firsts); who++)
        assert_int_equal(grebe__stride_next(&b.stride, who), firsts[who - 1]);
    assert_int_equal(grebe__stride_next(&b.stride, 1), 8);
}

static const struct {
    uint32_t n;
    double weights[3];
    uint32_t n_turns;
    uint32_t counts[3];
    uint32_t next;
} tallies[] = {
    {3, {1, 2, 3}, 3000, {500, 1000, 1500}, 0},
    {3, {5, 3, 2}, 3000, {1500, 900, 600}, 0},
    {2, {10, 1}, 2000, {1818, 182}, 3635},
};

TEST(counts_are_as_the_weights)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(tallies); i++) {
        struct bench b;
        uint32_t counts[3] = {0};

        with(&b, tallies[i].weights, tallies[i].n, 0);
        for (uint32_t k = 0; k < tallies[i].n_turns; k++)
            counts[grebe__stride_next(&b.stride, 1)]++;
        for (uint32_t k = 0; k < tallies[i].n; k++)
            assert_int_equal(counts[k], tallies[i].counts[k]);
        if (tallies[i].next != 0)
            assert_int_equal((uint32_t)b.stride.lanes.lanes[0].at, tallies[i].next);
    }
}

/* W-32: The whole period: each index has exactly as many turns as its share says. */
TEST(a_tiny_weight_has_its_turns)
{
    struct bench b;
    uint32_t counts[3] = {0};

    with(&b, (const double[]){1, 1, 1000000}, 3, 0);
    for (uint32_t number = 0; number < 3 * GREBE__STRIDE_FULL; number++) {
        uint32_t index;

        if (grebe__stride_try(&b.stride, number, &index))
            counts[index]++;
    }
    assert_int_equal(counts[0], 218);
    assert_int_equal(counts[1], 218);
    assert_int_equal(counts[2], 65535);
}

TEST(the_period_is_exact_for_any_weights)
{
    struct grebe__rng rng;

    grebe__rng_seed(&rng, 1);
    for (int round = 0; round < 5; round++) {
        struct bench b;
        double weights[MAX];
        uint32_t n = 2 + grebe__rng_below(&rng, MAX - 2), counts[MAX] = {0};

        for (uint32_t i = 0; i < n; i++)
            weights[i] = grebe__rng_unit(&rng) * (grebe__rng_below(&rng, 4) == 0 ? 9 : 1);
        with(&b, weights, n, 0);
        for (uint32_t number = 0; number < n * GREBE__STRIDE_FULL; number++) {
            uint32_t index;

            if (grebe__stride_try(&b.stride, number, &index))
                counts[index]++;
        }
        for (uint32_t i = 0; i < n; i++)
            assert_int_equal(counts[i], b.shares[i]);
    }
}

/* The division by n is a multiplication; it is exact over all 32 bits. */
TEST(numbers_are_split_into_round_and_index_exactly)
{
    static const uint32_t ns[] = {2, 3, 7, 10, 1000, 9999, 10000, 65537, 1048575};
    uint16_t *shares = malloc(1048575 * sizeof *shares);

    assert_non_null(shares);
    for (size_t i = 0; i < GREBE_ARRAY_LEN(ns); i++) {
        struct grebe__stride stride;
        uint32_t number = 0, index;

        grebe__stride_init(&stride, ns[i], 0, shares);
        for (int k = 0; k < 200000; k++, number += 2654435769u) {
            assert_true(grebe__stride_try(&stride, number, &index));
            assert_int_equal(index, number % ns[i]);
        }
        for (number = UINT32_MAX - 3 * ns[i]; number != 0; number++) {
            assert_true(grebe__stride_try(&stride, number, &index));
            assert_int_equal(index, number % ns[i]);
        }
    }
    free(shares);
}

TEST(one_index_has_all_turns)
{
    struct bench b;

    grebe__stride_init(&b.stride, 1, 5, b.shares);
    assert_false(grebe__stride_set(&b.stride, (const double[]){3}));
    for (int i = 0; i < 10; i++)
        assert_int_equal(grebe__stride_next(&b.stride, 1), 0);
}

/* ---- Threads ------------------------------------------------------------------------- */

enum { TURNS = 20000 };

struct drawer {
    struct bench *b;
    uint32_t counts[3];
};

static void *draw(void *arg)
{
    struct drawer *drawer = arg;

    for (int i = 0; i < TURNS; i++)
        drawer->counts[grebe__stride_next(&drawer->b->stride, grebe__thread_pointer())]++;
    return NULL;
}

/* Each that has a lane sees a sequence, and those that have none see one together. */
TEST(threads_have_turns_as_the_weights)
{
    struct bench b;
    struct drawer drawers[THREADS];
    pthread_t threads[THREADS];
    uint32_t counts[3] = {0};

    with(&b, (const double[]){1, 2, 3}, 3, 0);
    for (size_t i = 0; i < THREADS; i++) {
        drawers[i] = (struct drawer){.b = &b};
        assert_int_equal(pthread_create(&threads[i], NULL, draw, &drawers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        for (size_t k = 0; k < 3; k++)
            counts[k] += drawers[i].counts[k];
    }
    /* The last numbers drawn are not the end of a round: one turn more or less, for each of
     * the sequences. */
    for (uint32_t k = 0; k < 3; k++)
        assert_in_range(counts[k], THREADS * TURNS * (k + 1) / 6 - GREBE__LANES_OWN - 1,
                        THREADS * TURNS * (k + 1) / 6 + GREBE__LANES_OWN + 1);
}

/* Weights that change all the time do not stop anyone. */
TEST(weights_change_while_threads_draw)
{
    static const double weights[][3] = {{1, 0, 90}, {90, 1, 1}, {0, 0, 0}, {1, 90, 2}};
    struct bench b;
    struct drawer drawers[2];
    pthread_t threads[2];
    uint32_t n_turns = 0;

    with(&b, weights[0], 3, UINT32_MAX - 1000); /* over the end of its 32 bits, too */
    for (size_t i = 0; i < 2; i++) {
        drawers[i] = (struct drawer){.b = &b};
        assert_int_equal(pthread_create(&threads[i], NULL, draw, &drawers[i]), 0);
    }
    for (int i = 0; i < 20000; i++)
        (void)grebe__stride_set(&b.stride, weights[i % 4]);
    for (size_t i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        for (size_t k = 0; k < 3; k++)
            n_turns += drawers[i].counts[k];
    }
    assert_int_equal(n_turns, 2 * TURNS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_become_shares),
        cmocka_unit_test(fewer_than_two_known_weights_are_plain_turns),
        cmocka_unit_test(turns_are_those_of_the_static_stride),
        cmocka_unit_test(each_caller_begins_elsewhere),
        cmocka_unit_test(counts_are_as_the_weights),
        cmocka_unit_test(a_tiny_weight_has_its_turns),
        cmocka_unit_test(the_period_is_exact_for_any_weights),
        cmocka_unit_test(numbers_are_split_into_round_and_index_exactly),
        cmocka_unit_test(one_index_has_all_turns),
        cmocka_unit_test(threads_have_turns_as_the_weights),
        cmocka_unit_test(weights_change_while_threads_draw),
    };

    return cmocka_run_group_tests_name("stride", tests, NULL, NULL);
}
