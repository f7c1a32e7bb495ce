/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/zone_picker.h -- the picker of zone_aware while there is a zone that is READY. */
#ifndef GREBE_BALANCER_ZONE_PICKER_H
#define GREBE_BALANCER_ZONE_PICKER_H

#include <stddef.h>

#include <grebe/balancer.h>

struct grebe__zone_view {
    const char *name;            /* copied */
    struct grebe_picker *picker; /* a reference is taken; NULL: the zone takes no calls */
    uint32_t n_healthy;          /* endpoints that take calls; 0 without a picker */
    uint32_t n_clients;
};

/* Over `n` zones, one of which has a picker.  `why_spread` (static storage) says why calls are
 * spread over all of them, each endpoint alike.  NULL: `percent` of the calls are routed as
 * zone_routing.h has it, and the first zone is the own one, which has endpoints or clients.
 * NULL when out of memory. */
struct grebe_picker *grebe__zone_picker(struct grebe_client_conn *cc,
                                        const struct grebe__zone_view *zones, size_t n,
                                        const char *why_spread, uint32_t percent);

#endif
