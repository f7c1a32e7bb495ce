/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/by_path.h -- which endpoints are for which child (grebe/path.h).
 *
 * The endpoints of an update, grouped by the first name of their path and handed down
 * without it.  Those whose path is empty are for no child.
 */
#ifndef GREBE_BALANCER_BY_PATH_H
#define GREBE_BALANCER_BY_PATH_H

#include <grebe/balancer.h>

#include "base/map.h"

struct grebe__by_path_group {
    struct grebe_endpoint **endpoints; /* n references, in the order of the update */
    size_t n, room;
};

struct grebe__by_path {
    const struct grebe_mem *mem;
    struct grebe__map groups; /* name, borrowed from the update, -> group */
};

/* GREBE_ERR_NOMEM; there is nothing to free then.  It does not outlive the update. */
int grebe__by_path_init(struct grebe__by_path *by_path, const struct grebe_mem *mem,
                        const struct grebe_balancer_update *update) GREBE_MUST_CHECK;
void grebe__by_path_fini(struct grebe__by_path *by_path);

/* Those of one child, borrowed; an empty group if there are none. */
const struct grebe__by_path_group *
grebe__by_path_get(const struct grebe__by_path *by_path, const char *name);
/* The same, but the array and its references become the caller's. */
struct grebe__by_path_group grebe__by_path_take(struct grebe__by_path *by_path,
                                                const char *name);

#endif
