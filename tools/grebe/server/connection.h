/* SPDX-License-Identifier: Apache-2.0 */
/* server/connection.h -- one connection of a backend.
 *
 *   NEW --first frame--> OPEN --drain--> NOTIFIED --PING comes back--> DRAINING
 *                                                                        | last call
 *            CLOSED <--client closes, or a second passes-- LINGERING <---+
 *
 * Ownership   A connection belongs to itself: it is on its server's list until it closes,
 *             and is freed when its handle is closed.
 * Sources     RFC 9113 6.8 (GOAWAY), 10.5 (denial of service).
 */
#ifndef TOOL_SERVER_CONNECTION_H
#define TOOL_SERVER_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "server/call.h"
#include "server/loop.h"

enum connection_state {
    CONNECTION_NEW, /* nothing from the client yet */
    CONNECTION_OPEN,
    CONNECTION_NOTIFIED,  /* GOAWAY 2^31-1 is out, the round trip runs */
    CONNECTION_DRAINING,  /* the last GOAWAY is out */
    CONNECTION_LINGERING, /* our side is shut, reading to the end */
    CONNECTION_CLOSED,    /* the handle is being closed; no session, no server */
};

struct server;
struct tls_layer;

struct connection {
    TAILQ_ENTRY(connection) link;
    TAILQ_ENTRY(connection) dirty_link;
    bool is_dirty;
    enum connection_state state;
    struct server_loop *loop;
    struct server *server;
    union {
        uv_handle_t any;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } handle;
    nghttp2_session *session;
    struct tls_layer *tls; /* NULL: plaintext */
    struct call_list calls;
    struct deadline deadline; /* first bytes, age, GOAWAY's round trip, lingering */
    struct bytes unsent;      /* what uv_write has */
    uv_write_t write;
    uv_shutdown_t shutdown;
    bool has_blocked_input; /* too many answers wait for the socket */
};

/* ---- connection.c ------------------------------------------------------------------ */

/* Takes a connection off the listener's queue. */
void connection_accept(struct server *server, uv_stream_t *listener);

/* GOAWAY in two steps; the calls that run are finished. */
void connection_drain(struct connection *connection);

/* Its calls are lost.  Closing is what a peer's misbehaviour asks for; killing resets, as
 * if the process had died. */
void connection_close(struct connection *connection);
void connection_kill(struct connection *connection);

/* Everything is said: shuts our side and waits for theirs. */
void connection_linger(struct connection *connection);

/* What the session sees: the first frame (false: out of memory), GOAWAY on its way, a PING
 * that comes back. */
bool connection_on_first_frame(struct connection *connection);
int connection_on_goaway_sent(struct connection *connection);
void connection_on_pong(struct connection *connection, const uint8_t opaque[8]);

/* ---- input.c ----------------------------------------------------------------------- */

/* For the first time, or again after answers have filled up.  False: it is broken. */
bool connection_start_reading(struct connection *connection);

/* ---- output.c ---------------------------------------------------------------------- */

/* It may have something to send: flush it at the end of the turn. */
void connection_touch(struct connection *connection);

/* What the turn has left to send; from the loop's prepare and check. */
void connection_flush(struct connection *connection);

/* Sends now what the socket takes and leaves the rest to libuv.  False: it is broken. */
bool connection_write(struct connection *connection, const unsigned char *data,
                      size_t length);

#endif
