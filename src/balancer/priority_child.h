/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/priority_child.h -- one child of priority: what it was told, and how it does.
 *
 * A child runs in a balancer group while it is started.  It is given 10 s to connect, when it
 * is started and each time it begins to connect after it was usable; as long as that timer
 * runs, those behind it wait.  Stopped it is parked, and goes on as it was if it is started
 * again within the time of the group.
 *
 *            start                report READY or IDLE
 *   stopped ------> CONNECTING -----------------------> READY, IDLE
 *      ^            | timer runs <--------------------------+   CONNECTING again
 *      |    10 s or | TRANSIENT_FAILURE
 *      |            v
 *      +------- not usable; CONNECTING then starts no timer: until READY or IDLE it is not
 *     stop      usable
 *
 * Source: gRFC A56.
 */
#ifndef GREBE_BALANCER_PRIORITY_CHILD_H
#define GREBE_BALANCER_PRIORITY_CHILD_H

#include <stdbool.h>
#include <stddef.h>

#include <grebe/balancer_group.h>

#include "balancer/named_children.h"

struct grebe__priority_child {
    struct grebe_client_conn *cc;
    struct grebe_balancer_group *group;
    void (*on_expired)(void *arg); /* its 10 s are over */
    void *arg;

    /* What it was told, to be told when it is started. */
    struct grebe_lb_config *policy; /* a reference; NULL: nothing yet */
    struct grebe_endpoint **endpoints;
    size_t n_endpoints;
    const struct grebe_attributes *attributes; /* a reference */
    bool ignores_reresolution;

    /* How it does. */
    bool is_started;
    bool has_failed;    /* since it was last READY or IDLE */
    bool is_waited_for; /* the timer runs */
    enum grebe_connectivity state;
    struct grebe_picker *picker; /* a reference */
    struct grebe_timer *timer;

    bool is_listed, is_new; /* for the update being applied */
    bool has_news;          /* for whoever publishes its picker */
    char name[];
};

/* Stopped, and told nothing.  GREBE_ERR_NOMEM. */
int grebe__priority_child_new(struct grebe_client_conn *cc,
                              struct grebe_balancer_group *group, const char *name,
                              void (*on_expired)(void *arg), void *arg,
                              struct grebe__priority_child **out) GREBE_MUST_CHECK;
/* Stops it; whether it is parked or gone from the group is the caller's affair. */
void grebe__priority_child_free(struct grebe__priority_child *child);

/* Takes over `endpoints`, an array of n references.  The policy and the attributes are
 * referenced. */
void grebe__priority_child_keep(struct grebe__priority_child *child,
                                const struct grebe__named_child *config,
                                const struct grebe_attributes *attributes,
                                struct grebe_endpoint **endpoints, size_t n);

/* In the group, parked or new, and told what is kept.  When memory is short it is not
 * started, in TRANSIENT_FAILURE, and this may be tried again: GREBE_ERR_NOMEM. */
int grebe__priority_child_start(struct grebe__priority_child *child);
/* Told what is kept, if it is started. */
int grebe__priority_child_tell(struct grebe__priority_child *child);
/* Out of the group, which may park it.  A child that is not started stays as it is. */
void grebe__priority_child_stop(struct grebe__priority_child *child);

/* What the group says of it; `picker` is borrowed. */
void grebe__priority_child_report(struct grebe__priority_child *child,
                                  enum grebe_connectivity state,
                                  struct grebe_picker *picker);

/* A usable child is as good as it gets: nobody behind it is needed. */
static inline bool
grebe__priority_child_is_usable(const struct grebe__priority_child *child)
{
    return child->state == GREBE_READY || child->state == GREBE_IDLE;
}

#endif
