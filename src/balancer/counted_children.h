/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/counted_children.h -- children by name whose healthy subconns are counted, for
 * parents that share calls among them by how much each can bear.
 *
 * Each child is a graceful switch, so that another policy takes over without a gap.  All of
 * them run, whoever takes calls.  Left to the parent: who they are, and what it publishes.
 *
 *   resolver -- update --> parent -- apply() --> counted children --> policies
 *                            ^------- publish() -------+    once for all that an update does
 */
#ifndef GREBE_BALANCER_COUNTED_CHILDREN_H
#define GREBE_BALANCER_COUNTED_CHILDREN_H

#include <stdbool.h>
#include <stddef.h>

#include <grebe/balancer.h>
#include <grebe/parent.h>

#include "balancer/child_health.h"
#include "base/map.h"

struct grebe__counted_children;

struct grebe__counted_child {
    struct grebe__counted_children *owner;
    struct grebe_client_conn *cc;
    struct grebe__child_health health;
    uint32_t n_endpoints;          /* with an address; one that is listed twice is one */
    enum grebe_connectivity state; /* CONNECTING before it said anything */
    struct grebe_picker *picker;   /* a reference */
    bool ignores_reresolution;
    bool is_listed, is_new; /* for the update being applied */
    char name[];
};

struct grebe__counted_children {
    struct grebe_client_conn *cc; /* the parent's */
    const struct grebe_mem *mem;
    const char *policy;        /* the parent's name, for the log */
    struct grebe__map by_name; /* name -> struct grebe__counted_child */
    /* Have the parent publish a state and a picker for all.  False: out of memory; it will
     * be asked again. */
    bool (*publish)(void *arg);
    void *arg;
    bool wakes_idle;           /* children that become IDLE; as the parent likes, false */
    struct grebe_timer *timer; /* of publishing later */
    bool is_settling;          /* reports are noted only */
    bool has_news;             /* since something was published */
    bool has_losses;           /* likewise: children */
};

/* What an update says of one child. */
struct grebe__counted_wish {
    const char *name; /* no two are alike; copied */
    const struct grebe_lb_config *policy;
    struct grebe_endpoint *const *endpoints;
    size_t n;
    bool ignores_reresolution; /* its wish to resolve names again is not passed on */
    uint32_t n_distinct;       /* out: as n_endpoints above */
    int result;                /* out: what the child said */
};

/* `policy` is static storage.  GREBE_ERR_NOMEM: it is good for fini() only. */
int grebe__counted_children_init(struct grebe__counted_children *children,
                                 struct grebe_client_conn *cc, const char *policy,
                                 bool (*publish_all)(void *arg),
                                 void *arg) GREBE_MUST_CHECK;

void grebe__counted_children_fini(struct grebe__counted_children *children);

/* An update has come: whatever comes of it is published once, by settled(). */
void grebe__counted_children_begin(struct grebe__counted_children *children);
/* From now on there are the `n` children of these wishes, and each has been told.
 * GREBE_ERR_NOMEM: one that is new could not be made, and all is as it was. */
int grebe__counted_children_apply(
    struct grebe__counted_children *children, struct grebe__counted_wish *wishes,
    size_t n, const struct grebe_balancer_update *update) GREBE_MUST_CHECK;

/* Counts as failed with this error, a GREBE_ERR_*, until it reports what it is. */
void grebe__counted_child_fail(struct grebe__counted_child *child, int error);

/* As the functions of a balancer. */
void grebe__counted_children_resolver_error(struct grebe__counted_children *children,
                                            const struct grebe_status *status);
void grebe__counted_children_exit_idle(struct grebe__counted_children *children);
void grebe__counted_children_settled(struct grebe__counted_children *children);

/* The one after that of `*entry`, which is NULL for the first; NULL: no more. */
struct grebe__counted_child *grebe__counted_children_next(
    const struct grebe__counted_children *children, struct grebe__map_entry **entry);
/* NULL if there is none of that name. */
struct grebe__counted_child *grebe__counted_children_find(
    const struct grebe__counted_children *children, const char *name);

/* Subconns that take calls: none while the child itself is not READY. */
static inline uint32_t
grebe__counted_child_n_healthy(const struct grebe__counted_child *child)
{
    return child->state == GREBE_READY ? child->health.n_healthy : 0;
}

#endif
