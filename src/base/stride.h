/* SPDX-License-Identifier: Apache-2.0 */
/* base/stride.h -- whose turn it is when some have more turns than others: the static stride
 * of gRPC, asked by any thread, O(1), without a queue.
 *
 * A counter goes through the indices again and again.  In each round an index may be passed
 * over, and is, such that of 65535 rounds it has its turn in as many as its share says.  The
 * largest share is 65535, that is always: so a turn costs n draws at most, and as many as
 * the largest share is larger than the mean one on average.  Where each index is passed over
 * follows from the numbers alone, spread evenly over the rounds and not the same for all.
 *
 * Shares are 16 bits and may be changed while others draw: each share is read whole, and
 * one that is 65535 is there at every moment.  When all are, the turns are plain ones.
 *
 * Weights become shares as in gRPC's C core: none counts for more than ten times the mean,
 * and none for less than a hundredth of it, so that nobody starves.
 *
 * Source: gRFC A58; grpc-go package balancer/weightedroundrobin; the C core's
 * static_stride_scheduler (limits).
 */
#ifndef GREBE_BASE_STRIDE_H
#define GREBE_BASE_STRIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/lanes.h"

enum { GREBE__STRIDE_FULL = 65535 }; /* the share of one that is never passed over */

struct grebe__stride {
    uint64_t inverse; /* 2^64 / n, rounded up; not for n = 1 */
    uint32_t n;
    uint16_t *shares;          /* n, atomic */
    struct grebe__lanes lanes; /* numbers of the sequence, of which 32 bits count */
};

/* The sequence begins with `first`, for the first thread that draws; others begin elsewhere
 * in it.  `shares` has room for n > 0, is borrowed, and filled
 * with plain turns. */
void grebe__stride_init(struct grebe__stride *stride, uint32_t n, uint32_t first,
                        uint16_t *shares);

/* n weights, each 0, or between 1e-290 and 1e290.  0 is a weight that is not known: the mean
 * of the others then stands for it.  False: fewer than two are known, and the turns are
 * plain ones.  One thread at a time. */
bool grebe__stride_set(struct grebe__stride *stride, const double *weights);

/* Is `number` of the sequence the turn of index *out, or passed over? */
static inline bool grebe__stride_try(const struct grebe__stride *stride, uint32_t number,
                                     uint32_t *out)
{
    __extension__ unsigned __int128 product = (unsigned __int128)number * stride->inverse;
    uint64_t round = (uint64_t)(product >> 64);
    uint32_t index = number - (uint32_t)round * stride->n;
    uint64_t share = __atomic_load_n(&stride->shares[index], __ATOMIC_RELAXED);
    uint64_t place = (share * round + index * UINT64_C(32767)) % GREBE__STRIDE_FULL;

    *out = index;
    return place >= GREBE__STRIDE_FULL - share;
}

/* For `who`, of base/lanes.h.  Threading: any. */
static inline uint32_t grebe__stride_next(struct grebe__stride *stride, uintptr_t who)
{
    struct grebe__lane *lane;
    uint32_t index;

    if (stride->n == 1)
        return 0;
    lane = grebe__lanes_of(&stride->lanes, who);
    while (!grebe__stride_try(stride, (uint32_t)grebe__lane_next(lane, 1), &index))
        continue;
    return index;
}

#endif
