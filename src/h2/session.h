/* SPDX-License-Identifier: Apache-2.0 */
/* h2/session.h -- one HTTP/2 client connection: bytes in, bytes out, a transport above.
 *
 *   carrier --receive, lost--> session --events--> core
 *   carrier <----produce------ session <--start, send, cancel, drain, close-- core
 *
 * A session never touches a socket.  Its carrier (src/io, or a test) feeds it what arrives
 * and writes what it produces; the core sees only the struct grebe__transport inside.
 * Lists, windows and header compression are nghttp2's; the meaning of what arrives is
 * ours.
 *
 * Turns       Every function below is called inside a turn (core/env.h).  What produce()
 *             hands out by reference stays valid until that turn is left: the carrier
 *             writes, and copies what could not be written, before it leaves.
 * Events      of streams and of the transport are delivered by receive(), by lost(), by
 *             timers and by effects at the end of a turn; never from inside produce() or
 *             a function of the transport.
 * End         The session says finish() once it has nothing more to do; the carrier
 *             writes what produce() still gives as far as that goes at once, closes, and
 *             says lost().  lost() is the last call, whoever started the end: the
 *             session ends its streams, reports on_closed and frees itself, perhaps only
 *             when messages that are still unread have been taken.
 * Order       An end waits for the complete messages that arrived before it: the listener
 *             has to ask for them (or cancel).
 * Sources     RFC 9113; gRPC over HTTP/2; grpc-go package internal/transport.
 */
#ifndef GREBE_H2_SESSION_H
#define GREBE_H2_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/pool.h"
#include "core/transport.h"

struct grebe__h2;
struct grebe__h2_pipe;

/* What the carrier does for a session.  The first two may be called from inside any function of
 * this header or of the transport: the carrier takes a note, and acts when that function
 * has returned. */
struct grebe__h2_pipe_ops {
    /* There may be output: produce() before the loop sleeps.  Cheap to repeat. */
    void (*wants_write)(struct grebe__h2_pipe *pipe);
    /* The session is over: see End above.  Once. */
    void (*finish)(struct grebe__h2_pipe *pipe);
    /* May a call go to `authority`, which is not the session's?  NULL: any may. */
    bool (*covers)(struct grebe__h2_pipe *pipe, const char *authority);
};

/* Embedded in the carrier; lives until lost() is called. */
struct grebe__h2_pipe {
    const struct grebe__h2_pipe_ops *ops;
};

struct grebe__h2_config {
    struct grebe__env *env;
    const struct grebe_mem *mem;                    /* for the session */
    struct grebe__pool *pool;                       /* for what nghttp2 needs */
    const struct grebe__transport_options *options; /* lives as long as the session */
    const char *authority;                          /* copied */
    const char *peer;                               /* copied: "10.0.0.1:443" */
    const char *local;                              /* likewise; NULL: not known */
    bool is_tls;                                    /* :scheme */
    struct grebe__h2_pipe *pipe;
};

/* A session whose first produce() gives preface, SETTINGS and WINDOW_UPDATE.
 * GREBE_ERR_NOMEM. */
int grebe__h2_new(const struct grebe__h2_config *config, struct grebe__h2 **out);

struct grebe__transport *grebe__h2_transport(struct grebe__h2 *h2);

/* The peer's SETTINGS have come, as its first frame: the transport may be used. */
bool grebe__h2_is_ready(const struct grebe__h2 *h2);

/* Bytes from the peer.  GREBE_ERR_CLOSED: the session is over, finish() has been called,
 * and more bytes would be ignored. */
int grebe__h2_receive(struct grebe__h2 *h2, const void *bytes, size_t length);

/* False while so many answers to control frames wait for the socket that reading more
 * would only add to them.  Ask after produce(). */
bool grebe__h2_wants_read(const struct grebe__h2 *h2);

/* Why the session is over ("peer speaks HTTP/1.x"); "" while it is not.  For the error of
 * a dial; valid until lost(). */
const char *grebe__h2_reason(const struct grebe__h2 *h2);

/* ---- Output ------------------------------------------------------------------------ */

/* Laid out as a struct iovec. */
struct grebe__h2_span {
    const void *bytes;
    size_t length;
};

enum {
    GREBE__H2_BATCH_SPANS = 64,
    GREBE__H2_BATCH_BYTES_MIN = 48 * 1024, /* room for two of the largest frames */
};

/* A gathered write.  The carrier sets `bytes`, `size` and `limit`. */
struct grebe__h2_batch {
    unsigned char *bytes; /* scratch for what is copied */
    size_t size;          /* of it, GREBE__H2_BATCH_BYTES_MIN at least */
    size_t limit;         /* stop once `total` has come to this */
    size_t n_copied;      /* bytes of the scratch in use */
    size_t total;         /* bytes of all spans */
    size_t n_spans;
    struct grebe__h2_span spans[GREBE__H2_BATCH_SPANS]; /* in the order to be written */
};

/* Fills `batch` from its start.  True if there is more for another batch. */
bool grebe__h2_produce(struct grebe__h2 *h2, struct grebe__h2_batch *batch);

/* ---- The end ----------------------------------------------------------------------- */

/* The carrier is gone.  `why` is text for people ("read: connection reset by peer"),
 * `label` one of gRFC A94's; neither counts if the session had a reason of its own to
 * end.  The session frees itself. */
void grebe__h2_lost(struct grebe__h2 *h2, const char *why, const char *label);

/* The largest stream id to use before the connection drains; grpc-go stops at three
 * quarters of 2^31, and so does a new session.  For tests. */
void grebe__h2_set_last_stream_id(struct grebe__h2 *h2, uint32_t id);

/* Whether the session itself lets large messages go out by turns, which it does if the
 * nghttp2 at hand does not.  For tests. */
void grebe__h2_set_turns(struct grebe__h2 *h2, bool takes_turns);

#endif
