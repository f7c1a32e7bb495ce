/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/newcomer.h -- since when a subconn has been in service.
 *
 * That is since it became READY, or since its health did after it had been ill or ejected.
 * Whoever made a subconn finds its newcomer by the tag, in a pick as well.
 *
 * Threading   grebe__newcomer_since_ns(): any.  Everything else is the loop's.
 */
#ifndef GREBE_BALANCER_NEWCOMER_H
#define GREBE_BALANCER_NEWCOMER_H

#include <stdbool.h>
#include <stdint.h>

#include <grebe/parent.h>

#include "base/list.h"

/* Those that one parent let through, oldest first; embedded in the parent. */
struct grebe__newcomers {
    struct grebe__list list;
    struct grebe_client_conn *cc; /* the parent's */
};

void grebe__newcomers_init(struct grebe__newcomers *newcomers,
                           struct grebe_client_conn *cc);
/* The parent goes; its subconns may stay for a while. */
void grebe__newcomers_fini(struct grebe__newcomers *newcomers);

/* For new_subconn() of grebe_client_conn_ops. */
int grebe__newcomers_new_subconn(struct grebe__newcomers *newcomers,
                                 const struct grebe_subconn_options *options,
                                 struct grebe_subconn **out);

/* Who of those in service has been so for the longest, and for the shortest time.  False:
 * nobody is in service. */
bool grebe__newcomers_range(const struct grebe__newcomers *newcomers, uint64_t *oldest_ns,
                            uint64_t *newest_ns);

/* 0: it is not in service, or `owner`, a struct grebe__newcomers, did not let it through. */
uint64_t grebe__newcomer_since_ns(const struct grebe_subconn *subconn, const void *owner);

#endif
