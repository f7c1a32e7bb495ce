/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/priority_load_config.h -- what priority_load is configured with: its priorities, and
 *
 *   "overprovisioningFactor": 140, "panicThreshold": 50, "failTrafficOnPanic": false
 *
 * which is how they are by default.
 */
#ifndef GREBE_BALANCER_PRIORITY_LOAD_CONFIG_H
#define GREBE_BALANCER_PRIORITY_LOAD_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "balancer/priorities.h"

struct grebe__priority_load_config {
    struct grebe__priorities priorities;
    uint32_t factor;          /* at least 100 */
    uint32_t panic_threshold; /* percent; 0: there is no panic */
    bool fails_in_panic;      /* calls to a priority that is */
};

/* As a builder's parse_config() and free_config(). */
int grebe__priority_load_config_parse(const struct grebe_json *json,
                                      struct grebe_diag *diag,
                                      void **out) GREBE_MUST_CHECK;
void grebe__priority_load_config_free(void *config);

#endif
