/* SPDX-License-Identifier: Apache-2.0 */
#include "support/test.h"

#include <stdlib.h>

#include "base/rng.h"
#include "base/sort.h"

struct item {
    uint32_t key;
    uint32_t place; /* before the sort */
};

static unsigned n_compared;

static bool is_after(const void *a, const void *b)
{
    n_compared++;
    return ((const struct item *)a)->key > ((const struct item *)b)->key;
}

/* By key, equals in the order in which they stood. */
static int whole_order(const void *a, const void *b)
{
    const struct item *left = a, *right = b;

    if (left->key != right->key)
        return left->key < right->key ? -1 : 1;
    return left->place < right->place ? -1 : 1;
}

TEST(sorts_and_keeps_the_order_of_equals)
{
    struct grebe__rng rng;

    grebe__rng_seed(&rng, 1);
    for (uint32_t n = 0; n < 200; n++)
        for (uint32_t range = 1; range <= 1000; range *= 10) {
            struct item *items = malloc((n + 1) * sizeof *items);
            struct item *same = malloc((n + 1) * sizeof *same);
            struct item *spare = malloc(((n + 1) / 2) * sizeof *spare + 1);

            for (uint32_t i = 0; i < n; i++)
                items[i] = (struct item){grebe__rng_below(&rng, range), i};
            memcpy(same, items, n * sizeof *items);
            grebe__sort(items, spare, n, sizeof *items, is_after);
            qsort(same, n, sizeof *same, whole_order);
            assert_memory_equal(items, same, n * sizeof *items);
            free(items);
            free(same);
            free(spare);
        }
}

/* A list that was rotated: two pieces in order. */
TEST(what_is_almost_in_order_takes_few_comparisons)
{
    enum { N = 1024, FIRST = 300 };
    struct item items[N], spare[N / 2];

    for (uint32_t i = 0; i < N; i++)
        items[i] = (struct item){(i + FIRST) % N, i};
    n_compared = 0;
    grebe__sort(items, spare, N, sizeof items[0], is_after);
    for (uint32_t i = 0; i < N; i++)
        assert_int_equal(items[i].key, i);
    assert_true(n_compared < 4 * N);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sorts_and_keeps_the_order_of_equals),
        cmocka_unit_test(what_is_almost_in_order_takes_few_comparisons),
    };

    return cmocka_run_group_tests_name("sort", tests, NULL, NULL);
}
