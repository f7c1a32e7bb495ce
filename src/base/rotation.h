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
 * There are two.  In a rotation each thread goes round for itself, on a lane of its own
 * (base/lanes.h): n turns of a thread are one of each, and threads do not wait for each
 * other's cache lines.  In a shared one n turns are one of each whoever had them.
 */
#ifndef GREBE_BASE_ROTATION_H
#define GREBE_BASE_ROTATION_H

#include <stdint.h>

#include "base/lanes.h"

struct grebe__circle {
    uint64_t step;
    uint32_t n;
};

static inline void grebe__circle_init(struct grebe__circle *circle, uint32_t n)
{
    circle->step = UINT64_MAX / n + 1; /* n is 1: 2^64, which is no step at all */
    circle->n = n;
}

static inline uint32_t grebe__circle_index(const struct grebe__circle *circle,
                                           uint64_t at)
{
    __extension__ unsigned __int128 product = (unsigned __int128)at * circle->n;

    return (uint32_t)(product >> 64);
}

/* ---- Each thread for itself ---------------------------------------------------------- */

struct grebe__rotation {
    struct grebe__circle circle;
    struct grebe__lanes lanes;
};

/* The first thread begins with `first`, less than `n`; n > 0.  The others begin elsewhere on
 * the circle, as far from each other as can be. */
static inline void grebe__rotation_init(struct grebe__rotation *rotation, uint32_t n,
                                        uint32_t first)
{
    grebe__circle_init(&rotation->circle, n);
    grebe__lanes_init(&rotation->lanes, rotation->circle.step * first,
                      rotation->circle.step * (n / (GREBE__LANES_OWN + 1) + 1));
}

/* For `who`, of base/lanes.h. */
static inline uint32_t grebe__rotation_next(struct grebe__rotation *rotation,
                                            uintptr_t who)
{
    struct grebe__lane *lane = grebe__lanes_of(&rotation->lanes, who);

    return grebe__circle_index(&rotation->circle,
                               grebe__lane_next(lane, rotation->circle.step));
}

/* ---- All threads together ------------------------------------------------------------ */

struct grebe__shared_rotation {
    struct grebe__circle circle;
    uint64_t at; /* atomic */
};

/* Begins with `first`, less than `n`; n > 0. */
static inline void grebe__shared_rotation_init(struct grebe__shared_rotation *rotation,
                                               uint32_t n, uint32_t first)
{
    grebe__circle_init(&rotation->circle, n);
    rotation->at = rotation->circle.step * first;
}

static inline uint32_t
grebe__shared_rotation_next(struct grebe__shared_rotation *rotation)
{
    uint64_t at =
        __atomic_fetch_add(&rotation->at, rotation->circle.step, __ATOMIC_RELAXED);

    return grebe__circle_index(&rotation->circle, at);
}

#endif
