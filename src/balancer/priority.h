/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/priority.h -- the builders of priority.c. */
#ifndef GREBE_BALANCER_PRIORITY_H
#define GREBE_BALANCER_PRIORITY_H

#include <grebe/balancer.h>

extern const struct grebe_balancer_builder grebe__priority;
extern const struct grebe_balancer_builder grebe__priority_experimental;

#endif
