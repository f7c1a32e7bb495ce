/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/hash_ring.h -- endpoints on a ring of hashes, for ring_hash. */
#ifndef GREBE_BALANCER_HASH_RING_H
#define GREBE_BALANCER_HASH_RING_H

#include "balancer/hash_table.h"

/* As many entries as min_size and max_size of the configuration allow. */
extern const struct grebe__hash_layout grebe__hash_ring;

#endif
