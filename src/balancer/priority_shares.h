/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/priority_shares.h -- how many of 100 calls go to each of several priorities.
 *
 * Endpoints are expected to bear more than their share: with a factor of 140 a priority bears
 * all of its calls as long as 5 of 7 endpoints are healthy.  What it cannot bear goes to the
 * next one.  When all together cannot bear it, each gets as much as it is able to.
 *
 *   healthy    25 of 100, 20 of 100    factor 140
 *   health     35, 28                  140 * healthy / all, at most 100
 *   load       56, 44                  of 63: 55 and 44, and what is left over to the first
 *
 * A priority is in panic if fewer of its endpoints are healthy than the threshold says, and
 * all together cannot bear the load.  If all are, health says nothing about whom to prefer,
 * and calls are shared by the number of endpoints.
 *
 *   in panic   both, with a threshold of 50
 *   load       50, 50
 *
 * All of it is in whole numbers, rounded down.
 *
 * Source: Envoy, priority levels and panic threshold.
 */
#ifndef GREBE_BALANCER_PRIORITY_SHARES_H
#define GREBE_BALANCER_PRIORITY_SHARES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GREBE__PRIORITY_ALL = 100 }; /* of the calls, endpoints */

struct grebe__priority_share {
    uint32_t n_endpoints, n_healthy; /* given */
    bool is_usable;   /* given: calls may go there when nobody's health speaks for it */
    bool is_in_panic; /* with no endpoints it is, if any threshold is set */
    uint32_t health;  /* how much of all calls it can bear */
    uint32_t load;    /* how many it gets */
};

/* Fills in what is not given, for `n` > 0 priorities, the best first, one of which is usable.
 * All loads together are 100.  `factor` is at least 100, so that none without any health is
 * out of panic.  `panic_threshold` is a percentage; 0: there is no panic, and if nobody can
 * bear anything all goes to the first that is usable.  True: all are in panic. */
bool grebe__priority_shares(struct grebe__priority_share *shares, size_t n,
                            uint32_t factor, uint32_t panic_threshold);

/* Fewer than `threshold` percent. */
static inline bool grebe__priority_is_short(uint64_t n_healthy, uint32_t n_endpoints,
                                            uint32_t threshold)
{
    return GREBE__PRIORITY_ALL * n_healthy < (uint64_t)threshold * n_endpoints ||
           (n_endpoints == 0 && threshold > 0);
}

#endif
