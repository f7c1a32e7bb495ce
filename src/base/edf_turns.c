/* SPDX-License-Identifier: Apache-2.0 */
#include "base/edf_turns.h"

void grebe__edf_turns_init(struct grebe__edf_turns *turns, const double *weights,
                           uint32_t n, double start, void *memory)
{
    struct grebe__edf_entry *heap;

    turns->turns = (void *)((char *)memory + GREBE__LINE);
    heap = (struct grebe__edf_entry *)&turns->turns[n];
    for (uint32_t i = 0; i < n; i++) {
        uint64_t n_taken = (uint64_t)(start * weights[i]);

        turns->turns[i] = (struct grebe__edf_turn){weights[i], n_taken};
        heap[i] = (struct grebe__edf_entry){(double)(n_taken + 1) / weights[i], i};
    }
    grebe__edf_init(&turns->edf, heap, n);
}
