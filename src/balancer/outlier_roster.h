/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/outlier_roster.h -- the endpoints of an update, as outlier_detection knows them.
 *
 * Each once, in the order of the update.  A roster is made whole before it takes the place
 * of the one before, so that an update that fails changes nothing.
 */
#ifndef GREBE_BALANCER_OUTLIER_ROSTER_H
#define GREBE_BALANCER_OUTLIER_ROSTER_H

#include <stddef.h>

#include <grebe/balancer.h>

#include "balancer/outlier_record.h"
#include "base/map.h"

struct grebe__outlier_roster {
    size_t n;
    struct grebe__outlier_record **records; /* n references */
    struct grebe__outlier_calls *calls;     /* theirs in the interval that ended last */
    struct grebe__map by_endpoint;          /* struct grebe_endpoint * -> record */
    struct grebe__map by_address;           /* text of an address -> record */
};

/* Of nobody. */
void grebe__outlier_roster_init(struct grebe__outlier_roster *roster,
                                const struct grebe_mem *mem);
void grebe__outlier_roster_fini(struct grebe__outlier_roster *roster,
                                const struct grebe_mem *mem);

/* The endpoints of `update` that have an address; what is known of them is taken from
 * `before`.  `roster` is of nobody so far.  GREBE_ERR_NOMEM: it is good for fini() only. */
int grebe__outlier_roster_fill(struct grebe__outlier_roster *roster,
                               const struct grebe__outlier_roster *before,
                               const struct grebe_mem *mem,
                               const struct grebe_balancer_update *update);

#endif
