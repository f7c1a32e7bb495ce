/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/maglev.h -- the policy "maglev", for the registry. */
#ifndef GREBE_BALANCER_MAGLEV_H
#define GREBE_BALANCER_MAGLEV_H

#include <grebe/balancer.h>

struct grebe__hash_policy;

/* For balancer/hash_family.h; the size of its table is min_size of the configuration. */
extern const struct grebe__hash_policy grebe__maglev_policy;

extern const struct grebe_balancer_builder grebe__maglev;
extern const struct grebe_balancer_builder grebe__maglev_experimental;

#endif
