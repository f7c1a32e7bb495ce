/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/priority_config.h -- what priority is configured with: its priorities, and
 *
 *   "cacheRemovedChildren": false              of grebe alone: gRFC A115
 */
#ifndef GREBE_BALANCER_PRIORITY_CONFIG_H
#define GREBE_BALANCER_PRIORITY_CONFIG_H

#include <stdbool.h>

#include "balancer/priorities.h"

struct grebe__priority_config {
    struct grebe__priorities priorities;
    bool caches_removed;
};

/* As a builder's parse_config() and free_config(). */
int grebe__priority_config_parse(const struct grebe_json *json, struct grebe_diag *diag,
                                 void **out) GREBE_MUST_CHECK;
void grebe__priority_config_free(void *config);

#endif
