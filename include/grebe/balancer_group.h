/* SPDX-License-Identifier: Apache-2.0 */
/* grebe/balancer_group.h -- named child policies, for policies that weigh or rank them.
 *
 * A group runs one graceful switch for each name, passes their states to its owner, and
 * leaves to the owner what they mean together.  A child that is removed may be parked: when
 * its name comes back with the same policy before `park_ns` have gone by, it goes on with
 * its subconns and its last state, as if nothing had happened.
 *
 *   owner -- add, update, remove --> group -- "east" --> graceful switch --> policy
 *     ^---------- on_state ------------+----- "west" --> graceful switch --> policy
 *
 * Threading, re-entrancy and errors are those of grebe/balancer.h: on_state comes after the
 * function that caused it has returned.
 * Sources     grpc-go package internal/balancergroup.
 */
#ifndef GREBE_BALANCER_GROUP_H
#define GREBE_BALANCER_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <grebe/balancer.h>
#include <grebe/parent.h>

GREBE_BEGIN_DECLS

struct grebe_balancer_group;

/* Fill with GREBE_BALANCER_GROUP_OPTIONS_INIT, then set what you need. */
struct grebe_balancer_group_options {
    size_t struct_size;
    /* Child `name` published a state and a picker, both borrowed. */
    void (*on_state)(void *arg, const char *name, enum grebe_connectivity state,
                     struct grebe_picker *picker);
    void *arg;
    uint64_t park_ns; /* how long a removed child is kept; 0: not at all */
    /* Child `name` wants names to be resolved again.  NULL: so does the owner. */
    void (*on_resolve_now)(void *arg, const char *name);
};
#define GREBE_BALANCER_GROUP_OPTIONS_INIT                                                \
    {                                                                                    \
        sizeof(struct grebe_balancer_group_options), NULL, NULL, 0, NULL                 \
    }

/* For the policy that holds `cc`.  GREBE_ERR_INVALID without on_state, GREBE_ERR_NOMEM. */
GREBE_API int grebe_balancer_group_new(
    struct grebe_client_conn *cc, const struct grebe_balancer_group_options *options,
    struct grebe_balancer_group **out) GREBE_MUST_CHECK;
/* Destroys all children.  NULL: no-op. */
GREBE_API void grebe_balancer_group_destroy(struct grebe_balancer_group *group);

/* A child called `name` (copied), which will run `builder`'s policy.  One that is there
 * already stays.  One that is parked comes back if it ran this policy; ask
 * grebe_balancer_group_state() for what it was.  GREBE_ERR_NOMEM. */
GREBE_API int
grebe_balancer_group_add(struct grebe_balancer_group *group, const char *name,
                         const struct grebe_balancer_builder *builder) GREBE_MUST_CHECK;
/* Park it, or destroy it.  Unknown names are ignored. */
GREBE_API void grebe_balancer_group_remove(struct grebe_balancer_group *group,
                                           const char *name);
/* Destroy it, parked or not.  Unknown names are ignored. */
GREBE_API void grebe_balancer_group_drop(struct grebe_balancer_group *group,
                                         const char *name);

/* Endpoints for one child; `update->config` is a `struct grebe_lb_config *`, as for a
 * graceful switch.  GREBE_ERR_CLOSED for a name that is unknown or parked. */
GREBE_API int grebe_balancer_group_update(struct grebe_balancer_group *group,
                                          const char *name,
                                          const struct grebe_balancer_update *update);
/* To every child that is not parked. */
GREBE_API void grebe_balancer_group_resolver_error(struct grebe_balancer_group *group,
                                                   const struct grebe_status *status);
GREBE_API void grebe_balancer_group_exit_idle(struct grebe_balancer_group *group);
/* To one; unknown names are ignored. */
GREBE_API void grebe_balancer_group_exit_idle_one(struct grebe_balancer_group *group,
                                                  const char *name);

/* The last state of a child, CONNECTING before it said anything, and its picker, borrowed.
 * False for a name that is unknown or parked. */
GREBE_API bool grebe_balancer_group_state(const struct grebe_balancer_group *group,
                                          const char *name,
                                          enum grebe_connectivity *state,
                                          struct grebe_picker **picker);

GREBE_END_DECLS

#endif
