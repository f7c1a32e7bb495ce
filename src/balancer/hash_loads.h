/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/hash_loads.h -- how many calls the endpoints have, and how many they should.
 *
 * With hashBalanceFactor an endpoint takes no more than its share of all calls in flight,
 * stretched by that factor: a key that everybody asks for spills over to other endpoints.
 *
 * An endpoint's count begins when it is READY and ends when it no longer is, so the book of
 * loads (balancer/endpoint_load.h) is a forgetful one.  Beside the views of each endpoint
 * threads have one of all endpoints together, with the crew.  A call that is still on an
 * endpoint which is no longer READY counts there, and for nobody else.
 *
 * Threading   Any thread.
 * Sources     Mirrokni, Thorup, Zadimoghaddam, "Consistent Hashing with Bounded Loads"
 *             (arXiv 1608.01350); Envoy's hash_balance_factor.
 */
#ifndef GREBE_BALANCER_HASH_LOADS_H
#define GREBE_BALANCER_HASH_LOADS_H

#include <stdint.h>

#include "balancer/endpoint_load.h"

/* What all loads have in common. */
struct grebe__hash_total {
    struct grebe__crew crew;
    _Alignas(GREBE__LINE) union grebe__load_view_line views[GREBE__CREW_NUMBERS];
};

/* A forgetful book, with a total.  Its fini() is grebe__load_book_fini(). */
void grebe__hash_loads_init(struct grebe__load_book *book, const struct grebe_mem *mem);

/* As grebe__load_book_begin(). */
int grebe__hash_loads_begin(struct grebe__load_book *book) GREBE_MUST_CHECK;

/* Calls on the endpoint, and on all endpoints of the book, as the calling thread sees it. */
uint32_t grebe__hash_load_calls(struct grebe__endpoint_load *load, uint64_t now_ns);
uint64_t grebe__hash_load_total(const struct grebe__endpoint_load *load, uint64_t now_ns);

/* `pick` sends a call to the endpoint: it is counted until it ends. */
void grebe__hash_load_begin(struct grebe__endpoint_load *load, struct grebe_pick *pick);

/* How many calls an endpoint with this share of all weights may have, if there are
 * `n_calls` and one more is to come; at least 1. */
uint64_t grebe__hash_load_slots(uint64_t n_calls, uint32_t factor, uint32_t weight,
                                uint64_t weight_of_all);

#endif
