/* SPDX-License-Identifier: Apache-2.0 */
/* core/churn.h -- backends that take connections and lose them without answering anything.
 *
 * READY resets the backoff, so such a backend would be dialled without end and without
 * pause.  After ten losses within ten seconds each further one is a failed attempt, with a
 * backoff behind it.  The count belongs to the address and to the channel: policies give
 * up subconns and make others for the same address as they like, as pick_first does on
 * each loss when it has several addresses.
 *
 * Threading   The loop's thread.
 */
#ifndef GREBE_CORE_CHURN_H
#define GREBE_CORE_CHURN_H

#include <stdbool.h>
#include <stdint.h>

#include <grebe/endpoint.h>
#include <grebe/mem.h>

#include "base/list.h"

struct grebe__churn {
    const struct grebe_mem *mem;
    struct grebe__list entries; /* the oldest first; none is older than ten seconds */
    uint32_t n;                 /* of them; at most 64, of more the oldest is forgotten */
};

void grebe__churn_init(struct grebe__churn *churn, const struct grebe_mem *mem);
void grebe__churn_fini(struct grebe__churn *churn);

/* A connection to `address` was lost that had answered something, or had not.  True if
 * that is a failed attempt. */
bool grebe__churn_lost(struct grebe__churn *churn, struct grebe_address *address,
                       bool has_answered, uint64_t now_ns);

#endif
