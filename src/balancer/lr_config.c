/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/lr_config.h"

#include <float.h>

#include <grebe/mem.h>

#include "balancer/ramp_config.h"

enum { MAX_CHOICES = 10 };

const struct grebe__lr_config grebe__lr_defaults = {.n_choices = 2, .bias = 1};
const struct grebe__lr_config grebe__lr_full_defaults = {.bias = 1};

static int keep(const struct grebe__lr_config *config, void **out)
{
    struct grebe__lr_config *kept = grebe_mem_alloc(NULL, sizeof *kept);

    if (kept == NULL)
        return GREBE_ERR_NOMEM;
    *kept = *config;
    *out = kept;
    return GREBE_OK;
}

/* What both have. */
static int read(const struct grebe_json *json, struct grebe__lr_config *config,
                struct grebe_diag *diag)
{
    if (grebe_json_get_bool(json, "weighted", &config->is_weighted, diag) != GREBE_OK)
        return GREBE_ERR_CONFIG;
    return grebe__ramp_config_get(json, diag, &config->ramp);
}

int grebe__lr_config_parse(const struct grebe_json *json, struct grebe_diag *diag,
                           void **out)
{
    struct grebe__lr_config config = grebe__lr_defaults;

    if (grebe_json_get_uint32(json, "choiceCount", &config.n_choices, diag) != GREBE_OK ||
        read(json, &config, diag) != GREBE_OK)
        return GREBE_ERR_CONFIG;
    if (config.n_choices < 2) {
        grebe_diag_set(diag, "choiceCount: must be >= 2");
        return GREBE_ERR_CONFIG;
    }
    if (config.n_choices > MAX_CHOICES)
        config.n_choices = MAX_CHOICES;
    return keep(&config, out);
}

int grebe__lr_config_parse_full(const struct grebe_json *json, struct grebe_diag *diag,
                                void **out)
{
    struct grebe__lr_config config = grebe__lr_full_defaults;

    if (read(json, &config, diag) != GREBE_OK ||
        grebe_json_get_bool(json, "fullScan", &config.scans_all, diag) != GREBE_OK ||
        grebe_json_get_double(json, "bias", &config.bias, diag) != GREBE_OK)
        return GREBE_ERR_CONFIG;
    if (!(config.bias >= 0 && config.bias <= DBL_MAX)) { /* NaN, too */
        grebe_diag_set(diag, "bias: must be non-negative");
        return GREBE_ERR_CONFIG;
    }
    return keep(&config, out);
}

void grebe__lr_config_free(void *config)
{
    grebe_mem_free(NULL, config);
}
