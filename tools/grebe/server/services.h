/* SPDX-License-Identifier: Apache-2.0 */
/* server/services.h -- what a backend says about itself, beside echoing.
 *
 * A service's request is one message, read as a whole; its answers are messages, one or a
 * stream of them.  Streams would never end by themselves, so the server ends them when it
 * drains.
 */
#ifndef TOOL_SERVER_SERVICES_H
#define TOOL_SERVER_SERVICES_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

struct call;
struct server;

/* A literal and its length: every call is compared with it. */
#define SERVICE_PATH(text) .path = (text), .path_length = sizeof(text) - 1

struct service {
    const char *path; /* "/grpc.health.v1.Health/Check" */
    size_t path_length;
    const ProtobufCMessageDescriptor *request;
    bool (*is_on)(const struct server *server);
    /* The request is borrowed, and of the type above.  0, or nghttp2's error. */
    int (*start)(struct call *call, const ProtobufCMessage *request);
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

/* The next answer, or, if call->has_answered, the last. */
int service_answer(struct call *call, const ProtobufCMessage *message);

#endif
