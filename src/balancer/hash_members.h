/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/hash_members.h -- endpoints in the order in which all clients have them.
 *
 * A resolver, and endpoint sharding, give them in any order.  Policies that hash sort them
 * by their hash keys, so that clients with the same endpoints make the same table of them.
 * Endpoints whose keys are equal come in the order of their addresses' hashes.
 *
 * Sources     gRFC A42; gRFC A76 (keys from attributes).
 */
#ifndef GREBE_BALANCER_HASH_MEMBERS_H
#define GREBE_BALANCER_HASH_MEMBERS_H

#include <stdbool.h>
#include <stdint.h>

#include <grebe/parent.h>

struct grebe__hash_member {
    struct grebe_endpoint *endpoint; /* a reference */
    const char *key;                 /* the endpoint's: its attribute, or first address */
    uint32_t weight;                 /* > 0 */
    uint32_t child;                  /* where it stands in endpoint sharding's list */
};

struct grebe__hash_members {
    struct grebe__hash_member *list; /* n of them, sorted by key */
    uint32_t n;
    uint64_t weight; /* of all */
};

/* All zero is an empty one.  GREBE_ERR_NOMEM. */
int grebe__hash_members_init(struct grebe__hash_members *members,
                             const struct grebe_mem *mem,
                             const struct grebe_sharding_child *children,
                             size_t n) GREBE_MUST_CHECK;
void grebe__hash_members_fini(struct grebe__hash_members *members,
                              const struct grebe_mem *mem);

/* Do both have the same keys and weights?  Then any table of one is a table of the other. */
bool grebe__hash_members_equal(const struct grebe__hash_members *a,
                               const struct grebe__hash_members *b);

#endif
