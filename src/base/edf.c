/* SPDX-License-Identifier: Apache-2.0 */
#include "base/edf.h"

static bool is_before(const struct grebe__edf_entry *a, const struct grebe__edf_entry *b)
{
    return a->deadline < b->deadline ||
           (a->deadline == b->deadline && a->index < b->index);
}

/* The entry at `at` goes down to where it belongs; all others are in order. */
static void sink(struct grebe__edf *edf, uint32_t at)
{
    struct grebe__edf_entry *heap = edf->heap, entry = heap[at];

    for (uint32_t child; (child = 2 * at + 1) < edf->n; at = child) {
        if (child + 1 < edf->n && is_before(&heap[child + 1], &heap[child]))
            child++;
        if (!is_before(&heap[child], &entry))
            break;
        heap[at] = heap[child];
    }
    heap[at] = entry;
}

static void put_in_order(struct grebe__edf *edf)
{
    for (uint32_t at = edf->n / 2; at-- > 0;)
        sink(edf, at);
}

void grebe__edf_init(struct grebe__edf *edf, struct grebe__edf_entry *heap, uint32_t n)
{
    *edf = (struct grebe__edf){.heap = heap, .n = n};
    grebe__claims_init(&edf->owner, 1);
    put_in_order(edf);
}

void grebe__edf_put_off(struct grebe__edf *edf, double deadline)
{
    edf->heap[0].deadline = deadline;
    sink(edf, 0);
}

void grebe__edf_rebase(struct grebe__edf *edf, double by)
{
    for (uint32_t at = 0; at < edf->n; at++)
        edf->heap[at].deadline -= by;
    put_in_order(edf); /* two that were rounded may be equal now */
}
