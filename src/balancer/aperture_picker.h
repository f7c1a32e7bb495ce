/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/aperture_picker.h -- of two endpoints in the aperture the one with fewer calls in
 * flight, for as much of it as is the client's. */
#ifndef GREBE_BALANCER_APERTURE_PICKER_H
#define GREBE_BALANCER_APERTURE_PICKER_H

#include "balancer/endpoint_load.h"

/* Who counts in part: compared with the children's endpoints, and nothing else. */
struct grebe__aperture_ends {
    const struct grebe_endpoint *first, *last;
    double first_weight, last_weight;
};

/* Over the children that are READY, of which there is one at least.  NULL when out of
 * memory.  `n_listed` is for people: how many endpoints there are beside these. */
struct grebe_picker *grebe__aperture_picker(struct grebe__load_book *book,
                                            const struct grebe_sharding_child *children,
                                            size_t n,
                                            const struct grebe__aperture_ends *ends,
                                            uint32_t n_listed);

#endif
