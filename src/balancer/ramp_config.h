/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/ramp_config.h -- slow start, as a configuration says it.
 *
 *   {"slowStartWindow": "60s", "aggression": 1.0, "minWeightPercent": 10}
 *
 * Source: gRFC A100 (draft).
 */
#ifndef GREBE_BALANCER_RAMP_CONFIG_H
#define GREBE_BALANCER_RAMP_CONFIG_H

#include <grebe/json.h>

#include "base/ramp.h"

/* Without a window there is no ramp.  GREBE_ERR_CONFIG, and then `diag` says why. */
int grebe__ramp_config_read(const struct grebe_json *json, struct grebe_diag *diag,
                            struct grebe__ramp *out) GREBE_MUST_CHECK;

/* The member "slowStartConfig" of a policy's configuration, if it has one; *out is unchanged
 * if not. */
int grebe__ramp_config_get(const struct grebe_json *json, struct grebe_diag *diag,
                           struct grebe__ramp *out) GREBE_MUST_CHECK;

#endif
