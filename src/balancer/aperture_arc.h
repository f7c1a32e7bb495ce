/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/aperture_arc.h -- which endpoints a client's arc of the circle covers, and how much
 * of each.
 *
 *   P clients divide the circle          0         1         2          i / P
 *   R endpoints divide it too            0  1  2  3  4  5  6  7  8  9   r / R
 *   client 1 has this arc                          [...................)
 *
 * An arc begins where its client does and is a whole number of clients long, the fewest that
 * are as long as the endpoints that are wanted.  So k clients cover each point of the circle
 * whatever P and R are, and every endpoint has the same share of all clients together; that
 * takes counting an endpoint for no more than the part of it that the arc covers.  Only the
 * two at the ends can be covered in part.
 *
 * Source: Finagle, deterministic aperture.
 */
#ifndef GREBE_BALANCER_APERTURE_ARC_H
#define GREBE_BALANCER_APERTURE_ARC_H

#include <stdint.h>

/* Where a client is among its peers. */
struct grebe__aperture_place {
    uint32_t client;    /* always < n_clients */
    uint32_t n_clients; /* > 0 */
    double offset;      /* all of them are turned by it; in [0, 1) */
};

struct grebe__aperture_arc {
    uint32_t
        first;  /* the endpoint where it begins; the others follow, round the circle */
    uint32_t n; /* how many it covers, each once */
    /* How much it covers of these two, in (0, 1]; of those between them all.  If n is 1
     * both are the same. */
    double first_weight, last_weight;
};

/* For at least `n_wanted` endpoints of `n_endpoints`, both > 0.  One that is covered to less
 * than a millionth is not. */
struct grebe__aperture_arc grebe__aperture_arc(const struct grebe__aperture_place *place,
                                               uint32_t n_wanted, uint32_t n_endpoints);

/* Of the endpoint that is the `i`th of the arc, i < n. */
double grebe__aperture_arc_weight(const struct grebe__aperture_arc *arc, uint32_t i);

#endif
