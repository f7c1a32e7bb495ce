/* SPDX-License-Identifier: Apache-2.0 */
/* core/subconn_stream.h -- one server-streaming call to the backend of a subconn.
 *
 * It goes on one of the connections that the subconn has, past picker, policy and service
 * config: what health checks and load reports travel on.
 *
 *   open --> waits for room --> on a transport --> on_end
 *
 * While it is open it is on subconn->streams.  When its connection is given up (draining,
 * lost, not wanted any more) the stream ends, and on_end says that it was for that: a
 * stream that never ends by itself must not keep a draining connection alive.
 *
 * on_end comes as an effect, after the event that caused it.  So by then the subconn's own
 * state is what it will be, and producers that the change closed have closed the stream.
 *
 * Threading   The loop's thread.
 * Sources     grpc-go addrConn.NewStream; gRFC A17.
 */
#ifndef GREBE_CORE_SUBCONN_STREAM_H
#define GREBE_CORE_SUBCONN_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "core/env.h"
#include "core/metadata.h"
#include "core/status.h"
#include "core/transport.h"

struct grebe__subconn;
struct grebe__subconn_stream;
struct grebe_feed;
struct grebe_feed_options;
struct grebe_subconn;

struct grebe__subconn_stream_listener {
    /* A message that was asked for, borrowed. */
    void (*on_message)(struct grebe__subconn_stream *stream, const void *bytes,
                       size_t length);
    /* stream->end, was_open, is_lost and peer say how it was.  It may be opened again. */
    void (*on_end)(struct grebe__subconn_stream *stream);
};

struct grebe__subconn_stream {
    /* The owner's, before it is opened. */
    const struct grebe__subconn_stream_listener *listener;
    const char *method;
    const void *request;
    size_t request_length;
    const struct grebe_metadata *request_metadata; /* may be NULL */
    uint32_t max_message_bytes;
    bool wants_ready; /* a connection is not enough: the subconn has to be READY */

    /* How it ended. */
    struct grebe__status end;
    bool was_open;              /* it got to a connection */
    bool is_lost;               /* that went away */
    struct grebe_address *peer; /* where it is, or was last: a reference; NULL: nowhere */

    /* Its own. */
    struct grebe__list link; /* on subconn->streams, from open until on_end */
    struct grebe__subconn *subconn;
    struct grebe__transport *transport; /* where it was opened; NULL: it waits for room */
    bool wants_message;                 /* as soon as it is open */
    struct grebe__effect ending;
    struct grebe__outgoing outgoing;
    struct grebe_metadata headers, trailers;
    struct grebe__stream stream;

    /* Of a bench that has no connection to open it on, and has taken it as opened:
     * _close() says so and does nothing else.  NULL: it is where it should be. */
    void (*on_close)(struct grebe__subconn_stream *stream);
    void *bench; /* the bench's */
};

void grebe__subconn_stream_init(struct grebe__subconn_stream *stream,
                                const struct grebe_mem *mem);
/* Closes it. */
void grebe__subconn_stream_fini(struct grebe__subconn_stream *stream);

/* GREBE_OK, and on_end will come.  GREBE_ERR_CLOSED: no connection to open it on. */
int grebe__subconn_stream_open(struct grebe__subconn_stream *stream,
                               struct grebe__subconn *subconn);

/* Permission for one message. */
void grebe__subconn_stream_receive(struct grebe__subconn_stream *stream);

/* End it from here: on_end comes with this status, unless it has ended already. */
void grebe__subconn_stream_fail(struct grebe__subconn_stream *stream, int code,
                                const char *message);

/* No more events.  Harmless if it is not open. */
void grebe__subconn_stream_close(struct grebe__subconn_stream *stream);

/* feed.c: as grebe_feed_start(), but perhaps for a subconn that is connected and not READY,
 * because it waits for what the feed brings. */
int grebe__feed_start(struct grebe_subconn *subconn,
                      const struct grebe_feed_options *asked, bool wants_ready,
                      struct grebe_feed **out);

/* ---- For the subconn ------------------------------------------------------------------ */

/* There may be room on a connection: streams that wait go before calls. */
void grebe__subconn_streams_serve(struct grebe__subconn *subconn);

/* `transport` is no longer one of its connections. */
void grebe__subconn_streams_lose(struct grebe__subconn *subconn,
                                 struct grebe__transport *transport);

#endif
