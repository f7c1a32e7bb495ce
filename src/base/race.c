/* SPDX-License-Identifier: Apache-2.0 */
/* Heapsort: lists may be long, and qsort() of some systems allocates. */
#include "base/race.h"

#include <stdbool.h>

/* a / v < b / w is a * w < b * v, in 96 bits without a rounding. */
static bool is_before(const struct grebe__runner *a, const struct grebe__runner *b)
{
    __extension__ unsigned __int128 key_a = (unsigned __int128)a->neg_log2 * b->weight;
    __extension__ unsigned __int128 key_b = (unsigned __int128)b->neg_log2 * a->weight;

    return key_a != key_b ? key_a < key_b : a->index < b->index;
}

/* Of a heap whose root comes last of all: let runners[i] sink to its place. */
static void sink(struct grebe__runner *runners, uint32_t n, uint32_t i)
{
    struct grebe__runner sinking = runners[i];

    for (uint32_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && is_before(&runners[child], &runners[child + 1]))
            child++;
        if (!is_before(&sinking, &runners[child]))
            break;
        runners[i] = runners[child];
    }
    runners[i] = sinking;
}

void grebe__race_run(struct grebe__runner *runners, uint32_t n)
{
    for (uint32_t i = n / 2; i-- > 0;)
        sink(runners, n, i);
    while (n > 1) {
        struct grebe__runner last = runners[0];

        runners[0] = runners[--n];
        runners[n] = last;
        sink(runners, n, 0);
    }
}
