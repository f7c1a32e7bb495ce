/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/aged_load.h -- a load (balancer/endpoint_load.h) that knows since when its endpoint
 * has been READY, for policies that start slowly (base/ramp.h).
 *
 * Their books are forgetful: who is not READY any more has no load, and begins anew.
 *
 * Threading   The loop's.
 */
#ifndef GREBE_BALANCER_AGED_LOAD_H
#define GREBE_BALANCER_AGED_LOAD_H

#include "balancer/endpoint_load.h"
#include "base/ramp.h"

struct grebe__aged_load {
    struct grebe__endpoint_load base;
    uint64_t since_ns;
};

/* `init` of a book whose `arg` is the policy's struct grebe_client_conn. */
static inline void grebe__aged_load_init(struct grebe__endpoint_load *base, void *cc)
{
    struct grebe__aged_load *load =
        grebe_container_of(base, struct grebe__aged_load, base);

    load->since_ns = grebe_client_conn_now_ns(cc);
}

/* What of its weight counts at `now_ns`; above 0, as weights are. */
static inline double grebe__aged_load_factor(struct grebe__endpoint_load *base,
                                             const struct grebe__ramp *ramp,
                                             uint64_t now_ns)
{
    static const double least = 1e-9;
    const struct grebe__aged_load *load =
        grebe_container_of(base, struct grebe__aged_load, base);
    double factor = grebe__ramp_factor(ramp, now_ns - load->since_ns);

    return factor < least ? least : factor;
}

#endif
