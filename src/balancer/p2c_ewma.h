/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/p2c_ewma.h -- of two endpoints drawn at random, the one that costs less. */
#ifndef GREBE_BALANCER_P2C_EWMA_H
#define GREBE_BALANCER_P2C_EWMA_H

#include <grebe/balancer.h>

extern const struct grebe_balancer_builder grebe__p2c_ewma;
extern const struct grebe_balancer_builder grebe__p2c_experimental;

#endif
