/* SPDX-License-Identifier: Apache-2.0 */
/* h2/internal.h -- what the files of a session share.
 *
 *   session.c     life of the session, what its listener is told, how it ends
 *   transport.c   what the core asks of it
 *   stream.c      life of one stream, and what its listener is told
 *   input.c       what nghttp2 says about frames that arrive
 *   output.c      what nghttp2 asks about frames that leave
 *
 * nghttp2's callbacks tell listeners at once when bytes are being received, and through
 * `report` otherwise.  nghttp2 allows its callbacks to submit frames, so whatever a
 * listener does in return is safe.
 */
#ifndef GREBE_H2_INTERNAL_H
#define GREBE_H2_INTERNAL_H

#include <nghttp2/nghttp2.h>

#include "core/status.h"
#include "h2/codes.h"
#include "h2/deframer.h"
#include "h2/guard.h"
#include "h2/header_block.h"
#include "h2/keepalive.h"
#include "h2/request.h"
#include "h2/response.h"
#include "h2/session.h"

enum {
    /* A stream's window is what RFC 9113 6.9.2 starts with; the connection's is large
     * enough to keep one slow reader from holding up the others. */
    GREBE__STREAM_WINDOW = 65535,
    GREBE__CONNECTION_WINDOW = 16 * 1024 * 1024,
    GREBE__GOAWAY_DEBUG_MAX = 256,
    GREBE__REASON_MAX = 383,
};

/* ---- Stream ------------------------------------------------------------------------ */

/* How a stream ended that has more to say to its listener. */
struct grebe__h2_final {
    struct grebe__status status;
    enum grebe__progress progress;
};

/* What ended a stream where listeners cannot be told. */
enum grebe__h2_local_end {
    GREBE__LOCAL_END_NONE,
    GREBE__LOCAL_END_EXPIRED,     /* started too late for its deadline */
    GREBE__LOCAL_END_NEVER_SENT,  /* its HEADERS will not leave any more */
    GREBE__LOCAL_END_REJECTED,    /* nghttp2 refused to make HEADERS of the request */
    GREBE__LOCAL_END_UNPROCESSED, /* GOAWAY says so */
    GREBE__LOCAL_END_RESET,       /* nghttp2 reset it, with reset_code */
};

/* In stream->state. */
struct grebe__h2_stream {
    struct grebe__list link;   /* h2->streams while it runs */
    struct grebe__list report; /* h2->reports */
    /* What the owner sends, oldest first.  Before `next` is what has left but was not yet
     * reported; `n_next` bytes of `next`, prefix included, have left too. */
    struct grebe__outgoing *outgoing, *next, **outgoing_end;
    size_t n_next;
    uint64_t n_unsent; /* bytes from there on, prefixes included */
    struct grebe__deframer deframer;
    struct grebe__response response;
    struct grebe__h2_final *final; /* it is over, but there are messages to be taken */
    struct grebe__h2_stream *next_yielding; /* valid while is_yielding */
    int32_t id;
    uint32_t n_permits;  /* messages that may be given out */
    uint32_t n_taken;    /* bytes given out or dropped, not yet returned as window */
    uint32_t reset_code; /* of LOCAL_END_RESET */
    uint16_t n_empty;    /* DATA frames without data in a row */
    uint8_t local_end;
    bool is_on_wire : 1;     /* HEADERS have left */
    bool is_half_closed : 1; /* the owner sends nothing more ... */
    bool is_send_done : 1;   /* ... and END_STREAM has left */
    bool is_deferred : 1;    /* nghttp2 waits to be told that there is data */
    bool has_had_turn : 1;   /* it sent a frame, and has more */
    bool is_yielding : 1;    /* on h2->yielding */
    bool is_remote_done : 1; /* the peer's END_STREAM has come */
    bool is_closed : 1;      /* nghttp2 does not know it any more */
    bool has_headers : 1;
    bool has_bytes : 1;
};

static inline struct grebe__h2_stream *grebe__h2_state(struct grebe__stream *stream)
{
    return (struct grebe__h2_stream *)(void *)stream->state;
}

static inline struct grebe__stream *grebe__h2_stream_of(struct grebe__h2_stream *state)
{
    return grebe_container_of(state, struct grebe__stream, state);
}

/* Whatever is in stream->state: nothing is freed. */
void grebe__h2_stream_init(struct grebe__stream *stream);

/* The stream is its owner's again: nothing here or in nghttp2 points to it. */
void grebe__h2_stream_detach(struct grebe__h2 *h2, struct grebe__stream *stream);

/* The stream ends with `status`, after the messages that are still to be taken. */
void grebe__h2_stream_conclude(struct grebe__h2 *h2, struct grebe__stream *stream,
                               const struct grebe_status *status,
                               enum grebe__progress progress);

/* The same with a text made for the occasion. */
void grebe__h2_stream_fail(struct grebe__h2 *h2, struct grebe__stream *stream,
                           enum grebe__progress progress, int code, const char *format,
                           ...) GREBE_PRINTF(5, 6);

/* Now, whatever is still to be taken. */
void grebe__h2_stream_end(struct grebe__h2 *h2, struct grebe__stream *stream,
                          const struct grebe_status *status,
                          enum grebe__progress progress);

/* The end is known when listeners can be told. */
void grebe__h2_stream_end_later(struct grebe__h2 *h2, struct grebe__stream *stream,
                                enum grebe__h2_local_end local_end);

/* Payload has arrived for a stream that is open. */
void grebe__h2_stream_data(struct grebe__h2 *h2, struct grebe__stream *stream,
                           struct grebe__chunk chunk);

/* So many bytes will not be looked at any more. */
void grebe__h2_stream_take(struct grebe__h2_stream *state, uint64_t n);

/* Returns window to the peer, if it is time. */
void grebe__h2_stream_return_window(struct grebe__h2 *h2, struct grebe__stream *stream);

/* Tells the listener what has been put off. */
void grebe__h2_stream_report(struct grebe__h2 *h2, struct grebe__stream *stream);
void grebe__h2_stream_report_later(struct grebe__h2 *h2, struct grebe__stream *stream);

/* What may be sent again elsewhere, as far as this side knows. */
static inline enum grebe__progress
grebe__h2_stream_progress(const struct grebe__h2_stream *state)
{
    return state->is_on_wire ? GREBE__PROCESSED : GREBE__NEVER_SENT;
}

static inline bool grebe__h2_stream_is_over(const struct grebe__h2_stream *state)
{
    return state->final != NULL || state->local_end != GREBE__LOCAL_END_NONE;
}

/* ---- Session ----------------------------------------------------------------------- */

struct grebe__h2 {
    struct grebe__transport transport;
    struct grebe__env *env;
    const struct grebe_mem *mem;
    struct grebe__pool *pool;
    struct grebe__h2_pipe *pipe; /* NULL once lost() was called; so is `session` */
    nghttp2_session *session;
    const struct grebe__transport_options *options;
    struct grebe__request_base base;
    struct grebe__keepalive keepalive;
    struct grebe__guard guard;
    struct grebe__effect report;
    struct grebe__list streams; /* attached, in the order of their ids */
    struct grebe__list reports; /* those with something to report */

    struct grebe__stream *cached;    /* the last that find() found; NULL: none */
    struct grebe__stream *telling;   /* its listener is being told; NULL: it went away */
    struct grebe__stream *receiving; /* whose header block arrives; NULL: nobody's */
    struct grebe__header_block block;
    size_t block_bytes; /* of the header list that arrives */

    struct grebe__h2_batch *batch;                     /* in produce() */
    struct grebe__h2_stream *yielding, **yielding_end; /* wait for their next turn */
    uint32_t n_unsent;        /* streams whose HEADERS nghttp2 still has */
    int32_t not_sent_id;      /* the last request that nghttp2 did not send */
    uint32_t last_stream_id;  /* the last one to use */
    uint32_t max_header_list; /* the peer's, in bytes */
    bool is_ready;
    bool is_over;       /* finish() was called */
    bool is_throttled;  /* too many answers wait for the socket */
    bool is_batch_full; /* in produce() */
    bool takes_turns;   /* nghttp2 would not let streams send by turns */
    bool has_goaway;
    bool has_reported_draining;
    bool has_capacity;      /* on_capacity is due */
    bool is_too_many_pings; /* says GOAWAY */
    bool is_closing;        /* close() was called: `closing` is for the streams */
    struct grebe__status closing;

    /* Of the first GOAWAY, except the last id, which is the latest. */
    uint32_t goaway_code;
    uint32_t goaway_last_id;
    size_t n_goaway_debug;
    unsigned char goaway_debug[GREBE__GOAWAY_DEBUG_MAX];

    char reason[GREBE__REASON_MAX + 1];
};

static inline struct grebe__h2 *grebe__h2_of(struct grebe__transport *transport)
{
    return grebe_container_of(transport, struct grebe__h2, transport);
}

/* NULL if its owner has lost interest, or it never was. */
struct grebe__stream *grebe__h2_find(struct grebe__h2 *h2, int32_t id);

/* The first cause stands. */
void grebe__h2_set_label(struct grebe__h2 *h2, const char *label);

/* The session is over, for this reason. */
void grebe__h2_finish(struct grebe__h2 *h2, const char *label, const char *format, ...)
    GREBE_PRINTF(3, 4);

/* The peer broke the rules: GOAWAY, and over. */
void grebe__h2_terminate(struct grebe__h2 *h2, uint32_t error_code, const char *reason);

/* No new streams; the listener is told, unless it was its own idea. */
void grebe__h2_begin_draining(struct grebe__h2 *h2, const char *label);

void grebe__h2_reset_stream(struct grebe__h2 *h2, int32_t id, uint32_t error_code);
void grebe__h2_report_later(struct grebe__h2 *h2);

/* After anything that may have changed the connection's windows. */
void grebe__h2_show_windows(struct grebe__h2 *h2);

/* There is, or may be, room for another stream. */
void grebe__h2_note_capacity(struct grebe__h2 *h2);

static inline void grebe__h2_wants_write(struct grebe__h2 *h2)
{
    if (h2->pipe != NULL)
        h2->pipe->ops->wants_write(h2->pipe);
}

extern const struct grebe__transport_ops grebe__h2_transport_ops;

void grebe__h2_set_input_callbacks(nghttp2_session_callbacks *callbacks);
void grebe__h2_set_output_callbacks(nghttp2_session_callbacks *callbacks);

/* The stream waits for no turn any more. */
void grebe__h2_forget_turn(struct grebe__h2 *h2, struct grebe__h2_stream *state);

/* After anything that may have queued or sent control frames. */
void grebe__h2_update_throttle(struct grebe__h2 *h2);

/* The provider of a request's DATA. */
nghttp2_data_provider grebe__h2_data_provider(void);

#endif
