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

struct grebe__hash_seat {
    struct grebe__leaf leaf;
    struct grebe__hash_load
        *load; /* a reference; NULL: not READY, or there is no bound */
    uint32_t weight;
};

struct grebe__hash_seats {
    struct grebe_picker base;
    const struct grebe_mem *mem;
    const struct grebe__hash_policy *policy;
    struct grebe__hash_table *table;  /* a reference */
    struct grebe__hash_header header; /* its name behind the states */
    uint32_t n;
    unsigned present;               /* 1 << state, for each state that a child is in */
    uint32_t balance_factor;        /* 0: there is no bound */
    uint64_t weight;                /* of all members */
    uint8_t *states;                /* n of them, behind the list */
    struct grebe__hash_seat list[]; /* n of them, in the members' order */
};

/* The first member in the order of `hash` whose state is wanted (1 << state). */
static inline bool grebe__hash_seats_find(const struct grebe__hash_seats *seats,
                                          uint64_t hash, unsigned wanted,
                                          struct grebe__hash_place *out)
{
    const struct grebe__hash_filter filter = {.states = seats->states, .wanted = wanted};

    return (wanted & seats->present) != 0 &&
           seats->policy->layout->find(seats->table, hash, &filter, out);
}

#endif
