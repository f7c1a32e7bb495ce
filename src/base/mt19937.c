/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mt19937.h"

enum { N = GREBE__MT19937_WORDS, M = 397 };

void grebe__mt19937_seed(struct grebe__mt19937 *rng, uint32_t seed)
{
    rng->words[0] = seed;
    for (uint32_t i = 1; i < N; i++) {
        uint32_t before = rng->words[i - 1];

        rng->words[i] = 1812433253U * (before ^ before >> 30) + i;
    }
    rng->at = 0;
}

/* Later words of this round and, past the end, those of the next are read as they are:
 * that is the order in which twisting all at once would have written them. */
static uint32_t twist(struct grebe__mt19937 *rng)
{
    uint32_t i = rng->at, next = i + 1 == N ? 0 : i + 1,
             far = i < N - M ? i + M : i + M - N;
    uint32_t mixed = (rng->words[i] & 0x80000000U) | (rng->words[next] & 0x7fffffffU);

    rng->words[i] = rng->words[far] ^ mixed >> 1 ^ ((mixed & 1) != 0 ? 0x9908b0dfU : 0);
    rng->at = next;
    return rng->words[i];
}

uint32_t grebe__mt19937_next(struct grebe__mt19937 *rng)
{
    uint32_t x = twist(rng);

    x ^= x >> 11;
    x ^= x << 7 & 0x9d2c5680U;
    x ^= x << 15 & 0xefc60000U;
    return x ^ x >> 18;
}

uint32_t grebe__mt19937_below(struct grebe__mt19937 *rng, uint32_t n)
{
    uint64_t part = (UINT64_C(1) << 32) / n, x;

    do
        x = grebe__mt19937_next(rng) / part;
    while (x >= n);
    return (uint32_t)x;
}
