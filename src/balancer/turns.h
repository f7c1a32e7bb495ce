/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/turns.h -- a picker that gives each child one call in turn. */
#ifndef GREBE_BALANCER_TURNS_H
#define GREBE_BALANCER_TURNS_H

#include <grebe/balancer.h>
#include <grebe/parent.h>

/* Over those of `n` children that are in `state`; there is at least one.  `policy` is static
 * storage: who explains.  It begins anywhere, so that clients that start together do not
 * walk the backends in step.  NULL when out of memory. */
struct grebe_picker *grebe__turns_new(struct grebe_client_conn *cc, const char *policy,
                                      enum grebe_connectivity state,
                                      const struct grebe_sharding_child *children,
                                      size_t n);

#endif
