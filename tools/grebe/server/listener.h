/* SPDX-License-Identifier: Apache-2.0 */
/* server/listener.h -- a socket that connections come in by. */
#ifndef TOOL_SERVER_LISTENER_H
#define TOOL_SERVER_LISTENER_H

#include <uv.h>

#include "server/address.h"

struct listener;
struct server_loop;

/* Somebody wants in: uv_accept(stream, ...). */
typedef void (*listener_fn)(void *arg, uv_stream_t *stream);

/* Binds and listens.  A port that was 0 is filled in, in *address.  `congestion` is a
 * TCP_CONGESTION name or NULL.  0 or a negative errno value. */
int listener_open(struct server_loop *loop, struct listen_address *address,
                  const char *congestion, listener_fn on_connection, void *arg,
                  struct listener **out);

/* Nobody gets in any more; frees itself while the loop goes on.  NULL: no-op. */
void listener_close(struct listener *listener);

#endif
