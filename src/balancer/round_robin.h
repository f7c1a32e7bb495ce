/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/round_robin.h -- the policy "round_robin", for the registry. */
#ifndef GREBE_BALANCER_ROUND_ROBIN_H
#define GREBE_BALANCER_ROUND_ROBIN_H

#include <grebe/balancer.h>

extern const struct grebe_balancer_builder grebe__round_robin;

#endif
