/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/weighted_target.h -- the builders of weighted_target.c. */
#ifndef GREBE_BALANCER_WEIGHTED_TARGET_H
#define GREBE_BALANCER_WEIGHTED_TARGET_H

#include <grebe/balancer.h>

extern const struct grebe_balancer_builder grebe__weighted_target;
extern const struct grebe_balancer_builder grebe__weighted_target_experimental;

#endif
