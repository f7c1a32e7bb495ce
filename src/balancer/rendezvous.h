/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/rendezvous.h -- the policy "rendezvous", for the registry. */
#ifndef GREBE_BALANCER_RENDEZVOUS_H
#define GREBE_BALANCER_RENDEZVOUS_H

#include <grebe/balancer.h>

struct grebe__hash_policy;

extern const struct grebe__hash_policy grebe__rendezvous_policy; /* hash_family.h */

extern const struct grebe_balancer_builder grebe__rendezvous;
extern const struct grebe_balancer_builder grebe__rendezvous_hash_experimental;

#endif
