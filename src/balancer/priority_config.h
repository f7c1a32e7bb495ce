/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/priority_config.h -- what priority is configured with.
 *
 *   {
 *     "children": {
 *       "primary": {"config": [{"round_robin": {}}], "ignoreReresolutionRequests": false},
 *       "spare": {"config": [{"round_robin": {}}]}
 *     },
 *     "priorities": ["primary", "spare"],        the best first
 *     "cacheRemovedChildren": false              of grebe alone: gRFC A115
 *   }
 *
 * Every child is among the priorities, once, and every priority is a child.
 */
#ifndef GREBE_BALANCER_PRIORITY_CONFIG_H
#define GREBE_BALANCER_PRIORITY_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "balancer/named_children.h"

struct grebe__priority_config {
    struct grebe__named_children children;
    const struct grebe__named_child **order; /* as many, the best first */
    bool caches_removed;
};

/* As a builder's parse_config() and free_config(). */
int grebe__priority_config_parse(const struct grebe_json *json, struct grebe_diag *diag,
                                 void **out) GREBE_MUST_CHECK;
void grebe__priority_config_free(void *config);

#endif
