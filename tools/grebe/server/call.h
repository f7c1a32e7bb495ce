/* SPDX-License-Identifier: Apache-2.0 */
/* server/call.h -- one call at a backend.
 *
 *   READING --place free--> DELAYED --delay over--> ANSWERING
 *      \--all places taken--> WAITING --a call ends--/
 *
 * The request body goes into `body` as it comes and leaves as the response body; its
 * flow control is returned as it leaves, so a client that does not read its answers is
 * not read either.  Calls of services skip the middle: their request is read as a whole.
 *
 * Sources   gRPC over HTTP/2, "Responses"; RFC 9113 8.1.
 */
#ifndef TOOL_SERVER_CALL_H
#define TOOL_SERVER_CALL_H

#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "bytes.h"
#include "deadline.h"

struct call;
struct call_load;
struct connection;
struct health_entry;
struct server;
struct service;

TAILQ_HEAD(call_list, call);

enum call_phase {
    CALL_READING, /* request headers, and the request of a service */
    CALL_WAITING, /* for a place */
    CALL_DELAYED,
    CALL_ANSWERING,
};

struct call {
    TAILQ_ENTRY(call) link;       /* of its connection */
    TAILQ_ENTRY(call) queue_link; /* server->waiting or server->streams */
    struct connection *connection;
    int32_t stream_id;
    const struct service *service; /* NULL: its messages are echoed */
    enum call_phase phase;
    bool is_post, is_grpc;
    bool has_request_ended;
    bool has_response; /* response headers are submitted */
    bool has_answered; /* nothing will be added to `body` any more */
    bool is_deferred;  /* HTTP/2 waits for more of `body` */
    bool has_place;
    bool is_queued;
    uint32_t n_unreturned;  /* bytes of flow control the client has not got back */
    struct bytes body;      /* of the response; of a service's request while it is read */
    char encoding[16];      /* grpc-encoding of the messages; "" if none */
    int code;               /* of the status */
    const char *message;    /* NULL: none */
    struct call_load *load; /* what the request wants to be told; NULL: nothing */
    struct deadline deadline; /* delay, or the next load report */

    /* Of streams of services. */
    uint64_t interval_ns;               /* between load reports */
    const struct health_entry *watched; /* NULL: a service nobody knows */
    int told;                           /* the status that was told last */
};

/* ---- call.c: the request ----------------------------------------------------------- */

struct call *call_new(struct connection *connection, int32_t stream_id);
void call_free(struct call *call);

/* Off the queue it is on, if it is on one. */
void call_unqueue(struct call *call);

/* Events of the stream.  Results are nghttp2's: 0 or an error that ends the session. */
void call_on_header(struct call *call, const uint8_t *name, size_t name_length,
                    const uint8_t *value, size_t value_length);
int call_on_headers_end(struct call *call);
bool call_on_data(struct call *call, const uint8_t *data, size_t length);
int call_on_frame_end(struct call *call); /* of DATA */
int call_on_request_end(struct call *call);

/* ---- work.c: made-up work ---------------------------------------------------------- */

/* Takes a place, or waits for one. */
int work_begin(struct call *call);

/* A call that had a place is gone: the next in the queue gets it. */
void work_end(struct server *server);

/* Off the queue of those that wait for a place. */
void work_unqueue(struct call *call);

/* ---- answer.c: the response -------------------------------------------------------- */

/* More of the body is there, or all of it.  Submits headers the first time. */
int call_answer(struct call *call);

/* Ends the call with a status; without response headers if there are none yet.  `message`
 * is borrowed for ever. */
int call_fail(struct call *call, int code, const char *message);

/* Not gRPC: "405", "415". */
int call_refuse(struct call *call, const char *http_status);

/* DATA leaves: the frame's header and the next `length` bytes of the body. */
int call_send_data(struct call *call, const uint8_t *frame_header, size_t length);

#endif
