/* SPDX-License-Identifier: Apache-2.0 */
/* lab/event.h -- what a policy does on the bench, and what is done to it, one by one.
 *
 * Events come in the order in which things happen, from inside the functions of lab/lab.h.
 * All they point at is borrowed for the call.
 */
#ifndef GREBE_LAB_EVENT_H
#define GREBE_LAB_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <grebe/balancer.h>
#include <grebe/metrics.h>

struct lab_subconn;
struct lab_tally;

enum lab_event_kind {
    LAB_UPDATE,           /* `update`: the policy has returned from one */
    LAB_NEW_SUBCONN,      /* `subconn`; and so on down to WATCH_HEALTH */
    LAB_CONNECT,          /* it was asked to */
    LAB_UPDATE_ADDRESSES, /* it has others now */
    LAB_SHUTDOWN,         /* the policy gave it up */
    LAB_WATCH_HEALTH,     /* a health listener waits */
    LAB_PRODUCER, /* `producer`: a stream to its backend is wanted, or wanted otherwise than
                   * before, or no longer wanted */
    LAB_STATE,    /* `state`: published by the policy at the root */
    LAB_RESOLVE_NOW, /* it wants names to be resolved again */
    LAB_PICK,        /* `pick`: one call was given a picker's answer */
    LAB_PICKS,       /* `tally`: many calls were */
    LAB_METRIC,      /* `metric`: something was recorded */
    LAB_LOG,         /* `log` */
    LAB_CLOSE,       /* the policy is destroyed; effects of that follow */
    LAB_VIOLATION,   /* `violation`: the policy broke its contract */
};

/* What the contract of grebe/balancer.h forbids. */
enum lab_rule {
    LAB_RULE_CALL_AFTER_CLOSE,
    LAB_RULE_UNBALANCED_REFERENCE,
    LAB_RULE_PICK_OF_SHUT_DOWN_SUBCONN,
    LAB_RULE_MEMORY_NOT_RETURNED,
    LAB_RULE_FREED_MEMORY_WRITTEN,
    LAB_RULE_BAD_PICK,     /* an answer that is none */
    LAB_RULE_BAD_BUILD,    /* build() said it made a balancer, and made none */
    LAB_RULE_BAD_STATE,    /* published what is not a policy's to publish */
    LAB_RULE_BAD_RESULT,   /* update() returned what is no result */
    LAB_RULE_NESTED_WATCH, /* watch_health() from inside the listener */
    LAB_RULE_BAD_SERIES,   /* of an instrument that is not registered */
    LAB_N_RULES
};

/* "call_after_close" and so on. */
const char *lab_rule_name(enum lab_rule rule);

/* What was added, recorded or set, and in which series. */
struct lab_metric {
    const struct grebe_instrument *instrument;
    const char *const *values; /* of its labels, then of its optional ones */
    bool is_integer;
    int64_t integer;
    double number;
};

struct lab_event {
    enum lab_event_kind kind;
    uint64_t at_ns; /* since the start */
    union {
        struct {
            int result;
            const char *error; /* NULL if the result is GREBE_OK */
        } update;
        const struct lab_subconn *subconn;
        struct {
            const struct lab_subconn *subconn;
            const char *kind; /* "orca", "health", else the method */
            bool is_on;
            uint64_t interval_ns; /* that the stream asks for; 0: none */
        } producer;
        struct {
            enum grebe_connectivity state;
            bool is_answer_known; /* without asking the picker */
            enum grebe_pick_kind answer;
        } state;
        struct {
            uint64_t id;
            enum grebe_pick_kind kind;
            const struct lab_subconn *subconn; /* COMPLETE */
            const struct grebe_status *status; /* FAIL, DROP */
        } pick;
        const struct lab_tally *tally;
        struct lab_metric metric;
        struct {
            enum grebe_log_level level;
            const char *message;
        } log;
        struct {
            enum lab_rule rule;
            const struct lab_subconn *subconn; /* NULL: it is not about one */
            const char *message;
        } violation;
    };
};

typedef void (*lab_event_fn)(void *arg, const struct lab_event *event);

#endif
