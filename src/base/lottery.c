/* SPDX-License-Identifier: Apache-2.0 */
#include "base/lottery.h"

#include "base/assert.h"

static uint64_t weight_of_first(const struct grebe__lottery *lottery)
{
    return lottery->sums[0];
}

void grebe__lottery_add(struct grebe__lottery *lottery, uint32_t weight)
{
    uint64_t before = lottery->n == 0 ? 0 : lottery->sums[lottery->n - 1];

    lottery->sums[lottery->n++] = before + weight;
    if (weight != weight_of_first(lottery))
        lottery->is_even = false;
}

/* In [0, n). */
static uint64_t scale(uint64_t random, uint64_t n)
{
    __extension__ unsigned __int128 product = (unsigned __int128)random * n;

    return (uint64_t)(product >> 64);
}

uint32_t grebe__lottery_draw(const struct grebe__lottery *lottery, uint64_t random)
{
    uint32_t low = 0, high = lottery->n - 1;
    uint64_t point;

    GREBE_ASSERT(lottery->n > 0);
    if (lottery->is_even)
        return (uint32_t)scale(random, lottery->n);
    point = scale(random, lottery->sums[high]);
    while (low < high) { /* the first whose sum is beyond the point */
        uint32_t middle = low + (high - low) / 2;

        if (lottery->sums[middle] > point)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}
