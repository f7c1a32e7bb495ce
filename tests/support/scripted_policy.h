/* SPDX-License-Identifier: Apache-2.0 */
/* support/scripted_policy.h -- one subconn, and a picker that says what the test says.
 *
 * Named "scripted".  It keeps a subconn to the first address connected and publishes a new
 * picker each time that becomes READY; scripted_publish() publishes one at will.
 */
#ifndef SUPPORT_SCRIPTED_POLICY_H
#define SUPPORT_SCRIPTED_POLICY_H

#include <grebe/balancer.h>

#include "support/channel_bench.h"

struct script {
    struct grebe_client_conn *cc;
    struct grebe_subconn *subconn;
    /* What its pickers answer. */
    enum grebe_pick_kind kind;
    struct grebe_status status;
    struct grebe_metadata *metadata;
    const struct grebe_status *no_status; /* not NULL: the status is left out */
    struct grebe_subconn *picks;          /* not NULL: instead of its own */
    bool picks_nothing;                   /* COMPLETE without a subconn */
    bool wants_load_report;
    uint32_t n_parents;  /* that want to listen to the end of each pick, too */
    bool has_no_on_done; /* of its own: the innermost parent's is it */
    uint32_t api;        /* of its pickers; 0: the current one */
    /* What happened. */
    uint32_t n_picks, n_done;
    int done_code;
    bool done_sent, done_received, done_had_trailers, done_had_load, done_discarded;
    uint32_t n_refused; /* parents that could not listen */
    char heard[256];    /* who heard of an end, in order: "d" the policy, "0" a parent */
    double done_cpu;    /* of the load */
    uint64_t done_latency_ns, done_headers_ns;
    bool done_streaming;
    char picked_method[64];
    const struct grebe_metadata *picked_metadata; /* to compare */
    uint64_t picked_deadline_ns, picked_now_ns, picked_random;
};

extern struct script script;

/* In main(), around all tests. */
void scripted_register(void);
void scripted_unregister(void);

/* A channel to server "a", connected, whose picker answers `kind`. */
void scripted_start(struct channel_bench *bench, enum grebe_pick_kind kind);
/* Server "a". */
struct sim_server *scripted_server(struct channel_bench *bench);
/* A new picker.  `bench` NULL: inside a turn already. */
void scripted_publish(struct channel_bench *bench, enum grebe_connectivity state);

#endif
