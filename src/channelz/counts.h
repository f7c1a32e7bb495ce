/* SPDX-License-Identifier: Apache-2.0 */
/* channelz/counts.h -- what calls and connections leave behind for whoever looks.
 *
 * They live in the objects they are about, so that counting touches no memory that a call
 * does not touch anyway; the book reads them there.
 *
 * Threading   Written by the loop's thread, read by any (base/count.h).
 */
#ifndef GREBE_CHANNELZ_COUNTS_H
#define GREBE_CHANNELZ_COUNTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/count.h"

/* Calls of a channel, or attempts that a subconn carried. */
struct grebe__call_counts {
    uint64_t n_started, n_succeeded, n_failed; /* those that run are in neither */
    uint64_t last_started_ns;                  /* valid if n_started */
    uint64_t latency_ns;                       /* of all that ended, together */
};

static inline void grebe__call_counts_begin(struct grebe__call_counts *counts,
                                            uint64_t now_ns)
{
    grebe__count_add(&counts->n_started, 1);
    grebe__count_set(&counts->last_started_ns, now_ns);
}

static inline void grebe__call_counts_end(struct grebe__call_counts *counts,
                                          bool is_success, uint64_t latency_ns)
{
    grebe__count_add(is_success ? &counts->n_succeeded : &counts->n_failed, 1);
    grebe__count_add(&counts->latency_ns, latency_ns);
}

/* One connection.  Moments are 0 for what did not happen. */
struct grebe__socket_counts {
    uint64_t streams_started, streams_succeeded, streams_failed;
    uint64_t messages_sent, messages_received;
    uint64_t last_stream_ns, last_sent_ns, last_received_ns;
    uint64_t keepalives_sent;
    uint64_t local_window, remote_window; /* of the connection; int64_t as they come */
    uint64_t max_streams;                 /* the peer's */
    uint64_t goaway;                      /* the code of the first, plus one; 0: none */
};

/* One end of a connection.  The text lives as long as the connection. */
struct grebe__socket_end {
    const char *text; /* "10.0.0.1:443", "unix:/run/s"; NULL: not known */
    bool is_unix;
    uint8_t n_ip; /* bytes of the IP address, 4 or 16; 0: it has none */
    uint8_t ip[16];
    uint16_t port;
};

/* A connection as the book shows it. */
struct grebe__socket {
    struct grebe__socket_counts counts;
    struct grebe__socket_end local, remote;
    const char *cipher; /* of TLS, its standard name, static; NULL: there is no TLS */
};

#endif
