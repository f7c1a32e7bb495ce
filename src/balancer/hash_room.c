/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/hash_room.h"

#include "base/mt19937.h"

/* How many of those that chance puts first are asked.  When all of them are full, which with
 * a factor of 125 happens once in 10^99 times, the others are asked in the members' order. */
enum { MAX_PROBES = 1024 };

/* What a search for room knows. */
struct search {
    const struct grebe__hash_seats *seats;
    const struct grebe__load_sight *sight;
    const struct grebe_pick_args *args;
    struct grebe_pick *out;
    uint32_t least_loaded; /* of those seen that are READY */
    bool wants_no_connection;
};

/* calls / slots, without a division. */
static bool is_less_loaded(const struct search *search, uint32_t a, uint32_t b)
{
    const struct grebe__hash_seats *seats = search->seats;
    const struct grebe__hash_bound *of_a = &seats->bounds[a], *of_b = &seats->bounds[b];
    uint64_t bound = grebe__hash_load_bound(
        grebe__hash_total_calls(seats->crew, search->sight), seats->balance_factor);

    return grebe__hash_load_calls(of_a->load, search->sight) *
               grebe__hash_load_slots(bound, of_b->weight, seats->weight) <
           grebe__hash_load_calls(of_b->load, search->sight) *
               grebe__hash_load_slots(bound, of_a->weight, seats->weight);
}

/* A READY endpoint with room is what is looked for.  One that is IDLE will have room, for
 * calls to come: one is connected, unless one is being connected anyway. */
static bool try_member(struct search *search, uint32_t member)
{
    const struct grebe__hash_seats *seats = search->seats;

    if (seats->states[member] == GREBE_IDLE && !search->wants_no_connection) {
        search->wants_no_connection = true;
        /* Which queues. */
        grebe__leaf_pick(&seats->leaves[member], search->args, search->out);
    }
    if (seats->bounds[member].load == NULL)
        return false;
    if (is_less_loaded(search, member, search->least_loaded))
        search->least_loaded = member;
    return grebe__hash_has_room(seats, member, search->sight);
}

/* All members shuffled by chance, of which the i-th is wanted.  The shuffle changes places
 * of i with a place chosen at or behind it, for i = 0, 1, 2, ...: `with` has those choices,
 * and going back through them tells who is at i without keeping them all. */
static uint32_t shuffled(const uint32_t *with, uint32_t i)
{
    uint32_t at = with[i];

    while (i-- > 0)
        if (with[i] == at)
            at = i;
    return at;
}

uint32_t grebe__hash_find_room(const struct grebe__hash_seats *seats, uint64_t hash,
                               uint32_t full, const struct grebe__load_sight *sight,
                               const struct grebe_pick_args *args, struct grebe_pick *out)
{
    struct search search = {
        .seats = seats,
        .sight = sight,
        .args = args,
        .out = out,
        .least_loaded = full,
        .wants_no_connection = (seats->present >> GREBE_CONNECTING & 1) != 0,
    };
    uint32_t n_probes = seats->n < MAX_PROBES ? seats->n : MAX_PROBES;
    uint32_t with[MAX_PROBES];
    struct grebe__mt19937 rng;

    grebe__mt19937_seed(&rng, (uint32_t)hash);
    for (uint32_t i = 0; i < n_probes; i++) {
        uint32_t member;

        with[i] = i + grebe__mt19937_below(&rng, seats->n - i);
        member = shuffled(with, i);
        if (try_member(&search, member))
            return member;
    }
    for (uint32_t i = 0; n_probes < seats->n && i < seats->n; i++)
        if (try_member(&search, i))
            return i;
    return search.least_loaded;
}
