/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/static_weighted_round_robin.h -- the policy "static_weighted_round_robin", for
 * the registry. */
#ifndef GREBE_BALANCER_STATIC_WEIGHTED_ROUND_ROBIN_H
#define GREBE_BALANCER_STATIC_WEIGHTED_ROUND_ROBIN_H

#include <grebe/balancer.h>

extern const struct grebe_balancer_builder grebe__static_weighted_round_robin;

#endif
