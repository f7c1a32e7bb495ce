/* SPDX-License-Identifier: Apache-2.0 */
/* server_parts.h -- what the files of the server share.
 *
 *   server.c           listeners, the loop's buffers and its one flush a turn
 *   server_conn.c      a connection: socket, TLS, HTTP/2 session, GOAWAY
 *   server_call.c      a call: its place in the queue, its delay, its echo, its status
 *   server_services.c  health checks and load reports
 *   server_tls.c       certificates and the TLS layer of a connection
 */
#ifndef TOOL_SERVER_PARTS_H
#define TOOL_SERVER_PARTS_H

#include <nghttp2/nghttp2.h>
#include <sys/queue.h>

#include "bytes.h"
#include "deadline.h"
#include "server.h"
#include "slab.h"

TAILQ_HEAD(call_list, call);
TAILQ_HEAD(connection_list, connection);

/* ---- Loop -------------------------------------------------------------------------- */

struct server_loop {
    uv_loop_t *uv;
    uv_prepare_t prepare; /* flushes what timers have caused */
    uv_check_t check;     /* flushes what reads have caused */
    unsigned n_handles;   /* that are not closed yet */
    struct deadlines deadlines;
    struct slab slab;
    struct connection_list dirty; /* have something to send, or may have */
    struct bytes out;             /* of the connection that is being flushed */
    unsigned char *input;         /* of the connection that is being read */
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *options;
    nghttp2_mem mem;
};

/* Handles hold the loop until they are closed. */
void server_loop_retain(struct server_loop *loop);
void server_loop_release(struct server_loop *loop);

/* ---- Server ------------------------------------------------------------------------ */

struct listener; /* the handle; outlives a kill by a turn */

/* What a service of --health reports, grpc.health.v1.HealthCheckResponse. */
enum health_status {
    HEALTH_UNKNOWN = 0,
    HEALTH_SERVING = 1,
    HEALTH_NOT_SERVING = 2,
    HEALTH_SERVICE_UNKNOWN = 3,
};

/* How busy the server is, told in windows of a second. */
struct load_meter {
    uint64_t window_ns;         /* when the window began */
    uint64_t changed_ns;        /* up to when busy_s counts */
    double busy_s;              /* calls that were here, times how long */
    double cpu_s;               /* of the process, when the window began */
    uint64_t n_calls, n_errors; /* answered in the window */
    uint8_t report[64];         /* of the window before: an OrcaLoadReport */
    size_t report_length;
    char base64[96]; /* the same for a trailer */
};

struct server {
    struct server_loop *loop;
    struct server_settings settings;
    struct sockaddr_storage bound; /* AF_UNSPEC for a unix socket */
    char address[128];
    struct listener *listener; /* NULL: does not listen */
    struct connection_list connections;
    struct call_list waiting; /* for a place, first come first served */
    uint32_t n_waiting;
    uint32_t n_serving; /* calls that have a place */
    bool is_draining;
    bool is_serving; /* as far as health is concerned */
    uint64_t random;
    struct call_list streams; /* Watch and load report streams */
    struct load_meter load;
};

/* Uniform in [0, 1). */
double server_random(struct server *server);

/* ---- Connection -------------------------------------------------------------------- */

enum connection_state {
    CONNECTION_NEW, /* nothing from the client yet */
    CONNECTION_OPEN,
    CONNECTION_NOTIFIED,  /* GOAWAY 2^31-1 is out, the round trip runs */
    CONNECTION_DRAINING,  /* the last GOAWAY is out */
    CONNECTION_LINGERING, /* our side is shut, reading to the end */
    CONNECTION_CLOSED,    /* the handle is being closed; no session, no server */
};

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

/* Takes a connection off the listener's queue. */
void connection_accept(struct server *server, uv_stream_t *listener);
/* It may have something to send: flush it at the end of the turn. */
void connection_touch(struct connection *connection);
/* What the turn has left to send; from the loop's prepare and check. */
void connection_flush(struct connection *connection);
void connection_drain(struct connection *connection);
void connection_kill(struct connection *connection);
/* Callbacks of all sessions.  0, or out of memory. */
int connection_callbacks_new(nghttp2_session_callbacks **out);

/* ---- Call -------------------------------------------------------------------------- */

enum call_kind {
    CALL_ECHO,
    CALL_HEALTH_CHECK,
    CALL_HEALTH_WATCH,
    CALL_ORCA_STREAM,
};

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
    enum call_kind kind;
    enum call_phase phase;
    bool is_post, is_grpc;
    bool has_request_ended;
    bool has_response; /* response headers are submitted */
    bool has_answered; /* nothing will be added to `body` any more */
    bool is_deferred;  /* HTTP/2 waits for more of `body` */
    bool has_place;
    bool is_queued;
    uint32_t n_unreturned; /* bytes of flow control the client has not got back */
    struct bytes body;     /* of the response; of a service's request while it is read */
    struct deadline deadline; /* delay, or the next load report */
    uint64_t interval_ns;     /* of load reports */
    char service[128];        /* whose health is asked for */
    enum health_status told;  /* what Watch has said last */
    char encoding[16];        /* grpc-encoding of the messages; "" if none */
    int code;                 /* of the status */
    const char *message;      /* NULL: none */
};

struct call *call_new(struct connection *connection, int32_t stream_id);
void call_free(struct call *call);
/* Off the queue of those that wait for a place. */
void call_unqueue(struct call *call);

/* Events of the stream. */
void call_on_header(struct call *call, const uint8_t *name, size_t name_length,
                    const uint8_t *value, size_t value_length);
int call_on_headers_end(struct call *call);
bool call_on_data(struct call *call, const uint8_t *data, size_t length);
int call_on_request_end(struct call *call);
int call_on_frame_end(struct call *call); /* of DATA */
int call_send_data(struct call *call, const uint8_t *frame_header, size_t length);

/* Answers: more of the body is there, or all of it.  Submits headers the first time. */
int call_answer(struct call *call);
/* Ends the call with a status; without response headers if there are none yet. */
int call_fail(struct call *call, int code, const char *message);

/* ---- Services ---------------------------------------------------------------------- */

/* The whole request of a service's call is in call->body. */
int service_start(struct call *call);
/* The server drains: streams that would never end do now. */
void service_end_streams(struct server *server);
/* Somebody toggled health. */
void service_publish_health(struct server *server);

/* The next load report of a stream. */
int service_report(struct call *call);

void load_meter_start(struct server *server);
/* Before n_serving or n_waiting changes, and before the report is read. */
void load_meter_update(struct server *server);
void load_meter_count(struct server *server, bool is_error);

/* ---- TLS --------------------------------------------------------------------------- */

/* NULL: out of memory. */
struct tls_layer *tls_layer_new(struct server_tls *tls);
void tls_layer_free(struct tls_layer *layer); /* NULL: no-op */

/* Ciphertext in.  False: out of memory. */
bool tls_layer_feed(struct tls_layer *layer, const void *data, size_t length);
/* Plaintext out: how many bytes, 0 if there are none now, negative if the connection is
 * over or broken. */
int tls_layer_read(struct tls_layer *layer, void *buf, size_t size);
/* Plaintext in; false if the connection is broken or not ready yet. */
bool tls_layer_write(struct tls_layer *layer, const void *data, size_t length);
bool tls_layer_is_ready(const struct tls_layer *layer); /* handshake done, "h2" agreed */
/* close_notify. */
void tls_layer_shut(struct tls_layer *layer);
/* Ciphertext to send, and that it was taken. */
size_t tls_layer_pending(struct tls_layer *layer, const unsigned char **data);
void tls_layer_sent(struct tls_layer *layer);

#endif
