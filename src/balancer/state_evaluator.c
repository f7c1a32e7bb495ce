/* SPDX-License-Identifier: Apache-2.0 */
#include <grebe/state_evaluator.h>

#include "base/assert.h"

enum grebe_connectivity
grebe_state_evaluator_state(const struct grebe_state_evaluator *evaluator)
{
    if (evaluator->n_in_state[GREBE_READY] > 0)
        return GREBE_READY;
    if (evaluator->n_in_state[GREBE_CONNECTING] > 0)
        return GREBE_CONNECTING;
    if (evaluator->n_in_state[GREBE_IDLE] > 0)
        return GREBE_IDLE;
    return GREBE_TRANSIENT_FAILURE;
}

enum grebe_connectivity
grebe_state_evaluator_record(struct grebe_state_evaluator *evaluator,
                             enum grebe_connectivity before, enum grebe_connectivity now)
{
    if (before != GREBE_SHUTDOWN) {
        GREBE_ASSERT(evaluator->n_in_state[before] > 0);
        evaluator->n_in_state[before]--;
    }
    if (now != GREBE_SHUTDOWN)
        evaluator->n_in_state[now]++;
    return grebe_state_evaluator_state(evaluator);
}
