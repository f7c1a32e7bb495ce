/* SPDX-License-Identifier: Apache-2.0 */
/* support/drawn.h -- for policies that draw endpoints at random: the bench's next call draws
 * what the test wants.
 *
 * A policy seeds a generator of its own with the call's random number, and draws below n,
 * or below other bounds, one after the other.
 */
#ifndef SUPPORT_DRAWN_H
#define SUPPORT_DRAWN_H

#include <stdint.h>

#include "base/rng.h"
#include "support/lb_bench.h"

/* wanted[i] below bounds[i], k of them. */
static inline void drawn_set(struct lb_bench *bench, const uint32_t *bounds,
                             const uint32_t *wanted, uint32_t k)
{
    for (uint64_t state = 0;; state++) {
        struct grebe__rng of_lab = {state};
        struct grebe__rng of_call = {grebe__rng_next(&of_lab)};
        uint32_t i = 0;

        while (i < k && grebe__rng_below(&of_call, bounds[i]) == wanted[i])
            i++;
        if (i == k) {
            bench->lab.sim.env.rng.state = state;
            return;
        }
    }
}

#endif
