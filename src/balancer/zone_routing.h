/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/zone_routing.h -- how many of a client's calls stay in its own zone, and where the
 * others go.
 *
 * If the own zone has at least its share of the endpoints, as it has of the clients, all calls
 * stay.  Otherwise as many stay as the zone can bear, and the rest goes to the zones that have
 * more endpoints than clients, by how much more.  If all clients do so, each endpoint gets the
 * same load.
 *
 *   clients     40 40 20      own zone first; shares in 1/10000, rounded down
 *   endpoints   25 50 25
 *   stay        10000 * 2500 / 4000 = 6250
 *   room        - 1000 500    of the others: the rest is shared 2 : 1
 *
 * Source: Envoy, zone aware routing.
 */
#ifndef GREBE_BALANCER_ZONE_ROUTING_H
#define GREBE_BALANCER_ZONE_ROUTING_H

#include <stddef.h>
#include <stdint.h>

enum { GREBE__ZONE_ALL = 10000 }; /* of the calls, clients, endpoints */

struct grebe__zone_share {
    uint64_t n_clients, n_healthy; /* given */
    uint32_t clients, endpoints;   /* their shares, of all zones */
    uint32_t room;                 /* how much more endpoints than clients; own zone: 0 */
};

/* Fills in what is not given, and returns how many calls of GREBE__ZONE_ALL stay.  The own
 * zone is the first.  There is a client in some zone, and an endpoint. */
uint32_t grebe__zone_routing(struct grebe__zone_share *zones, size_t n);

#endif
