/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/petiole.h -- what all policies that balance over endpoints have in common.
 *
 * A petiole is the stalk that holds the leaves: a policy with one pick_first for each
 * endpoint (gRFC A61).  Endpoint sharding keeps the leaves connected; here is what happens
 * to errors of the resolver, to health, to an empty list, and to shortness of memory.  What
 * is left to a policy on top is which leaf serves the next call: new_picker().
 *
 *   struct my_policy {
 *       struct grebe__petiole petiole; // first
 *       ...
 *   };
 *
 * Its grebe_balancer_ops are its own; what it does not change it takes from here.
 *
 * Source: gRFC A61; grpc-go package balancer/roundrobin.
 */
#ifndef GREBE_BALANCER_PETIOLE_H
#define GREBE_BALANCER_PETIOLE_H

#include <grebe/balancer.h>
#include <grebe/parent.h>

#include "balancer/standing_picker.h"
#include "base/claims.h"

struct grebe__petiole;

/* Lives as long as the policy. */
struct grebe__petiole_ops {
    const char *policy; /* as people know it; static storage */
    /* Some leaf changed: a picker to go with `state`, the aggregate of all.  n may be 0.
     * The reference becomes the caller's.  NULL when memory is short: the last picker
     * stays, and a second later this is asked again. */
    struct grebe_picker *(*new_picker)(struct grebe__petiole *petiole,
                                       enum grebe_connectivity state,
                                       const struct grebe_sharding_child *children,
                                       size_t n);
    const struct grebe_balancer_builder *leaf; /* NULL: pick_first */
    /* The policy's state, if it is another than that of endpoint sharding.  n > 0. */
    enum grebe_connectivity (*state_of)(const struct grebe_sharding_child *children,
                                        size_t n);
    /* While others report and the READY leaves stay as they are, their picker stands
     * (balancer/standing_picker.h): what new_picker() makes of them depends on nothing else,
     * but for updates, after each of which it is asked. */
    bool is_of_ready;
    bool leaves_idle_alone;  /* leaves that report IDLE stay so until they are asked */
    const char *no_children; /* what calls fail with then; NULL: "no children ..." */
};

/* The first member of a policy.  Read cc, mem and ops; leave the rest alone. */
struct grebe__petiole {
    struct grebe_balancer base;
    const struct grebe__petiole_ops *ops;
    struct grebe_client_conn *cc;
    const struct grebe_mem *mem; /* of cc */
    struct grebe_endpoint_sharding *sharding;
    char *resolver_error;      /* since the last update, or what that said; or NULL */
    struct grebe_timer *retry; /* of making a picker, when memory was short */
    struct grebe__standing_picker standing;
};

/* For build().  GREBE_ERR_NOMEM; nothing is left then. */
int grebe__petiole_init(struct grebe__petiole *petiole, struct grebe_client_conn *cc,
                        const struct grebe_balancer_ops *balancer_ops,
                        const struct grebe__petiole_ops *ops);
/* For destroy(). */
void grebe__petiole_fini(struct grebe__petiole *petiole);

static inline struct grebe__petiole *grebe__petiole_of(struct grebe_balancer *base)
{
    return grebe_container_of(base, struct grebe__petiole, base);
}

/* For update(): the leaves hear of it, with `config` as theirs (pick_first: NULL).  They
 * report health and not only READY, so that an unhealthy endpoint takes no calls. */
int grebe__petiole_update(struct grebe__petiole *petiole,
                          const struct grebe_balancer_update *update, const void *config);

/* As they are in grebe_balancer_ops. */
void grebe__petiole_resolver_error(struct grebe_balancer *base,
                                   const struct grebe_status *status);
void grebe__petiole_exit_idle(struct grebe_balancer *base);
void grebe__petiole_settled(struct grebe_balancer *base);

/* For pick(): who asks, by a name of base/claims.h. */
static inline uintptr_t grebe__petiole_caller(const struct grebe_pick_args *args)
{
    return args->caller == NULL ? grebe__thread_pointer() : (uintptr_t)args->caller;
}

/* For new_picker(): over the children that are in `state`, in turn.  One rule covers all:
 * READY children have subconns, CONNECTING and IDLE ones queue, and when every child is in
 * TRANSIENT_FAILURE the callers see their errors in turn (gRFC A61).  Without children
 * calls fail, and are told what the resolver last said. */
struct grebe_picker *grebe__petiole_turns(struct grebe__petiole *petiole,
                                          enum grebe_connectivity state,
                                          const struct grebe_sharding_child *children,
                                          size_t n);

#endif
