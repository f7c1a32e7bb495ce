/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/groups.h -- the endpoints of an update, in groups with names.
 *
 * For parents that hand each child those that are meant for it.  The order inside a group is
 * that in which they were added, and so is the order of the groups.
 */
#ifndef GREBE_BALANCER_GROUPS_H
#define GREBE_BALANCER_GROUPS_H

#include <grebe/balancer.h>

#include "base/map.h"

struct grebe__group {
    struct grebe_endpoint **endpoints; /* n references */
    size_t n, room;
};

struct grebe__groups {
    const struct grebe_mem *mem;
    struct grebe__map by_name; /* name, borrowed, -> struct grebe__group */
};

void grebe__groups_init(struct grebe__groups *groups, const struct grebe_mem *mem);
void grebe__groups_fini(struct grebe__groups *groups);

/* Takes a reference.  The name has to last as long as the groups.  GREBE_ERR_NOMEM. */
int grebe__groups_add(struct grebe__groups *groups, const char *name,
                      struct grebe_endpoint *endpoint) GREBE_MUST_CHECK;

/* The group of that name, borrowed; an empty one if there is none. */
const struct grebe__group *grebe__groups_get(const struct grebe__groups *groups,
                                             const char *name);
/* The same, but the array and its references become the caller's. */
struct grebe__group grebe__groups_take(struct grebe__groups *groups, const char *name);

#endif
