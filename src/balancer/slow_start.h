/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/slow_start.h -- who is new, or back, gets few calls at first.
 *
 * Source: gRFC A100 (draft); Envoy, "Slow start mode".
 */
#ifndef GREBE_BALANCER_SLOW_START_H
#define GREBE_BALANCER_SLOW_START_H

#include <grebe/balancer.h>

extern const struct grebe_balancer_builder grebe__slow_start;

#endif
