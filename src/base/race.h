/* SPDX-License-Identifier: Apache-2.0 */
/* base/race.h -- a random order in which heavier ones come earlier.
 *
 * Runner i has the key -log2(u) / weight, u uniform in (0, 1), and the smallest key wins.
 * That is the order of u^(1/weight), largest first (gRFC A113): i comes first with
 * probability weight_i / sum of weights, and of those that remain the next one likewise.
 */
#ifndef GREBE_BASE_RACE_H
#define GREBE_BASE_RACE_H

#include <stdint.h>

struct grebe__runner {
    uint64_t neg_log2; /* of u: grebe__neg_log2(), base/log2.h */
    uint32_t weight;   /* > 0 */
    uint32_t index;    /* whose runner it is; equal keys keep the order of indices */
};

/* The winner first. */
void grebe__race_run(struct grebe__runner *runners, uint32_t n);

#endif
