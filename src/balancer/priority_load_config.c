/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/priority_load_config.h"

/* With less than 100 all of a priority's endpoints together could not bear its calls. */
static int read_factor(const struct grebe_json *json, struct grebe_diag *diag,
                       struct grebe__priority_load_config *config)
{
    int error =
        grebe_json_get_uint32(json, "overprovisioningFactor", &config->factor, diag);

    if (error == GREBE_OK && config->factor < 100) {
        grebe_diag_set(diag, "overprovisioningFactor: %u is less than 100",
                       config->factor);
        return GREBE_ERR_CONFIG;
    }
    return error;
}

static int read_threshold(const struct grebe_json *json, struct grebe_diag *diag,
                          struct grebe__priority_load_config *config)
{
    int error =
        grebe_json_get_uint32(json, "panicThreshold", &config->panic_threshold, diag);

    if (error == GREBE_OK && config->panic_threshold > 100) {
        grebe_diag_set(diag, "panicThreshold: %u is more than 100",
                       config->panic_threshold);
        return GREBE_ERR_CONFIG;
    }
    return error;
}

static int read(const struct grebe_json *json, struct grebe_diag *diag,
                struct grebe__priority_load_config *config)
{
    int error = grebe__priorities_read(json, diag, &config->priorities);

    if (error == GREBE_OK)
        error = read_factor(json, diag, config);
    if (error == GREBE_OK)
        error = read_threshold(json, diag, config);
    if (error == GREBE_OK)
        error = grebe_json_get_bool(json, "failTrafficOnPanic", &config->fails_in_panic,
                                    diag);
    return error;
}

int grebe__priority_load_config_parse(const struct grebe_json *json,
                                      struct grebe_diag *diag, void **out)
{
    struct grebe__priority_load_config *config = grebe_mem_zalloc(NULL, sizeof *config);
    int error;

    if (config == NULL)
        return GREBE_ERR_NOMEM;
    config->factor = 140;
    config->panic_threshold = 50;
    error = read(json, diag, config);
    if (error != GREBE_OK) {
        grebe__priority_load_config_free(config);
        return error;
    }
    *out = config;
    return GREBE_OK;
}

void grebe__priority_load_config_free(void *config)
{
    struct grebe__priority_load_config *last = config;

    grebe__priorities_fini(&last->priorities);
    grebe_mem_free(NULL, last);
}
