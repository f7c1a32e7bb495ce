/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/hash_room.h -- who takes a call when the one whose it is has its share already.
 *
 * All members are asked in an order of chance, seeded by the hash, so that the calls for one
 * key spill over to the same few.  Walking on to the next one in the order of the hash would
 * make that one carry two shares (arXiv 1908.08762).
 *
 * Source: Envoy's hash_balance_factor, whose order this is.
 */
#ifndef GREBE_BALANCER_HASH_ROOM_H
#define GREBE_BALANCER_HASH_ROOM_H

#include "balancer/hash_seats.h"

/* Where loads are bounded: may this READY member have one call more? */
static inline bool grebe__hash_has_room(const struct grebe__hash_seats *seats,
                                        uint32_t member,
                                        const struct grebe__load_sight *sight)
{
    const struct grebe__hash_bound *bound = &seats->bounds[member];
    uint32_t calls = grebe__hash_load_calls(bound->load, sight);
    uint32_t all = grebe__hash_total_calls(seats->crew, sight);

    /* That one call may be one too many. */
    return grebe__hash_load_fits(calls,
                                 grebe__hash_load_bound(all, seats->balance_factor),
                                 bound->weight, seats->weight);
}

/* `full` has no room: who has?  Else who is least loaded.  May ask one that is IDLE to
 * connect, with a pick that leaves `out` as it is. */
uint32_t grebe__hash_find_room(const struct grebe__hash_seats *seats, uint64_t hash,
                               uint32_t full, const struct grebe__load_sight *sight,
                               const struct grebe_pick_args *args,
                               struct grebe_pick *out);

#endif
