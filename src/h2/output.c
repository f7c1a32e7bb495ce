/* SPDX-License-Identifier: Apache-2.0 */
/* Frames that leave.  nghttp2 decides which is next; small things are copied into the
 * batch, payloads of some size go by reference. */
#include <assert.h>
#include <string.h>

#include "base/assert.h"
#include "h2/internal.h"

enum {
    FRAME_BYTES_MAX = 16384 + GREBE__FRAME_HEADER_BYTES, /* of those we send */
    ROOM_BYTES_MIN = 2 * FRAME_BYTES_MAX,
    /* Below this a copy costs less than a span of its own. */
    REFERENCE_BYTES_MIN = 4096,
    /* One DATA frame: header and prefixes, and payloads between them. */
    FRAME_SPANS_MAX = 2 * (16384 / REFERENCE_BYTES_MIN) + 1,
    /* Answers to control frames that may wait before reading stops, and goes on. */
    THROTTLE_FRAMES = 100,
    RESUME_FRAMES = 50,
};

/* ---- Batch ------------------------------------------------------------------------- */

static_assert((int)GREBE__H2_BATCH_BYTES_MIN >= (int)ROOM_BYTES_MIN, "a batch has room");

/* For the frame that nghttp2 hands out and, in front of it, any DATA it asks for: both are
 * decided before their sizes are known. */
static bool has_room(const struct grebe__h2_batch *batch)
{
    return batch->total < batch->limit &&
           batch->size - batch->n_copied >= ROOM_BYTES_MIN &&
           GREBE__H2_BATCH_SPANS - batch->n_spans > FRAME_SPANS_MAX;
}

static void refer(struct grebe__h2_batch *batch, const void *bytes, size_t length)
{
    batch->spans[batch->n_spans++] = (struct grebe__h2_span){bytes, length};
    batch->total += length;
}

/* Copies that follow each other share a span. */
static void copy(struct grebe__h2_batch *batch, const void *bytes, size_t length)
{
    unsigned char *at = batch->bytes + batch->n_copied;
    struct grebe__h2_span *last =
        batch->n_spans == 0 ? NULL : &batch->spans[batch->n_spans - 1];

    memcpy(at, bytes, length);
    batch->n_copied += length;
    if (last != NULL && (const unsigned char *)last->bytes + last->length == at) {
        last->length += length;
        batch->total += length;
    } else {
        refer(batch, at, length);
    }
}

/* ---- What the owner sends ---------------------------------------------------------- */

/* Of the next message: up to `n` bytes of its prefix, or of its payload.  The result is
 * how many. */
static size_t move_prefix(struct grebe__h2_stream *state, struct grebe__h2_batch *batch,
                          size_t n)
{
    size_t length = state->next->length;
    size_t left = GREBE__PREFIX_BYTES - state->n_next;
    size_t part = n < left ? n : left;
    const unsigned char prefix[GREBE__PREFIX_BYTES] = {
        0,
        (unsigned char)(length >> 24),
        (unsigned char)(length >> 16),
        (unsigned char)(length >> 8),
        (unsigned char)length,
    };

    copy(batch, prefix + state->n_next, part);
    return part;
}

static size_t move_payload(struct grebe__h2_stream *state, struct grebe__h2_batch *batch,
                           size_t n)
{
    const unsigned char *bytes = state->next->bytes;
    size_t at = state->n_next - GREBE__PREFIX_BYTES;
    size_t left = state->next->length - at;
    size_t part = n < left ? n : left;

    if (part >= REFERENCE_BYTES_MIN)
        refer(batch, bytes + at, part);
    else
        copy(batch, bytes + at, part);
    return part;
}

/* The next `n` bytes of what the owner sends, all of which are there.  The result is how
 * many messages end with them. */
static size_t move_outgoing(struct grebe__h2_stream *state, struct grebe__h2_batch *batch,
                            size_t n)
{
    size_t n_messages = 0;

    state->n_unsent -= n;
    while (n > 0) {
        size_t part = state->n_next < GREBE__PREFIX_BYTES ? move_prefix(state, batch, n)
                                                          : move_payload(state, batch, n);

        n -= part;
        state->n_next += part;
        if (state->n_next == GREBE__PREFIX_BYTES + state->next->length) {
            state->next = state->next->next;
            state->n_next = 0;
            n_messages++;
        }
    }
    return n_messages;
}

/* ---- Turns ------------------------------------------------------------------------- */

/* A stream that has sent a frame and has more steps back until nghttp2 has nothing else to
 * send; then all that stepped back get their next frame. */
static void yield(struct grebe__h2 *h2, struct grebe__h2_stream *state)
{
    state->has_had_turn = false;
    state->is_yielding = true;
    state->next_yielding = NULL;
    *h2->yielding_end = state;
    h2->yielding_end = &state->next_yielding;
}

void grebe__h2_forget_turn(struct grebe__h2 *h2, struct grebe__h2_stream *state)
{
    struct grebe__h2_stream **at = &h2->yielding;

    if (!state->is_yielding)
        return;
    while (*at != state)
        at = &(*at)->next_yielding;
    *at = state->next_yielding;
    if (*at == NULL)
        h2->yielding_end = at;
    state->is_yielding = false;
}

static bool begin_round(struct grebe__h2 *h2)
{
    if (h2->yielding == NULL)
        return false;
    while (h2->yielding != NULL) {
        struct grebe__h2_stream *state = h2->yielding;

        grebe__h2_forget_turn(h2, state);
        if (nghttp2_session_resume_data(h2->session, state->id) == NGHTTP2_ERR_NOMEM)
            grebe__h2_finish(h2, "unknown", "out of memory");
    }
    return true;
}

/* ---- nghttp2 asks for DATA --------------------------------------------------------- */

/* How much of the next DATA frame there is.  A stream whose owner has gone is silent: its
 * RST_STREAM is on the way, or the connection ends. */
static ssize_t on_read(nghttp2_session *session, int32_t id, uint8_t *buf, size_t length,
                       uint32_t *flags, nghttp2_data_source *source, void *user_data)
{
    struct grebe__h2 *h2 = user_data;
    struct grebe__stream *stream = grebe__h2_find(h2, id);
    struct grebe__h2_stream *state;
    size_t n;

    (void)session, (void)buf, (void)source;
    if (stream == NULL)
        return NGHTTP2_ERR_DEFERRED;
    if (!has_room(h2->batch)) {
        h2->is_batch_full = true;
        return NGHTTP2_ERR_PAUSE;
    }
    state = grebe__h2_state(stream);
    if (state->n_unsent == 0 && !state->is_half_closed) {
        state->is_deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    if (h2->takes_turns && state->has_had_turn) {
        yield(h2, state);
        return NGHTTP2_ERR_DEFERRED;
    }
    n = state->n_unsent < length ? (size_t)state->n_unsent : length;
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (state->is_half_closed && n == state->n_unsent)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)n;
}

/* Follows on_read() at once. */
static int on_send_data(nghttp2_session *session, nghttp2_frame *frame,
                        const uint8_t *header, size_t length, nghttp2_data_source *source,
                        void *user_data)
{
    struct grebe__h2 *h2 = user_data;
    struct grebe__stream *stream = grebe__h2_find(h2, frame->hd.stream_id);
    struct grebe__h2_stream *state;
    size_t n_messages;

    (void)session, (void)source;
    if (stream == NULL)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    state = grebe__h2_state(stream);
    copy(h2->batch, header, GREBE__FRAME_HEADER_BYTES);
    n_messages = move_outgoing(state, h2->batch, length);
    state->has_had_turn = state->n_unsent > 0;
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
        state->is_send_done = true;
    if (n_messages == 0)
        return 0;
    grebe__count_add(&h2->transport.socket.counts.messages_sent, n_messages);
    grebe__count_set(&h2->transport.socket.counts.last_sent_ns, h2->env->now_ns);
    grebe__h2_stream_report_later(h2, stream);
    return 0;
}

nghttp2_data_provider grebe__h2_data_provider(void)
{
    return (nghttp2_data_provider){.source.ptr = NULL, .read_callback = on_read};
}

/* ---- What became of a frame -------------------------------------------------------- */

static bool is_request(const nghttp2_frame *frame)
{
    return frame->hd.type == NGHTTP2_HEADERS &&
           frame->headers.cat == NGHTTP2_HCAT_REQUEST;
}

/* nghttp2 sends GOAWAY by itself when the peer broke the rules, and puts the reason into
 * the debug data. */
static void on_goaway_sent(struct grebe__h2 *h2, const nghttp2_goaway *goaway)
{
    int n = (int)goaway->opaque_data_len;

    if (goaway->error_code != NGHTTP2_NO_ERROR)
        grebe__h2_finish(h2, "unknown", "HTTP/2 error %s%s%.*s",
                         grebe__h2_error_name(goaway->error_code), n > 0 ? ": " : "", n,
                         n > 0 ? (const char *)goaway->opaque_data : "");
}

static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame,
                         void *user_data)
{
    struct grebe__h2 *h2 = user_data;
    struct grebe__stream *stream;

    (void)session;
    if (is_request(frame)) {
        stream = grebe__h2_find(h2, frame->hd.stream_id);
        h2->n_unsent--;
        if (stream != NULL)
            grebe__h2_state(stream)->is_on_wire = true;
    } else if (frame->hd.type == NGHTTP2_GOAWAY) {
        on_goaway_sent(h2, &frame->goaway);
    }
    return 0;
}

/* The close code that follows is nghttp2's invention, REFUSED_STREAM even for a request
 * that no peer ever saw: what counts is the reason given here. */
static int on_frame_not_send(nghttp2_session *session, const nghttp2_frame *frame,
                             int lib_error, void *user_data)
{
    struct grebe__h2 *h2 = user_data;
    struct grebe__stream *stream;

    (void)session;
    if (!is_request(frame))
        return 0;
    h2->n_unsent--;
    h2->not_sent_id = frame->hd.stream_id;
    stream = grebe__h2_find(h2, frame->hd.stream_id);
    if (stream == NULL || grebe__h2_stream_is_over(grebe__h2_state(stream)))
        return 0;
    switch (lib_error) {
    case NGHTTP2_ERR_START_STREAM_NOT_ALLOWED:
    case NGHTTP2_ERR_STREAM_ID_NOT_AVAILABLE:
    case NGHTTP2_ERR_SESSION_CLOSING:
        grebe__h2_stream_end_later(h2, stream, GREBE__LOCAL_END_NEVER_SENT);
        return 0;
    default:
        grebe__h2_stream_end_later(h2, stream, GREBE__LOCAL_END_REJECTED);
        return 0;
    }
}

void grebe__h2_set_output_callbacks(nghttp2_session_callbacks *callbacks)
{
    nghttp2_session_callbacks_set_send_data_callback(callbacks, on_send_data);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks,
                                                             on_frame_not_send);
}

/* ---- Produce ----------------------------------------------------------------------- */

/* Requests wait for nothing but the next batch, and do not count. */
void grebe__h2_update_throttle(struct grebe__h2 *h2)
{
    size_t n = nghttp2_session_get_outbound_queue_size(h2->session);
    size_t limit = h2->is_throttled ? RESUME_FRAMES : THROTTLE_FRAMES;

    h2->is_throttled = n > h2->n_unsent && n - h2->n_unsent > limit;
}

bool grebe__h2_wants_read(const struct grebe__h2 *h2)
{
    return !h2->is_throttled;
}

bool grebe__h2_produce(struct grebe__h2 *h2, struct grebe__h2_batch *batch)
{
    GREBE_ASSERT(batch->size >= GREBE__H2_BATCH_BYTES_MIN);
    batch->n_copied = batch->total = batch->n_spans = 0;
    h2->batch = batch;
    h2->is_batch_full = false;
    while (!h2->is_batch_full) {
        const uint8_t *bytes;
        ssize_t n;

        if (!has_room(batch)) {
            h2->is_batch_full = nghttp2_session_want_write(h2->session) != 0;
            break;
        }
        n = nghttp2_session_mem_send(h2->session, &bytes);
        if (n < 0)
            grebe__h2_finish(h2, "unknown", "HTTP/2: %s", nghttp2_strerror((int)n));
        if (n > 0)
            copy(batch, bytes, (size_t)n);
        else if (n < 0 || h2->is_batch_full || !begin_round(h2))
            break;
    }
    h2->batch = NULL;
    grebe__h2_update_throttle(h2);
    grebe__h2_show_windows(h2);
    return h2->is_batch_full;
}
