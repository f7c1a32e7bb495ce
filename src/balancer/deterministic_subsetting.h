/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/deterministic_subsetting.h -- the builder of deterministic_subsetting.c. */
#ifndef GREBE_BALANCER_DETERMINISTIC_SUBSETTING_H
#define GREBE_BALANCER_DETERMINISTIC_SUBSETTING_H

#include <grebe/balancer.h>

extern const struct grebe_balancer_builder grebe__deterministic_subsetting;

#endif
