/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/lineup.h -- the endpoints of an update in an order that no resolver decides.
 *
 * By a hash of their addresses: so neighbours in the order are no neighbours in the rack, and
 * who comes or goes moves nobody past somebody else.  With the same seed all clients have the
 * same order, with a seed of its own each has another.
 */
#ifndef GREBE_BALANCER_LINEUP_H
#define GREBE_BALANCER_LINEUP_H

#include <grebe/balancer.h>

struct grebe__lineup {
    struct grebe_endpoint **endpoints; /* n references, each endpoint once */
    uint32_t n;
};

/* Those that have an address.  GREBE_ERR_NOMEM leaves `lineup` as it was. */
int grebe__lineup_init(struct grebe__lineup *lineup, const struct grebe_mem *mem,
                       const struct grebe_balancer_update *update,
                       uint64_t seed) GREBE_MUST_CHECK;
void grebe__lineup_fini(struct grebe__lineup *lineup, const struct grebe_mem *mem);

#endif
