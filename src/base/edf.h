/* SPDX-License-Identifier: Apache-2.0 */
/* base/edf.h -- earliest deadline first: a queue of indices, each with a deadline.
 *
 * First is the index whose deadline comes first, and of those that have the same the lowest.
 * It has its turn and is given a later deadline; the others keep theirs.  That costs
 * O(log n), and nothing is allocated.
 *
 * Threads that want a turn at the same time do not wait for each other.  Whoever takes the
 * queue has it until he releases it, and whoever finds it taken, by one atomic exchange, has
 * to do without: he draws his turn in some other way that gives everybody the same share.  So
 * one thread sees the exact order, several see the right shares, and a thread that loses the
 * processor while it has the queue holds up nobody.
 *
 * Source: C. L. Liu, J. W. Layland, "Scheduling Algorithms for Multiprogramming in a Hard-Real-
 * Time Environment"; grpc-go, package internal/wrr.
 */
#ifndef GREBE_BASE_EDF_H
#define GREBE_BASE_EDF_H

#include <stdbool.h>
#include <stdint.h>

struct grebe__edf_entry {
    double deadline;
    uint32_t index;
};

struct grebe__edf {
    struct grebe__edf_entry *heap; /* n of them; no entry is due before its parent */
    uint32_t n;
    uint32_t is_taken; /* atomic */
};

/* `heap` holds n > 0 entries in any order, and is borrowed. */
void grebe__edf_init(struct grebe__edf *edf, struct grebe__edf_entry *heap, uint32_t n);

/* Threading: any.  True: the queue is the caller's until release(), which has to follow. */
static inline bool grebe__edf_take(struct grebe__edf *edf)
{
    return __atomic_exchange_n(&edf->is_taken, 1, __ATOMIC_ACQUIRE) == 0;
}

static inline void grebe__edf_release(struct grebe__edf *edf)
{
    __atomic_store_n(&edf->is_taken, 0, __ATOMIC_RELEASE);
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
