/* SPDX-License-Identifier: Apache-2.0 */
/* server/services.h -- what a backend says about itself, beside echoing.
 *
 * A service's request is one message, read as a whole; its answers are messages, one or a
 * stream of them.  Streams would never end by themselves, so the server ends them when it
 * drains.
 */
#ifndef TOOL_SERVER_SERVICES_H
#define TOOL_SERVER_SERVICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protobuf.h"

struct call;
struct server;

struct service {
    const char *path; /* "/grpc.health.v1.Health/Check" */
    bool (*is_on)(const struct server *server);
    /* The request is there and may be taken off call->body.  0, or nghttp2's error. */
    int (*start)(struct call *call, struct proto_reader *request);
};

/* NULL: none has this path. */
const struct service *service_find(const char *path, size_t length);

/* The whole request of a service's call is in call->body. */
int service_start(struct call *call);

/* The server drains: streams that would never end do now. */
void service_end_streams(struct server *server);

/* ---- For the services -------------------------------------------------------------- */

/* This call goes on until its client leaves or the server drains. */
void service_join_streams(struct call *call);

int service_answer(struct call *call, const uint8_t *message, size_t length);

/* ---- health.c ---------------------------------------------------------------------- */

extern const struct service health_check, health_watch;

/* Somebody toggled health. */
void health_publish(struct server *server);

/* ---- load_reports.c ---------------------------------------------------------------- */

extern const struct service load_report_stream;

#endif
