/* SPDX-License-Identifier: Apache-2.0 */
/* h2/keepalive.h -- is the peer still there?
 *
 *   LISTENING --nothing read for `time`--> WAITING --nothing read for `timeout`--> dead
 *       ^  \--no calls, and none needed--> DORMANT        |
 *       |                                     |           |
 *       +-------------a call starts-----------+           |
 *       +--------------------anything is read-------------+
 *
 * Any byte that arrives is a sign of life, not only the answer to a PING.  The clock runs
 * from the last byte read, never from the last PING sent.
 *
 * Sources     gRFC A8 and A9; grpc-go package keepalive.
 */
#ifndef GREBE_H2_KEEPALIVE_H
#define GREBE_H2_KEEPALIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/env.h"

enum grebe__keepalive_state {
    GREBE__KEEPALIVE_OFF,
    GREBE__KEEPALIVE_LISTENING, /* the timer says when it has been quiet for long */
    GREBE__KEEPALIVE_WAITING,   /* for a sign of life, after a PING */
    GREBE__KEEPALIVE_DORMANT,   /* no timer */
};

struct grebe__keepalive;

struct grebe__keepalive_ops {
    /* Send a PING. */
    void (*ping)(struct grebe__keepalive *keepalive);
    /* The peer is gone.  Once. */
    void (*dead)(struct grebe__keepalive *keepalive);
    bool (*has_calls)(struct grebe__keepalive *keepalive);
};

struct grebe__keepalive {
    const struct grebe__keepalive_ops *ops;
    struct grebe__env *env;
    struct grebe__timer timer;
    uint64_t time_ns;
    uint64_t timeout_ns;
    uint64_t last_read_ns;
    bool works_without_calls;
    enum grebe__keepalive_state state;
};

/* Less than ten seconds between two PINGs is taken for ten (gRFC A8); UINT64_MAX: OFF. */
void grebe__keepalive_init(struct grebe__keepalive *keepalive, struct grebe__env *env,
                           const struct grebe__keepalive_ops *ops, uint64_t time_ns,
                           uint64_t timeout_ns, bool works_without_calls);

/* The connection is in use from now on. */
void grebe__keepalive_start(struct grebe__keepalive *keepalive);
void grebe__keepalive_stop(struct grebe__keepalive *keepalive);

/* Something was read. */
void grebe__keepalive_read(struct grebe__keepalive *keepalive);

/* A call is about to start; its HEADERS follow a PING, if one is due. */
void grebe__keepalive_call(struct grebe__keepalive *keepalive);

#endif
