/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/priorities.h -- children in order, as the configurations of parents that rank them
 * have them:
 *
 *   "children": {
 *     "primary": {"config": [{"round_robin": {}}], "ignoreReresolutionRequests": false},
 *     "spare": {"config": [{"round_robin": {}}]}
 *   },
 *   "priorities": ["primary", "spare"]        the best first
 *
 * Every child is among the priorities, once, and every priority is a child.
 */
#ifndef GREBE_BALANCER_PRIORITIES_H
#define GREBE_BALANCER_PRIORITIES_H

#include "balancer/named_children.h"

struct grebe__priorities {
    struct grebe__named_children children;
    const struct grebe__named_child **order; /* as many, the best first */
};

/* Both members of `json`.  GREBE_ERR_CONFIG with the path and the reason in `diag`, or
 * GREBE_ERR_NOMEM; *out is empty then. */
int grebe__priorities_read(const struct grebe_json *json, struct grebe_diag *diag,
                           struct grebe__priorities *out) GREBE_MUST_CHECK;
/* Also of an empty one. */
void grebe__priorities_fini(struct grebe__priorities *priorities);

#endif
