/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/zone_config.h"

#include <string.h>

#include "balancer/child_policy.h"

static int read_local_zone(const struct grebe_json *json, struct grebe_diag *diag,
                           struct grebe__zone_config *config)
{
    const char *zone = NULL;
    int error = grebe_json_get_string(json, "localZone", &zone, diag);

    if (error != GREBE_OK || zone == NULL || zone[0] == '\0')
        return error;
    config->local_zone = grebe_mem_strdup(NULL, zone);
    return config->local_zone == NULL ? GREBE_ERR_NOMEM : GREBE_OK;
}

static int add_clients(const struct grebe_json *counts, const char *zone,
                       struct grebe_diag *diag, struct grebe__zone_config *config)
{
    struct grebe__zone_clients *moved, *clients;
    uint32_t n = 0;
    int error = grebe_json_get_uint32(counts, zone, &n, diag);

    if (error != GREBE_OK)
        return error;
    moved = grebe_mem_realloc(NULL, config->clients,
                              (config->n_zones + 1) * sizeof *config->clients);
    if (moved == NULL)
        return GREBE_ERR_NOMEM;
    config->clients = moved;
    clients = &config->clients[config->n_zones];
    *clients = (struct grebe__zone_clients){.zone = grebe_mem_strdup(NULL, zone), .n = n};
    if (clients->zone == NULL)
        return GREBE_ERR_NOMEM;
    config->n_zones++;
    return GREBE_OK;
}

static int read_clients(const struct grebe_json *json, struct grebe_diag *diag,
                        struct grebe__zone_config *config)
{
    const struct grebe_json *counts = NULL;
    const char *zone = NULL;
    int error = grebe_json_get_object(json, "localCounts", &counts, diag);

    while (error == GREBE_OK && grebe_json_next_member(counts, zone, &zone) != NULL) {
        error = add_clients(counts, zone, diag, config);
        if (error != GREBE_OK)
            grebe_diag_prefix(diag, "localCounts");
    }
    return error;
}

static int read_numbers(const struct grebe_json *json, struct grebe_diag *diag,
                        struct grebe__zone_config *config)
{
    int error =
        grebe_json_get_uint32(json, "minClusterSize", &config->min_cluster_size, diag);

    if (error == GREBE_OK)
        error =
            grebe_json_get_uint32(json, "routingEnabledPercent", &config->percent, diag);
    if (error == GREBE_OK && config->percent > 100) {
        grebe_diag_set(diag, "routingEnabledPercent: %u is more than 100",
                       config->percent);
        error = GREBE_ERR_CONFIG;
    }
    return error;
}

static int read(const struct grebe_json *json, struct grebe_diag *diag,
                struct grebe__zone_config *config)
{
    int error = read_local_zone(json, diag, config);

    if (error == GREBE_OK)
        error = read_clients(json, diag, config);
    if (error == GREBE_OK)
        error = read_numbers(json, diag, config);
    if (error == GREBE_OK)
        error = grebe__child_policy_read(json, diag, &config->child);
    return error;
}

int grebe__zone_config_parse(const struct grebe_json *json, struct grebe_diag *diag,
                             void **out)
{
    struct grebe__zone_config *config = grebe_mem_zalloc(NULL, sizeof *config);
    int error;

    if (config == NULL)
        return GREBE_ERR_NOMEM;
    config->min_cluster_size = 6;
    config->percent = 100;
    error = read(json, diag, config);
    if (error != GREBE_OK) {
        grebe__zone_config_free(config);
        return error;
    }
    *out = config;
    return GREBE_OK;
}

void grebe__zone_config_free(void *config)
{
    struct grebe__zone_config *last = config;

    while (last->n_zones > 0)
        grebe_mem_free(NULL, last->clients[--last->n_zones].zone);
    grebe_mem_free(NULL, last->clients);
    grebe_mem_free(NULL, last->local_zone);
    grebe_lb_config_unref(last->child);
    grebe_mem_free(NULL, last);
}

uint32_t grebe__zone_config_clients(const struct grebe__zone_config *config,
                                    const char *zone)
{
    for (size_t i = 0; i < config->n_zones; i++)
        if (strcmp(config->clients[i].zone, zone) == 0)
            return config->clients[i].n;
    return 0;
}
