/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/child_policy.h -- what parents ask of their configuration. */
#ifndef GREBE_BALANCER_CHILD_POLICY_H
#define GREBE_BALANCER_CHILD_POLICY_H

#include <grebe/balancer.h>
#include <grebe/parent.h>

/* The member "childPolicy" of `json`, a list of policies, which has to be there.
 * GREBE_ERR_CONFIG, with the reason in `diag`, or GREBE_ERR_NOMEM. */
int grebe__child_policy_read(const struct grebe_json *json, struct grebe_diag *diag,
                             struct grebe_lb_config **out) GREBE_MUST_CHECK;

/* For update() of a policy without a configuration that cannot do without one, because it
 * was named by itself: calls fail and say so.  GREBE_ERR_CONFIG. */
int grebe__child_policy_missing(struct grebe_client_conn *cc, const char *policy);

#endif
