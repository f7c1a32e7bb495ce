/* SPDX-License-Identifier: Apache-2.0 */
/* overlap.h -- how many calls were at a backend at once, at most.
 *
 * A call's backend is known when the call has ended, so the intervals come in the order
 * of their ends.  They are collected, and when the collection is full the older half is
 * swept: at each start, the intervals that had started and not ended are counted.
 *
 * Exact, unless a call outlasts as many later calls of its backend as half the collection
 * holds; the collection grows to four times the largest count, so that takes an outlier.
 */
#ifndef TOOL_OVERLAP_H
#define TOOL_OVERLAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct overlap {
    uint64_t *starts, *ends; /* n each; ends are in order */
    uint64_t *sorted;        /* room to sort starts in */
    size_t n, size;
    uint64_t max;
};

/* All zero is empty.  An interval that starts when another ends does not overlap it.
 * False when out of memory: the interval is not counted. */
bool overlap_add(struct overlap *overlap, uint64_t start_ns, uint64_t end_ns);

/* The largest count so far; `overlap` goes on. */
uint64_t overlap_max(struct overlap *overlap);

void overlap_fini(struct overlap *overlap);

#endif
