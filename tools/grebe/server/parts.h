/* SPDX-License-Identifier: Apache-2.0 */
/* server/parts.h -- a backend as the files of the server see it.
 *
 *   server.c       the lives of backends
 *   loop.c           what they share: buffers, deadlines, one flush a turn
 *   address.c        what they listen on
 *   listener.c       the socket that connections come in by
 *   connection.c   a connection: its states, GOAWAY, its end
 *   input.c          socket, TLS, session
 *   session.c        HTTP/2 frames become events of calls
 *   output.c         session, TLS, socket
 *   tls.c            bytes in, bytes out
 *   call.c         a call: what its request says
 *   work.c           a place, a delay, an answer or a failure
 *   answer.c         headers, body, trailers
 *   services.c     what a backend says about itself
 *     health.c         which services are well
 *     load_reports.c   how busy it is
 *     load_meter.c       measured
 *     load_report.c      as a set of values
 */
#ifndef TOOL_SERVER_PARTS_H
#define TOOL_SERVER_PARTS_H

#include "server/address.h"
#include "server/call.h"
#include "server/load_meter.h"
#include "server/loop.h"
#include "server/server.h"

struct server {
    struct server_loop *loop;
    struct server_settings settings;
    struct listen_address address;
    struct listener *listener; /* NULL: does not listen */
    struct connection_list connections;
    struct call_list waiting; /* for a place, first come first served */
    uint32_t n_waiting;
    uint32_t n_serving; /* calls that have a place */
    bool is_draining;
    bool is_serving; /* as far as health is concerned */
    uint64_t random;
    struct call_list streams; /* of services: they end when the server does */
    struct load_meter load;
};

/* Uniform in [0, 1). */
double server_random(struct server *server);

#endif
