/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/random_subsetting.h -- the builders of random_subsetting.c. */
#ifndef GREBE_BALANCER_RANDOM_SUBSETTING_H
#define GREBE_BALANCER_RANDOM_SUBSETTING_H

#include <grebe/balancer.h>

extern const struct grebe_balancer_builder grebe__random_subsetting;
extern const struct grebe_balancer_builder grebe__random_subsetting_experimental;

#endif
