/* SPDX-License-Identifier: Apache-2.0 */
/* subconns.h -- what a subconn may do, and when (core/subconn.h has the machine).
 *
 *   states    follow each other as drawn there, none comes twice, SHUTDOWN is asked for
 *             and is the last; TRANSIENT_FAILURE comes with an error and no other does
 *   time      an attempt ends by its deadline, and a backoff is as long as its place in
 *             the row of failures has it, to the nanosecond but for the jitter
 *   names     are resolved again after each loss and each failed attempt
 */
#ifndef TORTURE_SUBCONNS_H
#define TORTURE_SUBCONNS_H

#include <stdbool.h>
#include <stdint.h>

#include <grebe/balancer.h>

#include "spy.h"

struct spied_subconn {
    struct grebe__list link; /* on spy->subconns */
    struct spy *spy;
    struct grebe_subconn *subconn;              /* borrowed until it is over */
    char address[24];                           /* the first */
    grebe_subconn_state_fn on_state, on_health; /* the policy's */
    void *arg, *health_arg;
    enum grebe_connectivity state, health; /* the latter as told to on_health */
    uint64_t since_ns;                     /* in that state */
    bool is_over;                          /* SHUTDOWN was told */
    bool has_to_stay; /* it is READY, and the update that is under way has its address */

    /* The row of failures. */
    unsigned n_failures;  /* as the core should count them */
    unsigned round_index; /* when the attempt began whose end is waited for */
    bool was_reset;       /* this backoff may end at any time */
    bool is_unsure;       /* the count is not known until it is READY */
};

/* For the spy's client_conn: a subconn whose states pass by here. */
int subconn_new(struct spy *spy, const struct grebe_subconn_options *options,
                struct grebe_subconn **out);
void subconn_watch_health(struct spy *spy, struct grebe_subconn *subconn,
                          grebe_subconn_state_fn listener, void *arg);

/* It is READY, and as far as its policy listens it is well, too. */
static inline bool subconn_takes_calls(const struct spied_subconn *spied)
{
    return spied->state == GREBE_READY &&
           (spied->on_health == NULL || spied->health == GREBE_READY);
}

/* The policy's, SHUTDOWN or not; NULL: it never had it. */
struct spied_subconn *subconn_find(struct spy *spy, const struct grebe_subconn *subconn);

/* An update comes to a policy that keeps what is still listed. */
void subconns_expect_kept(struct spy *spy, const struct grebe_balancer_update *update);

/* The application resets all backoffs. */
void subconns_expect_reset(struct client *client);

/* Whenever nothing is going on. */
void subconns_check(struct client *client);

#endif
