/* SPDX-License-Identifier: Apache-2.0 */
/* support/stub_policy.h -- policies that do what a test says, and remember what was done
 * to them.
 *
 * A stub notes each of its functions in the log it shares with the others, as "x.update",
 * "x.error", "x.exit_idle", "x.destroy"; a test reaches into it to publish or to make
 * subconns.
 */
#ifndef SUPPORT_STUB_POLICY_H
#define SUPPORT_STUB_POLICY_H

#include <grebe/balancer.h>

enum { STUBS_MAX = 32, STUB_LOG_BYTES = 2048 };

struct stub {
    struct grebe_balancer base;
    const struct grebe_balancer_builder *builder; /* its name is in the notes */
    struct grebe_client_conn *cc;
    struct grebe_picker *last_picker; /* not referenced: for comparing only */
    int update_result;
    size_t n_endpoints; /* of the last update */
    char first_address[64];
    const void *config;
    bool has_health; /* its attributes held GREBE_ATTRIBUTE_HEALTH_LISTENER */
    int error_code;  /* of the last resolver error, and what it said */
    char error[64];
};

/* What all stubs of a test share; reset by stub_reset(). */
struct stub_world {
    struct stub *live[STUBS_MAX]; /* in the order they were built; NULL: destroyed */
    size_t n_built;
    int next_update_result;
    enum grebe_connectivity publishes_at_build; /* GREBE_SHUTDOWN: nothing */
    bool answers;  /* errors and exit_idle by publishing CONNECTING */
    bool is_short; /* of memory: nothing can be built */
    char log[STUB_LOG_BYTES];
};

extern struct stub_world stubs;

/* "x" and "y". */
extern const struct grebe_balancer_builder stub_x, stub_y;

void stub_reset(void);

/* The notes since the last time, joined with ", ". */
const char *stub_log(void);

/* The stub that was built as number `i` from 0; it must live. */
struct stub *stub_at(size_t i);

/* Inside a turn: publish `state` with a picker that fails with `text`. */
void stub_publish(struct stub *stub, enum grebe_connectivity state, const char *text);

#endif
