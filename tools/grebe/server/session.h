/* SPDX-License-Identifier: Apache-2.0 */
/* server/session.h -- HTTP/2 frames become events of calls. */
#ifndef TOOL_SERVER_SESSION_H
#define TOOL_SERVER_SESSION_H

#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stdint.h>

struct connection;

/* Callbacks of all sessions.  0, or out of memory. */
int session_callbacks_new(nghttp2_session_callbacks **out);

/* Fills connection->session; `max_streams` 0: 100 000.  False: out of memory. */
bool session_start(struct connection *connection, uint64_t max_streams);

#endif
