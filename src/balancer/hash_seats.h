/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/hash_seats.h -- what the picker of a policy that hashes knows: the members as they
 * were when it was made.
 *
 * Shared by the files that make up that picker: balancer/hash_picker.c chooses,
 * balancer/hash_room.c looks for somebody else when that one is full, and
 * balancer/hash_account.c tells of it.
 */
#ifndef GREBE_BALANCER_HASH_SEATS_H
#define GREBE_BALANCER_HASH_SEATS_H

#include <grebe/balancer.h>

#include "balancer/hash_loads.h"
#include "balancer/hash_request.h"
#include "balancer/hash_table.h"
#include "balancer/leaf.h"

/* What bounds the load of a member. */
struct grebe__hash_bound {
    struct grebe__endpoint_load *load; /* a reference; NULL: not READY */
    uint32_t weight;
};

struct grebe__hash_seats {
    struct grebe_picker base;
    const struct grebe_mem *mem;
    const struct grebe__hash_policy *policy;
    struct grebe__hash_table *table;  /* a reference */
    struct grebe__hash_header header; /* its name behind the states */
    uint32_t n;
    unsigned present;        /* 1 << state, for each state that a child is in */
    uint32_t balance_factor; /* 0: there is no bound */
    uint64_t weight;         /* of all members */
    /* n of each, in the members' order.  Without a bound, and when all are READY, a pick
     * looks at one leaf and at nothing else here. */
    struct grebe__hash_bound *bounds; /* behind the leaves; NULL: there is no bound */
    struct grebe__crew *crew;         /* of the loads, which hold it */
    uint8_t *states;                  /* behind these */
    struct grebe__leaf leaves[];
};

/* The first member in the order of `hash` whose state is wanted (1 << state). */
static inline bool grebe__hash_seats_find(const struct grebe__hash_seats *seats,
                                          uint64_t hash, unsigned wanted,
                                          struct grebe__hash_place *out)
{
    const struct grebe__hash_filter filter = {
        .states = (seats->present & ~wanted) == 0 ? NULL : seats->states,
        .wanted = wanted,
    };

    return (wanted & seats->present) != 0 &&
           seats->policy->layout->find(seats->table, hash, &filter, out);
}

#endif
