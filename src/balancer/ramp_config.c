/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/ramp_config.h"

#include <float.h>

int grebe__ramp_config_read(const struct grebe_json *json, struct grebe_diag *diag,
                            struct grebe__ramp *out)
{
    int64_t window = 0;
    double aggression = 1, percent = 10;

    if (grebe_json_get_duration(json, "slowStartWindow", &window, diag) != GREBE_OK ||
        grebe_json_get_double(json, "aggression", &aggression, diag) != GREBE_OK ||
        grebe_json_get_double(json, "minWeightPercent", &percent, diag) != GREBE_OK)
        return GREBE_ERR_CONFIG;
    if (window < 0) {
        grebe_diag_set(diag, "slowStartWindow: must be non-negative");
        return GREBE_ERR_CONFIG;
    }
    if (!(aggression > 0 && aggression <= DBL_MAX)) { /* NaN, too */
        grebe_diag_set(diag, "aggression: must be greater than 0");
        return GREBE_ERR_CONFIG;
    }
    if (!(percent >= 0 && percent <= 100)) {
        grebe_diag_set(diag, "minWeightPercent: must be between 0 and 100");
        return GREBE_ERR_CONFIG;
    }
    *out = (struct grebe__ramp){
        .window_ns = (uint64_t)window,
        .aggression = aggression,
        .least = percent / 100,
    };
    return GREBE_OK;
}

int grebe__ramp_config_get(const struct grebe_json *json, struct grebe_diag *diag,
                           struct grebe__ramp *out)
{
    const struct grebe_json *object = NULL;
    int error = grebe_json_get_object(json, "slowStartConfig", &object, diag);

    if (error != GREBE_OK || object == NULL)
        return error;
    error = grebe__ramp_config_read(object, diag, out);
    if (error != GREBE_OK)
        grebe_diag_prefix(diag, "slowStartConfig");
    return error;
}
