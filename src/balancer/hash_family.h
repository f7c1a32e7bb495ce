/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/hash_family.h -- the balancer of all policies that hash calls.
 *
 * Each endpoint has a pick_first child that connects when it is first needed.  Connections
 * are asked for by picks, and, so that there is progress without any, by one rule: while
 * the policy is CONNECTING or in TRANSIENT_FAILURE, and no endpoint is CONNECTING, the
 * first IDLE one in the order of keys is.
 *
 *   READY              if an endpoint is
 *   TRANSIENT_FAILURE  else, if two are: a parent with other backends should use them
 *   CONNECTING         else, if one is, or one failed and there are others
 *   IDLE               else, if one is
 *   TRANSIENT_FAILURE  else
 *
 * Sources     gRFC A42, A61, A76; grpc-go package balancer/ringhash.
 */
#ifndef GREBE_BALANCER_HASH_FAMILY_H
#define GREBE_BALANCER_HASH_FAMILY_H

#include "balancer/hash_table.h"

/* For a builder's build(), whose configurations are struct grebe__hash_config. */
int grebe__hash_family_new(struct grebe_client_conn *cc,
                           const struct grebe__hash_policy *policy,
                           struct grebe_balancer **out) GREBE_MUST_CHECK;

#endif
