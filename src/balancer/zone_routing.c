/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/zone_routing.h"

/* In 64 bits: counts are below 2^50. */
static uint32_t share(uint64_t part, uint64_t all)
{
    return (uint32_t)(GREBE__ZONE_ALL * part / all);
}

static void fill_in(struct grebe__zone_share *zones, size_t n)
{
    uint64_t n_clients = 0, n_healthy = 0;

    for (size_t i = 0; i < n; i++) {
        n_clients += zones[i].n_clients;
        n_healthy += zones[i].n_healthy;
    }
    for (size_t i = 0; i < n; i++) {
        struct grebe__zone_share *zone = &zones[i];

        zone->clients = share(zone->n_clients, n_clients);
        zone->endpoints = share(zone->n_healthy, n_healthy);
        zone->room = i > 0 && zone->endpoints > zone->clients
                         ? zone->endpoints - zone->clients
                         : 0;
    }
}

uint32_t grebe__zone_routing(struct grebe__zone_share *zones, size_t n)
{
    fill_in(zones, n);
    return zones[0].clients <= zones[0].endpoints
               ? GREBE__ZONE_ALL
               : GREBE__ZONE_ALL * zones[0].endpoints / zones[0].clients;
}
