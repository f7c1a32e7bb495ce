/* SPDX-License-Identifier: Apache-2.0 */
/* base/sort.h -- a sort that keeps the order of equals and allocates nothing.
 *
 * Merge sort: n log n comparisons at most, and few more than n if the items are almost in
 * order already, as lists of endpoints tend to be.
 */
#ifndef GREBE_BASE_SORT_H
#define GREBE_BASE_SORT_H

#include <stdbool.h>
#include <stddef.h>

/* Must `a`, which stands before `b`, come after it? */
typedef bool (*grebe__is_after_fn)(const void *a, const void *b);

/* `n` items of `size` bytes.  `spare` has room for half of them, rounded up. */
void grebe__sort(void *items, void *spare, size_t n, size_t size,
                 grebe__is_after_fn is_after);

#endif
