/* SPDX-License-Identifier: Apache-2.0 */
/* base/edf.h -- earliest deadline first: a queue of indices, each with a deadline.
 *
 * First is the index whose deadline comes first, and of those that have the same the lowest.
 * It has its turn and is given a later deadline; the others keep theirs.  That costs
 * O(log n), and nothing is allocated.
 *
 * A queue is one caller's: the first who asks has it, for good, and changes it as if there
 * were no other.  All others have to do without: they draw their turns in some other way that
 * gives everybody the same share.  So the first caller sees the exact order, the others see the
 * right shares, and nobody waits for anybody, or for a cache line that somebody else writes.
 *
 * Source: C. L. Liu, J. W. Layland, "Scheduling Algorithms for Multiprogramming in a Hard-Real-
 * Time Environment"; grpc-go, package internal/wrr.
 */
#ifndef GREBE_BASE_EDF_H
#define GREBE_BASE_EDF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/claims.h"

struct grebe__edf_entry {
    double deadline;
    uint32_t index;
};

struct grebe__edf {
    struct grebe__edf_entry *heap; /* n of them; no entry is due before its parent */
    uint32_t n;
    uintptr_t owner; /* atomic, of base/claims.h */
};

/* `heap` holds n > 0 entries in any order, and is borrowed.  Only the owner writes there:
 * whoever lays it out keeps it GREBE__LINE away from what others read. */
void grebe__edf_init(struct grebe__edf *edf, struct grebe__edf_entry *heap, uint32_t n);

/* Threading: any.  Is it the queue of `who`, by a name of base/claims.h?  Everything below is
 * for him.  A thread that has the name of one which ended was made after that. */
static inline bool grebe__edf_is_of(struct grebe__edf *edf, uintptr_t who)
{
    uintptr_t owner = __atomic_load_n(&edf->owner, __ATOMIC_RELAXED);

    return owner == who || (owner == GREBE__CLAIMS_NOBODY &&
                            grebe__claims_find(&edf->owner, 1, who) == 0);
}

/* Whose turn it is. */
static inline const struct grebe__edf_entry *
grebe__edf_first(const struct grebe__edf *edf)
{
    return &edf->heap[0];
}

/* He had it; `deadline` is that of his next one. */
void grebe__edf_put_off(struct grebe__edf *edf, double deadline);

/* All deadlines are so much earlier.  Doubles that became large would tell small intervals
 * apart no longer.  O(n). */
void grebe__edf_rebase(struct grebe__edf *edf, double by);

#endif
