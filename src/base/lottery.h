/* SPDX-License-Identifier: Apache-2.0 */
/* base/lottery.h -- one of n by chance, each as likely as its weight says.
 *
 * The sums of the first i weights lie on a line, and a random point on it is somebody's: a
 * binary search finds whose.  Where all weigh the same there is nothing to search for, and
 * all the same are also weights that are all 0.
 *
 * Threading   Drawing changes nothing.
 */
#ifndef GREBE_BASE_LOTTERY_H
#define GREBE_BASE_LOTTERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct grebe__lottery {
    uint64_t *sums; /* n of them, the caller's memory */
    uint32_t n;
    bool is_even; /* all weigh the same */
};

static inline void grebe__lottery_init(struct grebe__lottery *lottery, uint64_t *sums)
{
    *lottery = (struct grebe__lottery){.sums = sums, .is_even = true};
}

/* The next one takes part.  `sums` has room for it. */
void grebe__lottery_add(struct grebe__lottery *lottery, uint32_t weight);

/* Who it is, less than n; `random` is uniform over 64 bits, and n > 0. */
uint32_t grebe__lottery_draw(const struct grebe__lottery *lottery, uint64_t random);

#endif
