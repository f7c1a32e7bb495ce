/* SPDX-License-Identifier: Apache-2.0 */
/* core/subconn.h -- one address (or a few), one connection as a rule, five states.
 *
 *            connect               dial yields a transport
 *   IDLE ------------> CONNECTING -------------------------> READY
 *    ^ ^                   |                                   |
 *    | |   backoff ends    | every address failed, or deadline | draining, lost
 *    | +----------- TRANSIENT_FAILURE                          |
 *    +---------------------------------------------------------+
 *
 * A subconn never connects by itself: after each return to IDLE the policy asks again.
 * Shutdown is possible from anywhere and final.
 *
 * Health      A subconn that wants health checks is CONNECTING until the backend has said how
 *             it is, and then READY or TRANSIENT_FAILURE, back and forth, for as long as it
 *             is connected.
 * Scaling     When the service config allows more than one connection, calls that find no
 *             room on those there are have another one made, one at a time.  While there is
 *             any the state is READY, whatever the attempt does.  Without one it is what
 *             the attempt says: CONNECTING while it runs, TRANSIENT_FAILURE in its backoff,
 *             else IDLE.  So READY may then be followed by any of these (gRFC A105).
 *
 * Source: grpc-go addrConn; gRPC connection backoff protocol; gRFC A105.
 */
#ifndef GREBE_CORE_SUBCONN_H
#define GREBE_CORE_SUBCONN_H

#include "channelz/book.h"
#include "core/channel.h"
#include "core/client_conn.h"
#include "core/status.h"
#include "core/transport.h"

/* What a subconn is doing to have a connection, or one more. */
enum grebe__attempt {
    GREBE__ATTEMPT_NONE,
    GREBE__ATTEMPT_DIALLING, /* a round through the addresses */
    GREBE__ATTEMPT_BACKOFF,  /* the last round failed; the next has to wait */
};

struct grebe__subconn {
    struct grebe_subconn base;
    struct grebe_channel *channel; /* alive until SHUTDOWN is delivered */
    struct grebe__list link;       /* on channel->subconns until then */
    enum grebe_connectivity state;
    enum grebe__attempt attempt;
    uint32_t n_addresses, at;                   /* of those, the one being dialled */
    struct grebe_address **addresses;           /* n_addresses references */
    struct grebe_credentials *credentials;      /* a reference; NULL: the channel's */
    const struct grebe__backend_labels *labels; /* of the first address; NULL: none */
    bool wants_health_check; /* while connected, the state is what the backend says */

    struct grebe__dial dial;       /* in GREBE__ATTEMPT_DIALLING */
    struct grebe__list transports; /* oldest first; none but in READY */
    uint32_t n_transports;
    struct grebe__list waiting; /* calls that wait for a stream on one of them */
    struct grebe__list streams; /* of feeds: subconn_stream.c's */
    struct grebe__call_counts counts;
    struct grebe__health *health;            /* that is asked for; NULL: it is not */
    struct grebe__health *own_health;        /* owned: what the state depends on */
    struct grebe_producer_hold *health_hold; /* what a listener depends on */
    struct grebe__channel_entity *entity;    /* in the book; or NULL */
    struct grebe__timer timer; /* of the attempt: connect deadline, end of the backoff */
    unsigned n_failures;       /* rounds in a row: the index of the backoff */
    uint64_t backoff_ns;       /* of this round, drawn when it started */
    struct grebe__status round_error; /* the first of this round */
    struct grebe__status last_error;  /* the latest; OK if there was none */
    uint64_t last_error_ns;
};

/* IDLE.  For the root client_conn of `channel`. */
int grebe__subconn_new(struct grebe_channel *channel,
                       const struct grebe_subconn_options *options,
                       struct grebe_subconn **out);

/* `subconn` if it is one of `channel`'s, else NULL. */
struct grebe__subconn *grebe__subconn_of(struct grebe_channel *channel,
                                         struct grebe_subconn *subconn);

/* The connection for the next call: the oldest that has room, but NULL if calls wait
 * already, or there is no room: wait too, and then say so with _wants_more(). */
struct grebe__transport *grebe__subconn_transport(const struct grebe__subconn *subconn);

/* The oldest connection that has room, whoever waits; NULL: none has. */
struct grebe__transport *grebe__subconn_room(const struct grebe__subconn *subconn);

/* A call that it was picked for is over. */
void grebe__subconn_call_ends(struct grebe_subconn *base, bool is_success,
                              uint64_t latency_ns);

/* In READY. */
struct grebe__transport *grebe__subconn_oldest(const struct grebe__subconn *subconn);

/* `transport`, which seemed to have room, takes no more streams.  The call goes to another
 * connection of its subconn, or waits for one. */
void grebe__subconn_refused(struct grebe__transport *transport, struct grebe_call *call);

/* Calls wait, or more connections are allowed than before. */
void grebe__subconn_wants_more(struct grebe__subconn *subconn);

/* Backoff starts from its beginning; a subconn that waits goes back to IDLE now. */
void grebe__subconn_reset_backoff(struct grebe__subconn *subconn);

#endif
