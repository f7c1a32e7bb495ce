/* SPDX-License-Identifier: Apache-2.0 */
/* dice.h -- chance, as plans and worlds speak of it. */
#ifndef TORTURE_DICE_H
#define TORTURE_DICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"

static inline bool chance(struct grebe__rng *rng, uint32_t percent)
{
    return grebe__rng_below(rng, 100) < percent;
}

/* From `low` to `high`, both of them possible. */
static inline uint32_t between(struct grebe__rng *rng, uint32_t low, uint32_t high)
{
    return low + grebe__rng_below(rng, high - low + 1);
}

/* One of the numbers of an array. */
#define ONE_OF(rng, array)                                                               \
    ((array)[grebe__rng_below((rng), (uint32_t)(sizeof(array) / sizeof((array)[0])))])

#endif
