/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/weighted_least.h -- whose turn it is where endpoints differ in weight, and are the
 * heavier the less there is to do.
 *
 *   effective weight = weight / (calls in flight + 1)^bias
 *
 * An endpoint's next turn is due one part in its effective weight after this one; what it
 * weighs is looked at when it has the turn.  A bias of 0 makes turns by weight alone; the
 * larger it is, the more a call in flight counts.
 *
 * Turns come from a queue that is the first caller's (base/edf.h).  All others draw two
 * endpoints by weight, and take the one with fewer calls for what it weighs.
 *
 * Weights are the owner's: atomic doubles, above 0, that may change at any time.  Who weighs
 * more than before waits no longer than an interval of what it weighs now.
 *
 * Threading   next(): any.  Everything else is the loop's.
 *
 * Source: Envoy, load balancing policy "least request", with weights.
 */
#ifndef GREBE_BALANCER_WEIGHTED_LEAST_H
#define GREBE_BALANCER_WEIGHTED_LEAST_H

#include <stddef.h>
#include <stdint.h>

#include "balancer/endpoint_load.h"
#include "base/edf.h"
#include "base/stride.h"

struct grebe__weighted_least {
    struct grebe__edf queue;
    struct grebe__stride stride; /* for all whose the queue is not */
    const struct grebe__loaded *endpoints;
    const double *weights;
    double bias;
    uint32_t is_stale; /* atomic: weights have changed since the queue was put in order */
};

double grebe__effective_weight(double weight, uint32_t in_flight, double bias);

/* How much memory n endpoints take. */
size_t grebe__weighted_least_size(uint32_t n);

/* n > 0 endpoints and their weights; `memory`, as much as size(n), is borrowed as they are.
 * `random` says where it begins: anywhere. */
void grebe__weighted_least_init(struct grebe__weighted_least *least,
                                const struct grebe__loaded *endpoints,
                                const double *weights, uint32_t n, double bias,
                                uint64_t random, void *memory);

/* Weights have changed. */
void grebe__weighted_least_settle(struct grebe__weighted_least *least);

/* For `who`, of base/lanes.h, as he sees the calls. */
uint32_t grebe__weighted_least_next(struct grebe__weighted_least *least, uintptr_t who,
                                    const struct grebe__load_sight *sight);

#endif
