/* SPDX-License-Identifier: Apache-2.0 */
/* support/witness_policy.h -- a child that writes down what its parent hands it.
 *
 * Named "witness".  It has no subconns, reports READY, and its picker fails with "seen".
 * Configured with {"wait": DURATION}, 10 s if that is absent.
 */
#ifndef SUPPORT_WITNESS_POLICY_H
#define SUPPORT_WITNESS_POLICY_H

#include <grebe/balancer.h>

enum { WITNESS_ADDRESSES = 512 };

struct witness {
    uint32_t n;           /* endpoints of the last update */
    uint32_t n_addresses; /* all that they have */
    char addresses[WITNESS_ADDRESSES][24];
    bool wants_health;      /* the last update held GREBE_ATTRIBUTE_HEALTH_LISTENER, */
    char locality_name[32]; /* and this GREBE_ATTRIBUTE_LOCALITY_NAME; or "" */
    int64_t wait_ns;        /* of its configuration */
    uint32_t n_updates, n_errors, n_exit_idle;
};

extern struct witness witness;
extern const struct grebe_balancer_builder witness_policy;

/* The endpoints of the last update: "b a". */
const char *witness_seen(void);

#endif
