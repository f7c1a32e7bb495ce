/* SPDX-License-Identifier: Apache-2.0 */
/* io/dns_server.h -- the DNS servers that a loop talks to.
 *
 * There is one for each that is named by a lookup, and one for the system's configuration,
 * which is read again when its file has changed.  A few that nobody asks at the moment are
 * kept.
 */
#ifndef GREBE_IO_DNS_SERVER_H
#define GREBE_IO_DNS_SERVER_H

#include <ares.h>
#include <stdint.h>
#include <time.h>

#include "base/list.h"
#include "base/timer.h"

struct grebe_loop;

/* All of a loop. */
struct grebe__dns {
    struct grebe_loop *loop;
    struct grebe__list servers;
    int timeout_ms; /* for the first answer to a question */
};

struct grebe__dns_server {
    struct grebe__list link;
    struct grebe__dns *dns;
    char *text; /* "8.8.8.8:53"; NULL: the system's configuration */
    ares_channel channel;
    struct timespec read_at; /* when the system's configuration had last changed */
    uint32_t n_queries;      /* whoever asks counts: with 0 it may be destroyed */
    unsigned reads_left;     /* in this turn: io/dns_socket.h */
    struct grebe__timer timer;
    struct grebe__list sockets;
};

/* `text` NULL: the system's.  NULL: out of memory, or c-ares does not understand it. */
struct grebe__dns_server *grebe__dns_server_get(struct grebe__dns *dns, const char *text);

/* Whoever asks c-ares something calls this then. */
void grebe__dns_server_update_timer(struct grebe__dns_server *server);

/* Ends what is asked with ARES_EDESTRUCTION. */
void grebe__dns_server_destroy(struct grebe__dns_server *server);

#endif
