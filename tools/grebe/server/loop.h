/* SPDX-License-Identifier: Apache-2.0 */
/* server/loop.h -- what all backends of a uv loop share.
 *
 * Buffers, free lists and deadlines; and the list of connections that may have something
 * to send.  It is worked off twice a turn: before the loop goes to sleep, for what timers
 * have caused, and after it has read what was there to read.
 */
#ifndef TOOL_SERVER_LOOP_H
#define TOOL_SERVER_LOOP_H

#include <nghttp2/nghttp2.h>
#include <sys/queue.h>
#include <uv.h>

#include "bytes.h"
#include "deadline.h"
#include "slab.h"

struct connection;

TAILQ_HEAD(connection_list, connection);

enum {
    SERVER_INPUT_BYTES = 256 * 1024,  /* what one read may bring */
    SERVER_OUTPUT_BYTES = 256 * 1024, /* what one write may hold; and a frame more */
};

struct server_loop {
    uv_loop_t *uv;
    uv_prepare_t prepare; /* flushes what timers have caused */
    uv_check_t check;     /* flushes what reads have caused */
    unsigned n_handles;   /* that are not closed yet */
    struct deadlines deadlines;
    struct slab slab;
    struct connection_list dirty;         /* have something to send, or may have */
    struct bytes out;                     /* of the connection that is being flushed */
    unsigned char *input;                 /* of the connection that is being read */
    nghttp2_session_callbacks *callbacks; /* of every session */
    nghttp2_option *options;
    nghttp2_mem mem;
};

/* Handles hold the loop until they are closed. */
void server_loop_retain(struct server_loop *loop);
void server_loop_release(struct server_loop *loop);

#endif
