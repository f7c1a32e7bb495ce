/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/named_children.h -- children by name, as the configurations of parents have them:
 *
 *   {"east": {"childPolicy": [...], ...}, "west": {"childPolicy": [...], ...}}
 *
 * The order is that of the text.
 */
#ifndef GREBE_BALANCER_NAMED_CHILDREN_H
#define GREBE_BALANCER_NAMED_CHILDREN_H

#include <stdbool.h>
#include <stddef.h>

#include <grebe/balancer.h>
#include <grebe/parent.h>

struct grebe__named_child {
    char *name;
    struct grebe_lb_config *policy; /* a reference */
    uint32_t weight;                /* weighted_target's */
    bool ignores_reresolution;      /* priority's */
};

struct grebe__named_children {
    size_t n;
    struct grebe__named_child *list;
};

/* The member of each child that lists its policies, and what else there is to read of it. */
struct grebe__named_children_format {
    const char *policy;
    int (*read_more)(const struct grebe_json *json, struct grebe_diag *diag,
                     struct grebe__named_child *child);
};

/* The member `name` of `json`, which has to be an object; absent is empty.  GREBE_ERR_CONFIG
 * with the path and the reason in `diag`, or GREBE_ERR_NOMEM; *out is empty then. */
int grebe__named_children_read(const struct grebe_json *json, const char *name,
                               const struct grebe__named_children_format *format,
                               struct grebe_diag *diag,
                               struct grebe__named_children *out) GREBE_MUST_CHECK;
void grebe__named_children_free(struct grebe__named_children *children);

/* NULL if there is none of that name. */
const struct grebe__named_child *grebe__named_children_find(
    const struct grebe__named_children *children, const char *name);

#endif
