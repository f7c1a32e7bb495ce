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

/* A forgetful book, with a total. */
void grebe__hash_loads_init(struct grebe__load_book *book, const struct grebe_mem *mem);

/* Calls on the endpoint, and on all endpoints of the book whose crew this is. */
static inline uint32_t grebe__hash_load_calls(struct grebe__endpoint_load *load,
                                              const struct grebe__load_sight *sight)
{
    return grebe__load_sight_count(sight, &load->views[sight->number].view);
}

static inline struct grebe__load_view *grebe__hash_total_view(struct grebe__crew *crew,
                                                              unsigned number)
{
    return &grebe_container_of(crew, struct grebe__hash_total, crew)->views[number].view;
}

static inline uint32_t grebe__hash_total_calls(struct grebe__crew *crew,
                                               const struct grebe__load_sight *sight)
{
    return grebe__load_sight_count(sight, grebe__hash_total_view(crew, sight->number));
}

/* A grebe_pick_done_fn for calls that are counted in both. */
void grebe__hash_load_done(void *arg, const struct grebe_done_info *info);

/* `pick` sends a call to the endpoint: it is counted until it ends. */
static inline void grebe__hash_load_begin(struct grebe__endpoint_load *load,
                                          const struct grebe__load_sight *sight,
                                          struct grebe_pick *pick)
{
    struct grebe__load_view *view = &load->views[sight->number].view;

    if (grebe__load_view_begin(view, pick, grebe__hash_load_done))
        grebe__crew_count(&grebe__hash_total_view(view->crew, view->number)->begun,
                          view->number);
}

/* How many calls all endpoints together may have, if there are `n_calls` and one more is to
 * come: stretched by the factor, in percent, and rounded up.  More than fits into 32 bits is as
 * good as no bound. */
static inline uint64_t grebe__hash_load_bound(uint64_t n_calls, uint32_t factor)
{
    uint64_t calls = n_calls < UINT32_MAX ? n_calls + 1 : UINT32_MAX;
    uint64_t all = (calls * factor + 99) / 100;

    return all < UINT32_MAX ? all : UINT32_MAX;
}

/* Of that the share of an endpoint, rounded up; at least 1. */
static inline uint64_t grebe__hash_load_slots(uint64_t bound, uint32_t weight,
                                              uint64_t weight_of_all)
{
    uint64_t slots = (bound * weight + weight_of_all - 1) / weight_of_all;

    return slots > 0 ? slots : 1;
}

/* calls <= slots, without the division. */
static inline bool grebe__hash_load_fits(uint32_t calls, uint64_t bound, uint32_t weight,
                                         uint64_t weight_of_all)
{
    __extension__ unsigned __int128 others = calls;

    return calls <= 1 || (others - 1) * weight_of_all < bound * weight;
}

#endif
