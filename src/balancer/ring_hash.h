/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/ring_hash.h -- calls with the same hash go to the same endpoint. */
#ifndef GREBE_BALANCER_RING_HASH_H
#define GREBE_BALANCER_RING_HASH_H

#include <grebe/balancer.h>

struct grebe__hash_policy;

/* For balancer/hash_family.h. */
extern const struct grebe__hash_policy grebe__ring_hash_policy;

extern const struct grebe_balancer_builder grebe__ring_hash;
extern const struct grebe_balancer_builder grebe__ring_hash_experimental; /* grpc-go's */
/* ring_hash with hashBalanceFactor, unless it is configured otherwise. */
extern const struct grebe_balancer_builder grebe__bounded_load_ring_hash;

#endif
