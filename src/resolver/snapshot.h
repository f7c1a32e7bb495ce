/* SPDX-License-Identifier: Apache-2.0 */
/* resolver/snapshot.h -- what a resolver said, kept: a state, or else an error.
 *
 * Lifetime    Immutable and counted; texts are copied, endpoints and attributes referenced.
 * Threading   Any thread.
 */
#ifndef GREBE_RESOLVER_SNAPSHOT_H
#define GREBE_RESOLVER_SNAPSHOT_H

#include <grebe/resolver.h>

#include "core/status.h"

struct grebe__snapshot {
    const struct grebe_mem *mem;
    uint32_t refs;
    bool is_error;
    struct grebe__status error;        /* if is_error */
    struct grebe_resolver_state state; /* else; of the size of today */
};

/* With one reference; NULL: out of memory. */
struct grebe__snapshot *grebe__snapshot_of_state(
    const struct grebe_mem *mem, const struct grebe_resolver_state *given);
struct grebe__snapshot *grebe__snapshot_of_error(const struct grebe_mem *mem,
                                                 const struct grebe_status *status);
struct grebe__snapshot *grebe__snapshot_ref(struct grebe__snapshot *snapshot); /* NULL */
void grebe__snapshot_unref(struct grebe__snapshot *snapshot); /* NULL: no-op */

#endif
