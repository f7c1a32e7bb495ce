/* SPDX-License-Identifier: Apache-2.0 */
#include "base/sort.h"

#include <string.h>

struct sorting {
    char *spare;
    size_t size; /* of an item */
    grebe__is_after_fn is_after;
};

/* items[0, middle) and items[middle, n) are in order: the first are set aside, and come
 * back as they find their places. */
static void merge(const struct sorting *sorting, char *items, size_t middle, size_t n)
{
    const size_t size = sorting->size;
    const char *left = sorting->spare, *right = items + middle * size;
    const char *left_end = left + middle * size, *right_end = items + n * size;
    char *to = items;

    memcpy(sorting->spare, items, middle * size);
    for (; left < left_end && right < right_end; to += size) {
        const char **next = sorting->is_after(left, right) ? &right : &left;

        memcpy(to, *next, size);
        *next += size;
    }
    memcpy(to, left, (size_t)(left_end - left));
}

static void sort(const struct sorting *sorting, char *items, size_t n)
{
    size_t middle = (n + 1) / 2;

    if (n < 2)
        return;
    sort(sorting, items, middle);
    sort(sorting, items + middle * sorting->size, n - middle);
    if (sorting->is_after(items + (middle - 1) * sorting->size,
                          items + middle * sorting->size))
        merge(sorting, items, middle, n);
}

void grebe__sort(void *items, void *spare, size_t n, size_t size,
                 grebe__is_after_fn is_after)
{
    const struct sorting sorting = {.spare = spare, .size = size, .is_after = is_after};

    sort(&sorting, items, n);
}
