/* SPDX-License-Identifier: Apache-2.0 */
/* io/tunnel_dial.h -- a socket that leads through an HTTP proxy.
 *
 *   CONNECTING -> ASKING -> WAITING -> a socket whose next byte is the other end's
 *
 * Of the answer exactly its own bytes are taken from the socket, so that whoever goes on
 * with it needs to know nothing of proxies.
 *
 * Threading   The loop's.
 */
#ifndef GREBE_IO_TUNNEL_DIAL_H
#define GREBE_IO_TUNNEL_DIAL_H

#include "core/hop.h"
#include "core/transport.h"

struct grebe_loop;
struct grebe__tunnel_dial;

/* Who waits.  Hears in a later turn, once, unless it cancels. */
struct grebe__tunnel_owner {
    /* `fd` is the owner's; -1: `error`, borrowed, says why, without naming the proxy. */
    void (*on_tunnel)(struct grebe__tunnel_owner *owner, int fd, const char *error);
};

enum { GREBE__TUNNEL_DIAL_ERROR_MAX = 256 };

/* Start connecting to `destination`, "host:port", through `hop`.  Inside a turn.  NULL:
 * `error` says why. */
struct grebe__tunnel_dial *grebe__tunnel_dial_start(
    struct grebe_loop *loop, const struct grebe__hop *hop, const char *destination,
    const struct grebe__transport_options *options, struct grebe__tunnel_owner *owner,
    char error[GREBE__TUNNEL_DIAL_ERROR_MAX]);

/* The owner waits no more: close. */
void grebe__tunnel_dial_cancel(struct grebe__tunnel_dial *dial);

/* What it is doing: "connect", or what the proxy is waited for. */
const char *grebe__tunnel_dial_stage(const struct grebe__tunnel_dial *dial);

#endif
