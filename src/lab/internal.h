/* SPDX-License-Identifier: Apache-2.0 */
/* lab/internal.h -- what the files of the bench know of each other. */
#ifndef GREBE_LAB_INTERNAL_H
#define GREBE_LAB_INTERNAL_H

#include "lab/lab.h"

/* ---- lab.c ------------------------------------------------------------------------ */

/* Fills in what all events have. */
void lab__emit(struct lab *lab, struct lab_event event);

/* `subconn` NULL: it is not about one. */
void lab__violate(struct lab *lab, enum lab_rule rule, const struct lab_subconn *subconn,
                  const char *format, ...) GREBE_PRINTF(4, 5);

/* ---- conn.c: the fake client_conn and its subconns --------------------------------- */

extern const struct grebe_client_conn_ops lab__root_ops;

/* `subconn` if it is one of this lab's, else NULL. */
struct lab_subconn *lab__subconn_of(struct lab *lab, struct grebe_subconn *subconn);

/* The policy is gone: gives up the lab's references, and tells of subconns that still have
 * others. */
void lab__release_subconns(struct lab *lab);

/* ---- streams.c: what producers of a subconn open ------------------------------------ */

/* For grebe__subconn_ops. */
int lab__open_stream(struct grebe_subconn *base, struct grebe__subconn_stream *stream);

/* ---- picks.c: calls ---------------------------------------------------------------- */

void lab__calls_init(struct lab *lab);
/* Ends those that are open, as a channel does that is closed. */
void lab__calls_fini(struct lab *lab);

#endif
