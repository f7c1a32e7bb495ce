/* SPDX-License-Identifier: Apache-2.0 */
/* core/subconn.h -- one address (or a few), at most one connection, five states.
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
 * Source: grpc-go addrConn; gRPC connection backoff protocol; gRFC A94 for labels.
 */
#ifndef GREBE_CORE_SUBCONN_H
#define GREBE_CORE_SUBCONN_H

#include "core/channel.h"
#include "core/client_conn.h"
#include "core/status.h"
#include "core/transport.h"

struct grebe__subconn {
    struct grebe_subconn base;
    struct grebe_channel *channel; /* alive until SHUTDOWN is delivered */
    struct grebe__list link;       /* on channel->subconns until then */
    enum grebe_connectivity state;
    uint32_t n_addresses, at;         /* the address being dialled, or connected to */
    struct grebe_address **addresses; /* n_addresses references */

    struct grebe__dial dial;            /* in CONNECTING */
    struct grebe__transport *transport; /* in READY; it may outlive us when it drains */
    struct grebe__list waiting;         /* calls that wait for a stream of `transport` */
    struct grebe__timer timer;          /* connect deadline, or end of the backoff */
    unsigned n_failures;                /* rounds in a row: the index of the backoff */
    uint64_t backoff_ns;                /* of this round, drawn when it started */
    struct grebe__status round_error;   /* the first of this round */
    struct grebe__status last_error;    /* the latest; OK if there was none */
    uint64_t last_error_ns;
    uint64_t churn_since_ns; /* of connections lost before they answered anything: */
    uint32_t n_churned;      /* when the counting began, and how many */
};

/* IDLE.  For the root client_conn of `channel`. */
int grebe__subconn_new(struct grebe_channel *channel,
                       const struct grebe_subconn_options *options,
                       struct grebe_subconn **out);

/* `subconn` if it is one of `channel`'s, else NULL. */
struct grebe__subconn *grebe__subconn_of(struct grebe_channel *channel,
                                         struct grebe_subconn *subconn);

/* Backoff starts from its beginning; a subconn that waits goes back to IDLE now. */
void grebe__subconn_reset_backoff(struct grebe__subconn *subconn);

#endif
