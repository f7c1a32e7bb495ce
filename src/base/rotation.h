/* SPDX-License-Identifier: Apache-2.0 */
/* base/rotation.h -- 0, 1, ... n-1, 0, 1, ...: whose turn it is, asked by any thread.
 *
 * The place on a circle of 2^64 is advanced by one n-th of it for each turn, so that the
 * top of place * n is the index: one atomic addition and one multiplication.  A counter
 * taken modulo n costs a division for each turn, and is uneven where it wraps.
 *
 * The n-th is rounded up, by less than 1.  After k turns the place is ahead by less than k,
 * which is less than one index until k reaches 2^64 / n: with 10,000 children and 50
 * million turns a second that takes more than a year.  Then one turn is skipped.
 */
#ifndef GREBE_BASE_ROTATION_H
#define GREBE_BASE_ROTATION_H

#include <stdint.h>

struct grebe__rotation {
    uint64_t at; /* atomic */
    uint64_t step;
    uint32_t n;
};

/* Begins with `first`, less than `n`; n > 0. */
static inline void grebe__rotation_init(struct grebe__rotation *rotation, uint32_t n,
                                        uint32_t first)
{
    rotation->step = UINT64_MAX / n + 1; /* n is 1: 2^64, which is no step at all */
    rotation->at = rotation->step * first;
    rotation->n = n;
}

static inline uint32_t grebe__rotation_next(struct grebe__rotation *rotation)
{
    uint64_t at = __atomic_fetch_add(&rotation->at, rotation->step, __ATOMIC_RELAXED);
    __extension__ unsigned __int128 product = (unsigned __int128)at * rotation->n;

    return (uint32_t)(product >> 64);
}

#endif
