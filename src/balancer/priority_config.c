/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/priority_config.h"

int grebe__priority_config_parse(const struct grebe_json *json, struct grebe_diag *diag,
                                 void **out)
{
    struct grebe__priority_config *config = grebe_mem_zalloc(NULL, sizeof *config);
    int error;

    if (config == NULL)
        return GREBE_ERR_NOMEM;
    error = grebe__priorities_read(json, diag, &config->priorities);
    if (error == GREBE_OK)
        error = grebe_json_get_bool(json, "cacheRemovedChildren", &config->caches_removed,
                                    diag);
    if (error != GREBE_OK) {
        grebe__priority_config_free(config);
        return error;
    }
    *out = config;
    return GREBE_OK;
}

void grebe__priority_config_free(void *config)
{
    struct grebe__priority_config *last = config;

    grebe__priorities_fini(&last->priorities);
    grebe_mem_free(NULL, last);
}
