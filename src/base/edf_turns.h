/* SPDX-License-Identifier: Apache-2.0 */
/* base/edf_turns.h -- turns by weight, exactly: the k-th turn of weight w is due at k / w.
 *
 * So weights 5, 3, 2 take turns as 0 1 0 2 0 1 0 0 1 2, each as often in a period as it
 * weighs, for weights of any size and without a table.  Deadlines are divisions of the
 * number of turns, and not sums of intervals, whose errors would add up: equal deadlines are
 * equal, and a period stays a period for 2^53 turns.  Two deadlines that are closer than one
 * part in 2^53 count as equal, which takes weights and numbers of turns of 2^26 and more.
 *
 * Threading   next(): any; whose the queue is not goes without (base/edf.h).
 */
#ifndef GREBE_BASE_EDF_TURNS_H
#define GREBE_BASE_EDF_TURNS_H

#include <stddef.h>

#include "base/edf.h"
#include "base/line.h"

struct grebe__edf_turn {
    double weight;
    uint64_t n_taken;
};

struct grebe__edf_turns {
    struct grebe__edf edf;
    struct grebe__edf_turn *turns; /* edf.n of them, by index */
};

/* How much memory the turns of n weights take. */
static inline size_t grebe__edf_turns_size(uint32_t n)
{
    return GREBE__LINE +
           n * (sizeof(struct grebe__edf_turn) + sizeof(struct grebe__edf_entry));
}

/* n > 0 weights, each above 0.  `memory`, as much as size(n), is borrowed.  Begins at
 * `start`, from 0 to below 1: as if the turns that were due until then had been taken.  With
 * weights of 32 bits a `start` of 20 bits is in the order exactly. */
void grebe__edf_turns_init(struct grebe__edf_turns *turns, const double *weights,
                           uint32_t n, double start, void *memory);

/* For `who`, of base/claims.h; false: they are somebody else's. */
static inline bool grebe__edf_turns_next(struct grebe__edf_turns *turns, uintptr_t who,
                                         uint32_t *out)
{
    struct grebe__edf_turn *turn;

    if (!grebe__edf_is_of(&turns->edf, who))
        return false;
    *out = grebe__edf_first(&turns->edf)->index;
    turn = &turns->turns[*out];
    turn->n_taken++;
    grebe__edf_put_off(&turns->edf, (double)(turn->n_taken + 1) / turn->weight);
    return true;
}

#endif
