/* SPDX-License-Identifier: Apache-2.0 */
/* core/transport.h -- what the core asks of a connection, whoever makes it.
 *
 *   dial --on_done--> transport --start--> stream --on_headers, on_message, on_end--> call
 *                        |
 *                        +-- on_capacity, on_draining, on_closed --> subconn
 *
 * A transport is one connection that speaks gRPC: src/h2 is the real one, src/sim has one
 * made of function calls.  It is usable from the moment a dial yields it, that is, after
 * the peer's SETTINGS.
 *
 * Events are delivered inside a turn (core/env.h), never from inside a function below.
 * An event may be answered by calling these functions: start and cancel on any stream,
 * drain and close on any transport.
 *
 * Sources     gRPC over HTTP/2; grpc-go package internal/transport.
 */
#ifndef GREBE_CORE_TRANSPORT_H
#define GREBE_CORE_TRANSPORT_H

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <grebe/credentials.h>
#include <grebe/endpoint.h>
#include <grebe/metadata.h>
#include <grebe/status.h>

#include "base/list.h"
#include "channelz/counts.h"
#include "core/env.h"

struct grebe_dialer;
struct grebe__dial;
struct grebe__socket_entity;
struct grebe__stream;
struct grebe__transport;

/* ---- Stream: one attempt of one call ------------------------------------------------ */

/* A message to send.  The owner's memory, bytes included, until on_sent or the stream's
 * end.  The five bytes of gRPC framing are the transport's business. */
struct grebe__outgoing {
    struct grebe__outgoing *next; /* the transport's */
    const void *bytes;
    size_t length;
    bool is_last; /* nothing follows: the request side ends with it */
};

/* How far an attempt got, as far as retries are concerned (gRFC A6). */
enum grebe__progress {
    GREBE__NEVER_SENT,  /* no HEADERS left this host */
    GREBE__UNPROCESSED, /* the peer says that it did not look at it */
    GREBE__PROCESSED,   /* the peer may have acted on it */
};

struct grebe__stream_end {
    struct grebe_status status; /* borrowed */
    enum grebe__progress progress;
    bool has_headers; /* the peer sent response HEADERS that were not the trailers */
    bool has_bytes;   /* the peer sent anything for this stream */
};

struct grebe__stream_listener {
    /* Initial metadata is complete, in stream->headers.  Not for a Trailers-Only answer. */
    void (*on_headers)(struct grebe__stream *stream);
    /* One message, asked for with receive().  `bytes` is the listener's to free with
     * stream->mem; never NULL. */
    void (*on_message)(struct grebe__stream *stream, void *bytes, size_t length);
    /* `outgoing` is the owner's again. */
    void (*on_sent)(struct grebe__stream *stream, struct grebe__outgoing *outgoing);
    /* Last event; the stream is the owner's alone again.  Trailers are in
     * stream->trailers. */
    void (*on_end)(struct grebe__stream *stream, const struct grebe__stream_end *end);
};

enum { GREBE__STREAM_STATE_BYTES = 192 };

struct grebe__stream {
    /* Set by the owner before start(); borrowed until the end. */
    const struct grebe__stream_listener *listener;
    const struct grebe_mem *mem;             /* for messages that arrive */
    const char *path;                        /* "/package.Service/Method" */
    const char *authority;                   /* NULL: the connection's */
    const char *content_subtype;             /* NULL: application/grpc */
    const struct grebe_metadata *metadata;   /* the application's; may be NULL */
    const struct grebe_metadata *additional; /* the pick's; may be NULL */
    const struct grebe_metadata *of_address; /* of all calls to it; may be NULL */
    struct grebe_metadata *headers;          /* empty: what arrives goes here */
    struct grebe_metadata *trailers;         /* likewise */
    uint64_t deadline_ns;                    /* UINT64_MAX: none */
    uint32_t max_receive_bytes;
    uint32_t n_previous_attempts; /* for grpc-previous-rpc-attempts */

    /* The transport's. */
    struct grebe__transport *transport; /* NULL unless it runs */
    alignas(max_align_t) unsigned char state[GREBE__STREAM_STATE_BYTES];
};

/* The call's own before the pick's (gRFC A81); NULL: the connection's. */
static inline const char *grebe__stream_authority(const struct grebe__stream *stream)
{
    const struct grebe_metadata_entry *picked;

    if (stream->authority != NULL || stream->additional == NULL)
        return stream->authority;
    picked = grebe_metadata_get(stream->additional, ":authority");
    return picked == NULL ? NULL : picked->value;
}

/* ---- Transport: one connection ------------------------------------------------------ */

struct grebe__disconnect {
    struct grebe_status status; /* UNAVAILABLE with the reason; borrowed */
    const char *label;          /* gRFC A94 grpc.disconnect_error; static */
    bool is_too_many_pings;     /* GOAWAY ENHANCE_YOUR_CALM "too_many_pings" */
};

struct grebe__transport_listener {
    /* n_streams fell or max_streams rose: there is room for another stream. */
    void (*on_capacity)(struct grebe__transport *transport);
    /* No new streams from now on; those that run may finish.  Once, before on_closed. */
    void (*on_draining)(struct grebe__transport *transport,
                        const struct grebe__disconnect *why);
    /* Gone: every stream has had its on_end.  Last event; the transport frees itself. */
    void (*on_closed)(struct grebe__transport *transport,
                      const struct grebe__disconnect *why);
};

struct grebe__transport_ops {
    /* Open a stream.  GREBE_OK: events will come.  GREBE_ERR_CLOSED: draining,
     * closed, no room, or out of stream ids: choose another.  GREBE_ERR_TLS: the peer's
     * certificate is not for grebe__stream_authority().  GREBE_ERR_TOO_LARGE: the peer
     * does not take header lists of this size.  GREBE_ERR_NOMEM. */
    int (*start)(struct grebe__transport *transport, struct grebe__stream *stream);
    void (*send)(struct grebe__stream *stream, struct grebe__outgoing *outgoing);
    /* The request side ends after what was sent. */
    void (*half_close)(struct grebe__stream *stream);
    /* Permission for one more on_message. */
    void (*receive)(struct grebe__stream *stream);
    /* Forget the stream, RST_STREAM(CANCEL): no more events, nothing borrowed any more. */
    void (*cancel)(struct grebe__stream *stream);
    /* No new streams; on_closed when the last has ended, perhaps in this very turn. */
    void (*drain)(struct grebe__transport *transport);
    /* End now: GOAWAY if it can be sent at once, streams end with `status`. */
    void (*close)(struct grebe__transport *transport, const struct grebe_status *status);
};

struct grebe__transport {
    const struct grebe__transport_ops *ops;
    const struct grebe__transport_listener *listener; /* NULL: nobody listens */
    void *owner;                                      /* the listener's */
    struct grebe__list link;       /* the channel's list of live transports */
    struct grebe__list in_subconn; /* the owner's list of those that take streams */
    struct grebe_address *address; /* the owner's: a reference while it is on that list */
    struct grebe__socket_entity *entity;        /* the owner's, in the book; or NULL */
    const struct grebe__backend_labels *labels; /* the owner's, for metrics */
    const char *peer;     /* "10.0.0.1:443"; lives as long as the transport */
    uint32_t n_streams;   /* open as HTTP/2 counts */
    uint32_t max_streams; /* the peer's SETTINGS_MAX_CONCURRENT_STREAMS */
    bool is_draining;
    bool has_answered;          /* some stream got response HEADERS */
    uint64_t keepalive_time_ns; /* its own; UINT64_MAX: it sends no pings */
    const char *security_level; /* gRFC A94 grpc.security_level; static */
    const char *label; /* grpc.disconnect_error of the first cause; NULL: there is none */
    struct grebe__socket socket; /* for whoever looks; kept up to date by the transport */
};

static inline bool grebe__transport_has_room(const struct grebe__transport *transport)
{
    return !transport->is_draining && transport->n_streams < transport->max_streams;
}

/* ---- Dial: a connection in the making ------------------------------------------------ */

/* What a channel wants of its connections.  Lives as long as the channel. */
struct grebe__transport_options {
    struct grebe_credentials *credentials; /* unless a subconn has its own */
    const char *user_agent;                /* the whole header */
    uint32_t max_header_list_bytes;
    uint64_t keepalive_time_ns; /* UINT64_MAX: no pings */
    uint64_t keepalive_timeout_ns;
    bool keepalive_without_calls;
    uint32_t tcp_user_timeout_ms;      /* 0: the system's */
    const char *tcp_congestion;        /* NULL: the system's */
    const struct grebe_dialer *dialer; /* makes the connections; NULL: the driver does */
    grebe_log_fn on_log;               /* may be NULL */
    void *log_arg;
};

/* Embedded in the subconn.  Free again after on_done or grebe__connector_ops.cancel. */
struct grebe__dial {
    struct grebe_address *address;
    struct grebe_credentials *credentials; /* borrowed */
    const char *authority;                 /* for :authority, SNI and verification */
    const struct grebe__transport_options *options;
    const struct grebe_mem *mem;
    uint64_t deadline_ns; /* when it will be cancelled, at the latest */
    /* Exactly one of `transport` and `error` is set.  `error` is text for people that
     * names phase and cause ("connect: connection refused"); borrowed. */
    void (*on_done)(struct grebe__dial *dial, struct grebe__transport *transport,
                    const char *error);
    void *pending; /* the driver's; NULL when idle */
};

#endif
