/* SPDX-License-Identifier: Apache-2.0 */
/* base/rotation.h -- 0, 1, ... n-1, 0, 1, ...: whose turn it is, asked by any thread.
 *
 * The place on a circle of 2^64 is advanced by one n-th of it for each turn, so that the
 * top of place * n is the index: one addition and one multiplication.  A counter taken
 * modulo n costs a division for each turn, and is uneven where it wraps.
 *
 * The n-th is rounded up, by less than 1.  After k turns the place is ahead by less than k,
 * which is less than one index until k reaches 2^64 / n: with 10,000 children and 50
 * million turns a second that takes more than a year.  Then one turn is skipped.
 *
 * Each thread goes round for itself, on a lane of its own (base/lanes.h): n turns of a thread
 * are one of each, and threads do not wait for each other's cache lines.
 */
#ifndef GREBE_BASE_ROTATION_H
#define GREBE_BASE_ROTATION_H

#include <stdint.h>

#include "base/lanes.h"

struct grebe__rotation {
    uint64_t step;
    uint32_t n;
    struct grebe__lanes lanes;
};

/* The first thread begins with `first`, less than `n`; n > 0.  The others begin elsewhere on
 * the circle, as far from each other as can be. */
static inline void grebe__rotation_init(struct grebe__rotation *rotation, uint32_t n,
                                        uint32_t first)
{
    rotation->step = UINT64_MAX / n + 1; /* n is 1: 2^64, which is no step at all */
    rotation->n = n;
    grebe__lanes_init(&rotation->lanes, rotation->step * first,
                      rotation->step * (n / (GREBE__LANES_OWN + 1) + 1));
}

/* For `who`, of base/lanes.h. */
static inline uint32_t grebe__rotation_next(struct grebe__rotation *rotation,
                                            uintptr_t who)
{
    struct grebe__lane *lane = grebe__lanes_of(&rotation->lanes, who);
    uint64_t at = grebe__lane_next(lane, rotation->step);
    __extension__ unsigned __int128 product = (unsigned __int128)at * rotation->n;

    return (uint32_t)(product >> 64);
}

#endif
