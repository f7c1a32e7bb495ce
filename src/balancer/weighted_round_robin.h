/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/weighted_round_robin.h -- the policy "weighted_round_robin", for the registry,
 * and its name from before gRFC A58 was final. */
#ifndef GREBE_BALANCER_WEIGHTED_ROUND_ROBIN_H
#define GREBE_BALANCER_WEIGHTED_ROUND_ROBIN_H

#include <grebe/balancer.h>

extern const struct grebe_balancer_builder grebe__weighted_round_robin;
extern const struct grebe_balancer_builder grebe__weighted_round_robin_experimental;

#endif
