/* SPDX-License-Identifier: Apache-2.0 */
#include "overlap.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_SIZE = 1024 };

static int compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

/* Calls that end in order have started nearly in order: insertion takes a few steps for
 * each.  Where it takes many, qsort() takes over. */
static void sort(uint64_t *values, size_t n)
{
    size_t n_steps = 0;

    for (size_t i = 1; i < n; i++) {
        uint64_t value = values[i];
        size_t k = i;

        for (; k > 0 && values[k - 1] > value; k--, n_steps++)
            values[k] = values[k - 1];
        values[k] = value;
        if (n_steps > 16 * n) {
            qsort(values, n, sizeof *values, compare);
            return;
        }
    }
}

/* Counts at every start before `until_ns`. */
static void sweep(struct overlap *overlap, uint64_t until_ns)
{
    size_t n_ended = 0;

    memcpy(overlap->sorted, overlap->starts, overlap->n * sizeof *overlap->starts);
    sort(overlap->sorted, overlap->n);
    for (size_t i = 0; i < overlap->n && overlap->sorted[i] < until_ns; i++) {
        while (overlap->ends[n_ended] <= overlap->sorted[i])
            n_ended++;
        if (i + 1 - n_ended > overlap->max)
            overlap->max = i + 1 - n_ended;
    }
}

static bool grow(struct overlap *overlap)
{
    size_t size = overlap->size == 0 ? FIRST_SIZE : 2 * overlap->size;
    uint64_t **arrays[] = {&overlap->starts, &overlap->ends, &overlap->sorted};

    for (size_t i = 0; i < 3; i++) {
        uint64_t *bigger = realloc(*arrays[i], size * sizeof *bigger);

        if (bigger == NULL)
            return false;
        *arrays[i] = bigger;
    }
    overlap->size = size;
    return true;
}

/* Sweeps and forgets the older half.  What is kept may have started long before. */
static void retire(struct overlap *overlap)
{
    size_t half = overlap->n / 2, kept = overlap->n - half;

    sweep(overlap, overlap->ends[half]);
    memmove(overlap->starts, overlap->starts + half, kept * sizeof *overlap->starts);
    memmove(overlap->ends, overlap->ends + half, kept * sizeof *overlap->ends);
    overlap->n = kept;
}

bool overlap_add(struct overlap *overlap, uint64_t start_ns, uint64_t end_ns)
{
    if (overlap->n == overlap->size) {
        if (overlap->size == 0 && !grow(overlap))
            return false;
        if (overlap->n > 0)
            retire(overlap);
        if (overlap->max > overlap->size / 4)
            grow(overlap);
    }
    /* At its own moment a call is there, and time does not run backwards. */
    if (end_ns <= start_ns)
        end_ns = start_ns + 1;
    if (overlap->n > 0 && end_ns < overlap->ends[overlap->n - 1])
        end_ns = overlap->ends[overlap->n - 1];
    overlap->starts[overlap->n] = start_ns;
    overlap->ends[overlap->n++] = end_ns;
    return true;
}

uint64_t overlap_max(struct overlap *overlap)
{
    if (overlap->n > 0)
        sweep(overlap, UINT64_MAX);
    return overlap->max;
}

void overlap_fini(struct overlap *overlap)
{
    free(overlap->starts);
    free(overlap->ends);
    free(overlap->sorted);
    *overlap = (struct overlap){0};
}
