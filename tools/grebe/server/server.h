/* SPDX-License-Identifier: Apache-2.0 */
/* server/server.h -- gRPC backends to balance over: real connections, made-up work.
 *
 * A server is one backend: one listener, its connections, and calls that are echoed after
 * a delay, or fail, or wait for a free place, as its settings say.  Any method echoes its
 * messages as they arrive; health checks and load reports are answered when they are
 * switched on.
 *
 *   server_loop   one for each uv loop: buffers, deadlines, one flush a turn
 *     server      one for each backend
 *       connection, call
 *
 * The echo copies the bytes of the request stream, framing included: it never has to
 * trust a length, and what it holds is bounded by the HTTP/2 windows.
 *
 * Threading   Everything runs on the thread that runs the uv loop.
 */
#ifndef TOOL_SERVER_H
#define TOOL_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct health_table;
struct load_report;
struct server;
struct server_loop;
struct server_tls;

/* Borrowed pointers must outlive the server. */
struct server_settings {
    const char *name;       /* for the header grebe-backend; NULL: no header */
    struct server_tls *tls; /* NULL: plaintext */
    uint64_t delay_ns;      /* of every call */
    uint64_t jitter_ns;     /* delay +- jitter, uniform */
    double fail_rate;       /* share of calls that fail with fail_code */
    bool has_orca;          /* load reports, in trailers and as a stream */
    int fail_code;          /* a grebe_status_code */
    uint64_t seed;          /* of jitter and failures */
    uint64_t capacity;      /* calls served at once, others queue; 0: any number */
    uint64_t max_streams;   /* for each connection; 0: 100 000 */
    uint64_t max_age_ns;    /* of a connection, +- 10 %; 0: for ever */
    const struct load_report *load;    /* over what is measured; NULL: nothing */
    uint64_t report_interval_ns;       /* at least, between two reports of a stream */
    const struct health_table *health; /* NULL: the service is switched off */
    const char *congestion;            /* a TCP_CONGESTION name; NULL: the system's */
};

/* 0 or a negative errno value. */
int server_loop_new(uv_loop_t *uv, struct server_loop **out);
/* All servers are destroyed.  Frees itself while the uv loop goes on. */
void server_loop_destroy(struct server_loop *loop);

/* Settings are copied.  `address` is "127.0.0.1:50051", "[::1]:0", "unix:/path".  False:
 * `error` says why. */
bool server_new(struct server_loop *loop, const char *address,
                const struct server_settings *settings, struct server **out, char *error,
                size_t error_size);

/* Start to listen, or start again after server_kill(), on the same port. */
bool server_listen(struct server *server, char *error, size_t error_size);

/* What it listens on, with the port that it got. */
const char *server_address(const struct server *server);

/* No new connections; graceful GOAWAY on the others: 2^31-1 first, the real last stream
 * id a round trip later, closed when the last call has ended. */
void server_drain(struct server *server);

/* As if the process died: connections are reset, calls are lost, the port is closed. */
void server_kill(struct server *server);

/* Calls that are here, whatever they wait for. */
size_t server_n_calls(const struct server *server);

/* Services are what their table says (true), or all of them are NOT_SERVING. */
void server_set_serving(struct server *server, bool is_serving);

/* Kills it first. */
void server_destroy(struct server *server);

/* ---- TLS --------------------------------------------------------------------------- */

/* PEM files.  With `client_ca_file` clients must show a certificate it has signed.  NULL:
 * `error` says which file and why. */
struct server_tls *server_tls_new(const char *cert_file, const char *key_file,
                                  const char *client_ca_file, char *error,
                                  size_t error_size);
void server_tls_destroy(struct server_tls *tls); /* NULL: no-op */

#endif
