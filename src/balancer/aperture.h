/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/aperture.h -- the builders of aperture.c. */
#ifndef GREBE_BALANCER_APERTURE_H
#define GREBE_BALANCER_APERTURE_H

#include <grebe/balancer.h>

extern const struct grebe_balancer_builder grebe__aperture;
extern const struct grebe_balancer_builder grebe__aperture_experimental;

#endif
