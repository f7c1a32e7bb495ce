/* SPDX-License-Identifier: Apache-2.0 */
/* grebe/state_evaluator.h -- many connectivity states, told as one.
 *
 * Counts how many subconns, or child policies, are in each state.  The state of them all
 * is READY if any is, else CONNECTING, else IDLE, else TRANSIENT_FAILURE, which is also
 * the state of none at all.
 *
 * It remembers nothing: a policy whose TRANSIENT_FAILURE shall last until READY (gRFC A62)
 * does not record the moves in between.
 *
 * Threading   None of its own: as the policy that embeds it.
 * Sources     grpc-go balancer.ConnectivityStateEvaluator.
 */
#ifndef GREBE_STATE_EVALUATOR_H
#define GREBE_STATE_EVALUATOR_H

#include <stdint.h>

#include <grebe/attr.h>
#include <grebe/connectivity.h>

GREBE_BEGIN_DECLS

/* All zero: nothing is counted yet. */
struct grebe_state_evaluator {
    uint32_t n_in_state[GREBE_SHUTDOWN]; /* SHUTDOWN is not counted */
};

/* One of them went from `before` to `now`: from SHUTDOWN when it is new, to SHUTDOWN when
 * it is gone.  Returns the state of all. */
GREBE_API enum grebe_connectivity
grebe_state_evaluator_record(struct grebe_state_evaluator *evaluator,
                             enum grebe_connectivity before, enum grebe_connectivity now);

/* The state of all as it is counted now. */
GREBE_API enum grebe_connectivity
grebe_state_evaluator_state(const struct grebe_state_evaluator *evaluator);

GREBE_END_DECLS

#endif
