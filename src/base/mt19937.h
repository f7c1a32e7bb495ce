/* SPDX-License-Identifier: Apache-2.0 */
/* base/mt19937.h -- the Mersenne Twister, where others have to get the same numbers.
 *
 * Its state is large and slow to seed: for everything else there is base/rng.h.  Words are
 * twisted one at a time, when they are asked for.
 *
 * Source: Matsumoto, Nishimura: "Mersenne Twister: a 623-dimensionally equidistributed
 * uniform pseudo-random number generator" (1998), initialisation of 2002.
 */
#ifndef GREBE_BASE_MT19937_H
#define GREBE_BASE_MT19937_H

#include <stdint.h>

enum { GREBE__MT19937_WORDS = 624 };

struct grebe__mt19937 {
    uint32_t words[GREBE__MT19937_WORDS];
    uint32_t at; /* the next to be twisted */
};

void grebe__mt19937_seed(struct grebe__mt19937 *rng, uint32_t seed);
uint32_t grebe__mt19937_next(struct grebe__mt19937 *rng);

/* Uniform in [0, n), n > 0: outputs are divided by 2^32 / n, those beyond n left out. */
uint32_t grebe__mt19937_below(struct grebe__mt19937 *rng, uint32_t n);

#endif
