/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/hash_loads.h -- how many calls the endpoints have, and how many they should.
 *
 * With hashBalanceFactor an endpoint takes no more than its share of all calls in flight,
 * stretched by that factor: a key that everybody asks for spills over to other endpoints.
 *
 * An endpoint's count begins when it is READY and ends when it no longer is; a call that is
 * still on it then counts down what nobody looks at any more.
 *
 * Threading   The set belongs to the channel's loop.  A count may be taken, begun and ended
 *             on any thread.
 * Sources     Mirrokni, Thorup, Zadimoghaddam, "Consistent Hashing with Bounded Loads"
 *             (arXiv 1608.01350); Envoy's hash_balance_factor.
 */
#ifndef GREBE_BALANCER_HASH_LOADS_H
#define GREBE_BALANCER_HASH_LOADS_H

#include <stdbool.h>
#include <stdint.h>

#include <grebe/balancer.h>

#include "base/map.h"

/* ---- Counts ------------------------------------------------------------------------------- */

struct grebe__hash_total; /* of all endpoints */

struct grebe__hash_load {
    const struct grebe_mem *mem;
    struct grebe_endpoint *endpoint; /* a reference */
    struct grebe__hash_total *total; /* a reference */
    uint64_t uses;  /* atomic: calls in the lower half, references in the upper */
    uint32_t round; /* of the set: in which it was last asked for */
};

void grebe__hash_load_ref(struct grebe__hash_load *load);
void grebe__hash_load_unref(struct grebe__hash_load *load); /* NULL: no-op */

static inline uint32_t grebe__hash_load_calls(const struct grebe__hash_load *load)
{
    return (uint32_t)__atomic_load_n(&load->uses, __ATOMIC_RELAXED);
}

/* Calls on all endpoints of the set. */
uint64_t grebe__hash_load_total(const struct grebe__hash_load *load);

/* `pick` sends a call to the endpoint: it is counted until it ends. */
void grebe__hash_load_begin(struct grebe__hash_load *load, struct grebe_pick *pick);

/* How many calls an endpoint with this share of all weights may have, if there are
 * `n_calls` and one more is to come; at least 1. */
uint64_t grebe__hash_load_slots(uint64_t n_calls, uint32_t factor, uint32_t weight,
                                uint64_t weight_of_all);

/* ---- The set ------------------------------------------------------------------------------- */

struct grebe__hash_loads {
    const struct grebe_mem *mem;
    struct grebe__hash_total *total; /* a reference; NULL before the first is asked for */
    struct grebe__map by_endpoint;   /* struct grebe__hash_load *, references */
    uint32_t round;
    uint32_t n_in_round;
};

void grebe__hash_loads_init(struct grebe__hash_loads *loads, const struct grebe_mem *mem);
void grebe__hash_loads_fini(struct grebe__hash_loads *loads);

/* A round asks for the counts of all endpoints that are READY.  Its end drops the others;
 * without an end nothing is dropped. */
void grebe__hash_loads_begin(struct grebe__hash_loads *loads);
/* Borrowed; NULL when out of memory. */
struct grebe__hash_load *grebe__hash_loads_get(struct grebe__hash_loads *loads,
                                               struct grebe_endpoint *endpoint);
void grebe__hash_loads_end(struct grebe__hash_loads *loads);

#endif
