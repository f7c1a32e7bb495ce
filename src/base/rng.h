/* SPDX-License-Identifier: Apache-2.0 */
/* base/rng.h -- seeded randomness: the same seed gives the same numbers everywhere.
 *
 * splitmix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators").
 * Seed 0 yields e220a8397b1dcdaf, 6e789e6aa1b965f4, 06c45d188009454f, ...  Good for
 * spreading load; not for secrets.  One owner, no locking.
 */
#ifndef GREBE_BASE_RNG_H
#define GREBE_BASE_RNG_H

#include <stdint.h>

struct grebe__rng {
    uint64_t state;
};

static inline void grebe__rng_seed(struct grebe__rng *rng, uint64_t seed)
{
    rng->state = seed;
}

static inline uint64_t grebe__rng_next(struct grebe__rng *rng)
{
    uint64_t z = (rng->state += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Uniform in [0, n), n > 0.  The bias, at most n / 2^32, is below what 2^31 draws could
 * show for n up to 2^16. */
static inline uint32_t grebe__rng_below(struct grebe__rng *rng, uint32_t n)
{
    return (uint32_t)(((grebe__rng_next(rng) >> 32) * n) >> 32);
}

/* Uniform in [0, 1), 53 bits. */
static inline double grebe__rng_unit(struct grebe__rng *rng)
{
    return (double)(grebe__rng_next(rng) >> 11) * 0x1p-53;
}

#endif
