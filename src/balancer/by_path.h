/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/by_path.h -- which endpoints are for which child (grebe/path.h). */
#ifndef GREBE_BALANCER_BY_PATH_H
#define GREBE_BALANCER_BY_PATH_H

#include "balancer/groups.h"
#include "balancer/named_children.h"

/* Groups the endpoints of an update by the first name of their path, which is taken off.
 * Those whose path does not begin with the name of a child, or is empty, are for nobody: the
 * log of `cc` hears from `policy` how many they are.  GREBE_ERR_NOMEM; there is nothing to free
 * then.  The groups do not outlive the update. */
int grebe__by_path(struct grebe__groups *out, struct grebe_client_conn *cc,
                   const char *policy, const struct grebe__named_children *children,
                   const struct grebe_balancer_update *update) GREBE_MUST_CHECK;

#endif
