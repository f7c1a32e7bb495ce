/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/zone_aware.h -- the builders of zone_aware.c. */
#ifndef GREBE_BALANCER_ZONE_AWARE_H
#define GREBE_BALANCER_ZONE_AWARE_H

#include <grebe/balancer.h>

extern const struct grebe_balancer_builder grebe__zone_aware;
extern const struct grebe_balancer_builder grebe__zone_aware_experimental;

#endif
