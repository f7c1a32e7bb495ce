/* SPDX-License-Identifier: Apache-2.0 */
/* lab/internal.h -- what the files of the bench know of each other. */
#ifndef GREBE_LAB_INTERNAL_H
#define GREBE_LAB_INTERNAL_H

#include "lab/lab.h"

/* ---- lab.c ------------------------------------------------------------------------ */

/* Runs what is due, unless the lab is driven. */
void lab__settle(struct lab *lab);

/* Fills in what all events have. */
void lab__emit(struct lab *lab, struct lab_event event);

/* `subconn` NULL: it is not about one. */
void lab__violate(struct lab *lab, enum lab_rule rule, const struct lab_subconn *subconn,
                  const char *format, ...) GREBE_PRINTF(4, 5);

/* ---- conn.c: the fake client_conn and its subconns --------------------------------- */

extern const struct grebe_client_conn_ops lab__root_ops;

/* `subconn` if it is one of this lab's, else NULL. */
struct lab_subconn *lab__subconn_of(struct lab *lab, struct grebe_subconn *subconn);

/* Its policy asked for that, and nothing else will happen to it. */
void lab__retire_subconn(struct lab_subconn *subconn);

/* The policy is gone: gives up the lab's references, and tells of subconns that still have
 * others. */
void lab__release_subconns(struct lab *lab);

/* ---- streams.c: what producers of a subconn open ------------------------------------ */

/* For grebe__subconn_ops. */
int lab__open_stream(struct grebe_subconn *base, struct grebe__subconn_stream *stream);

/* lab_report_load() from inside of a turn. */
bool lab__deliver_load(struct lab_subconn *subconn, const void *bytes, size_t length);

/* ---- picks.c: calls ---------------------------------------------------------------- */

/* A call that is open. */
struct lab_open_call {
    uint64_t id;
    struct grebe_pick pick; /* with a reference to its subconn, as a channel holds one */
    uint64_t at_ns;
};

/* What a picker may not say is told, and taken as a channel takes it
 * (core/picking.c). */
void lab__judge(struct lab *lab, struct grebe_pick *pick);
/* On failure the call has ended, cancelled. */
int lab__keep_open(struct lab *lab, const struct lab_open_call *call);
/* NULL: there is none. */
struct lab_open_call *lab__open_call(struct lab *lab, uint64_t id);
/* It is no longer open, and forgotten. */
void lab__forget_call(struct lab *lab, struct lab_open_call *call);

void lab__calls_init(struct lab *lab);
/* Ends those that are open, as a channel does that is closed. */
void lab__calls_fini(struct lab *lab);

#endif
