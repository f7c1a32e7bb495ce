/* SPDX-License-Identifier: Apache-2.0 */
/* io/connection.h -- one socket, from connect() to close(), and HTTP/2 over it.
 *
 *   CONNECTING -> [HANDSHAKING] -> GREETING -> OPEN -> CLOSED
 *                     TLS          waits for the peer's SETTINGS
 *
 * Until it is OPEN a connection belongs to an attempt (io/dial.c), which hears once how
 * it went; from then on its HTTP/2 session decides when it ends.
 *
 * Reading     One recv() for each time the socket is readable, into memory that all
 *             connections share.
 * Writing     When the loop settles: all that the session has to say, in one sendmsg() or
 *             one TLS write.  What the socket does not take is copied and has priority.
 * Threading   The loop's.
 * Sources     RFC 9113 3.4 (SETTINGS first); gRFC A18 (TCP_USER_TIMEOUT), A94 (labels).
 */
#ifndef GREBE_IO_CONNECTION_H
#define GREBE_IO_CONNECTION_H

#include <stdbool.h>

#include "base/list.h"
#include "core/transport.h"
#include "io/address.h"

struct grebe_loop;
struct grebe__connection;

struct grebe__connection_owner {
    /* The peer's SETTINGS have come. */
    void (*on_open)(struct grebe__connection_owner *owner,
                    struct grebe__transport *transport);
    /* It never will: the connection is closed.  `error` is borrowed. */
    void (*on_failed)(struct grebe__connection_owner *owner, const char *error);
};

struct grebe__connection_request {
    struct grebe_loop *loop;
    const struct grebe__socket_address *address;
    int fd; /* connected already, and from now on the connection's; -1: to `address` */
    const struct grebe__dial *dial;
    const char *peer; /* what the other end is called */
    struct grebe__connection_owner *owner;
};

enum { GREBE__CONNECTION_ERROR_MAX = 512 };

/* Start connecting.  Inside a turn; the owner hears in a later one, unless it forgets the
 * connection.  NULL: `error` says why. */
struct grebe__connection *
grebe__connection_open(const struct grebe__connection_request *request,
                       char error[GREBE__CONNECTION_ERROR_MAX]);

/* "connect", "tls handshake": what it is doing before it is open; static. */
const char *grebe__connection_stage(const struct grebe__connection *connection);

/* The owner loses interest before it has heard: close. */
void grebe__connection_abort(struct grebe__connection *connection);

/* A list node of loop->connections. */
struct grebe__connection *grebe__connection_of_link(struct grebe__list *link);
/* At the loop's end: close, streams get UNAVAILABLE. */
void grebe__connection_shut(struct grebe__connection *connection);
/* In the child of a fork: close the descriptor and touch nothing else. */
void grebe__connection_abandon(struct grebe__connection *connection);

#endif
