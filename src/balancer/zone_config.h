/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/zone_config.h -- what zone_aware is configured with.
 *
 *   {
 *     "localZone": "eu-1a",                                of this client
 *     "localCounts": {"eu-1a": 20, "eu-1b": 20},           clients like it, by zone
 *     "minClusterSize": 6, "routingEnabledPercent": 100,   as they are by default
 *     "childPolicy": [{"round_robin": {}}]                 required: inside of a zone
 *   }
 */
#ifndef GREBE_BALANCER_ZONE_CONFIG_H
#define GREBE_BALANCER_ZONE_CONFIG_H

#include <stddef.h>

#include <grebe/balancer.h>
#include <grebe/parent.h>

struct grebe__zone_clients {
    char *zone;
    uint32_t n;
};

struct grebe__zone_config {
    char *local_zone;                    /* NULL: not known */
    struct grebe__zone_clients *clients; /* n_zones of them */
    size_t n_zones;
    uint32_t min_cluster_size;
    uint32_t percent; /* of the calls that are routed by zone */
    struct grebe_lb_config *child;
};

/* As a builder's parse_config() and free_config(). */
int grebe__zone_config_parse(const struct grebe_json *json, struct grebe_diag *diag,
                             void **out) GREBE_MUST_CHECK;
void grebe__zone_config_free(void *config);

/* 0 for a zone that is not among them. */
uint32_t grebe__zone_config_clients(const struct grebe__zone_config *config,
                                    const char *zone);

#endif
