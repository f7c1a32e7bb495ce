/* SPDX-License-Identifier: Apache-2.0 */
/* spy.h -- a watcher around every policy, which holds it and the library to the contract
 * of grebe/balancer.h.
 *
 *   parent -- client_conn --> spy -- client_conn --> policy
 *
 * A spy is registered under the name of the policy that it watches, so that service
 * configs, defaults and policies with children all build it in the policy's place.  It
 * passes everything on as it is and sees
 *
 *   of the library   functions that nest, or come after destroy(); states of subconns that
 *                    do not follow their machine (subconns.h); picks that are not done
 *                    once, or with the wrong report
 *   of the policy    picks of what is not its own, or not READY; picks that do not follow
 *                    its rule (policies.h)
 */
#ifndef TORTURE_SPY_H
#define TORTURE_SPY_H

#include <stdbool.h>
#include <stdint.h>

#include <grebe/parent.h>

#include "client.h"
#include "policies.h"

struct spy {
    struct grebe_balancer base;
    struct grebe__list link; /* on client->spies */
    struct client *client;
    const struct policy *policy;     /* NULL: not in the table */
    const char *name;                /* of the policy */
    struct grebe_client_conn *cc;    /* borrowed: what the parent made */
    struct grebe_client_conn *child; /* the policy's */
    bool is_root;                    /* no policy above it but the channel's switch */
    bool is_destroyed;
    unsigned n_inside; /* functions of the policy on the stack */
    bool has_published;
    bool has_shown_itself;         /* it published something else than CONNECTING */
    enum grebe_connectivity state; /* the last it published */
    bool is_late;                  /* it should say READY, and has not since: */
    uint64_t late_since_ns;
    struct grebe__list subconns; /* struct spied_subconn, all that there were */
};

/* Put a spy around everything in the registry's list of built-ins and in `names`.  Once in
 * a process. */
void spies_register(const struct policy *table, unsigned n);

/* The policy is about to be called, has returned.  What happens in between nests. */
void spy_enter(struct spy *spy, const char *what);
void spy_leave(struct spy *spy);

/* Whenever nothing is going on: states agree, and picks follow the rules. */
void spies_check(struct client *client);

/* The channel is closed. */
void spies_check_gone(struct client *client);

#endif
