/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/aperture_arc.h"

static const double least_weight = 1e-6;

/* How many clients long: as many as n_wanted / n_endpoints of the circle take, rounded up.
 * In integers, because a rounding error would make it one more. */
static uint64_t length(const struct grebe__aperture_place *place, uint32_t n_wanted,
                       uint32_t n_endpoints)
{
    return ((uint64_t)n_wanted * place->n_clients + n_endpoints - 1) / n_endpoints;
}

/* Where the `i`th client begins, in endpoints.  A whole number is exact. */
static double begins_at(const struct grebe__aperture_place *place, uint64_t i,
                        uint32_t n_endpoints)
{
    return (double)i * n_endpoints / place->n_clients + place->offset * n_endpoints;
}

static struct grebe__aperture_arc whole_circle(uint32_t n_endpoints)
{
    return (struct grebe__aperture_arc){
        .n = n_endpoints, .first_weight = 1, .last_weight = 1};
}

/* From `begin` to `end`, in endpoints, without regard to where the circle closes. */
static struct grebe__aperture_arc cover(double begin, double end)
{
    uint32_t first = (uint32_t)begin, last = (uint32_t)end;
    double first_weight = first + 1.0 - begin, last_weight = end - last;

    if (first_weight < least_weight) {
        first++;
        first_weight = 1;
    }
    if (last_weight < least_weight) {
        last--;
        last_weight = 1;
    }
    /* It is at least as long as an endpoint, so that one is left. */
    return (struct grebe__aperture_arc){
        .first = first,
        .n = last - first + 1,
        .first_weight = first_weight,
        .last_weight = last == first ? first_weight : last_weight,
    };
}

struct grebe__aperture_arc grebe__aperture_arc(const struct grebe__aperture_place *place,
                                               uint32_t n_wanted, uint32_t n_endpoints)
{
    uint64_t k = length(place, n_wanted, n_endpoints);
    struct grebe__aperture_arc arc;

    if (k >= place->n_clients)
        return whole_circle(n_endpoints);
    arc = cover(begins_at(place, place->client, n_endpoints),
                begins_at(place, place->client + k, n_endpoints));
    /* It comes back to the endpoint where it began, from the other side. */
    if (arc.n > n_endpoints) {
        arc.n = n_endpoints;
        arc.first_weight += arc.last_weight;
        arc.last_weight = 1;
    }
    arc.first %= n_endpoints;
    return arc;
}

double grebe__aperture_arc_weight(const struct grebe__aperture_arc *arc, uint32_t i)
{
    if (i == 0)
        return arc->first_weight;
    return i == arc->n - 1 ? arc->last_weight : 1;
}
