/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/keeper.h -- what the listeners of calls hear with, kept for as long as there may be
 * calls.
 *
 *   call in flight --holds--> subconn ..tag..> keeper --owns--> kept <--owns-- picker, policy
 *
 * A call holds its subconn until all who listen have heard that it is over, and that may be
 * long after picker and policy are gone (grebe_pick_listen()).  What the subconn keeps, the call
 * need not hold: counting a call takes no atomic addition, neither when it begins nor when it
 * ends.
 *
 * A subconn may see many of them come and go.  Those that nobody else owns and no call uses
 * are given up when the next one is kept; the rest, when the subconn is.
 *
 * Threading   keep(): the loop's.  References: any thread's.
 */
#ifndef GREBE_BALANCER_KEEPER_H
#define GREBE_BALANCER_KEEPER_H

#include <stdbool.h>

#include <grebe/parent.h>

#include "base/ref.h"

struct grebe__kept;

struct grebe__kept_ops {
    /* The last reference is gone.  Any thread. */
    void (*free)(struct grebe__kept *kept);
    /* Only a keeper owns it, so no call begins: have all ended that did?  NULL: who knows. */
    bool (*is_unused)(struct grebe__kept *kept);
};

/* A member of what is kept. */
struct grebe__kept {
    const struct grebe__kept_ops *ops;
    uint32_t refs;
};

/* One reference, the caller's. */
static inline void grebe__kept_init(struct grebe__kept *kept,
                                    const struct grebe__kept_ops *ops)
{
    kept->ops = ops;
    kept->refs = 1;
}

static inline void grebe__kept_ref(struct grebe__kept *kept)
{
    grebe__ref_get(&kept->refs);
}

static inline void grebe__kept_unref(struct grebe__kept *kept)
{
    if (grebe__ref_put(&kept->refs))
        kept->ops->free(kept);
}

/* From now on `subconn` has a reference of its own to `kept`, if it had none.  `owner` is the
 * policy that asks, as for grebe_subconn_tag_of(); each has a keeper.  GREBE_ERR_NOMEM. */
int grebe__keep(const struct grebe_mem *mem, struct grebe_subconn *subconn,
                const void *owner, struct grebe__kept *kept) GREBE_MUST_CHECK;

#endif
