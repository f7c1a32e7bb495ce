/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/least_request.h -- calls go where the fewest are in flight, among a few drawn at
 * random, or among all. */
#ifndef GREBE_BALANCER_LEAST_REQUEST_H
#define GREBE_BALANCER_LEAST_REQUEST_H

#include <grebe/balancer.h>

extern const struct grebe_balancer_builder grebe__least_request;
extern const struct grebe_balancer_builder grebe__least_request_experimental;
extern const struct grebe_balancer_builder grebe__least_request_full;

#endif
