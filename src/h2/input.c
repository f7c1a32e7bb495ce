/* SPDX-License-Identifier: Apache-2.0 */
/* Frames that arrive.  nghttp2 has checked their form; what they mean is decided here and
 * in h2/response.h. */
#include <string.h>

#include "base/text.h"
#include "h2/internal.h"

enum {
    /* Header lists up to the limit we announced are taken, larger ones end their stream,
     * and one of this size is no mistake any more. */
    HEADER_LIST_FLOOD = 1024 * 1024,
    EMPTY_DATA_MAX = 1000,
    PEER_MAX = 256, /* of its name in a message */
};

static const char too_many_pings[] = "too_many_pings";

/* ---- Verdicts ---------------------------------------------------------------------- */

/* The server is done with the stream; if we are not, it shall hear that we stop. */
static void reset_what_is_open(struct grebe__h2 *h2, const struct grebe__h2_stream *state,
                               const struct grebe__verdict *verdict)
{
    if (state->is_closed || (state->is_remote_done && state->is_send_done))
        return;
    grebe__h2_reset_stream(h2, state->id,
                           verdict->has_reset ? verdict->reset_code : NGHTTP2_NO_ERROR);
}

/* Whose answer is not as it should be is said with what is wrong with it. */
static void conclude_by_us(struct grebe__h2 *h2, struct grebe__stream *stream,
                           const struct grebe_status *why)
{
    char buf[PEER_MAX + GREBE__VERDICT_TEXT_MAX];
    struct grebe__text text = grebe__text_init(buf, sizeof buf);
    struct grebe_status status;

    grebe__text_printf(&text, "%.*s: ", PEER_MAX, h2->transport.peer);
    grebe__text_printf(&text, "%s", why->message);
    status = grebe_status_of(why->code, buf);
    grebe__h2_stream_conclude(h2, stream, &status, GREBE__PROCESSED);
}

static void act_on(struct grebe__h2 *h2, struct grebe__stream *stream,
                   const struct grebe__verdict *verdict)
{
    struct grebe__h2_stream *state = grebe__h2_state(stream);

    switch (verdict->action) {
    case GREBE__RESPONSE_NOTHING:
        return;
    case GREBE__RESPONSE_HEADERS:
        state->has_headers = true;
        stream->listener->on_headers(stream);
        return;
    case GREBE__RESPONSE_END:
        reset_what_is_open(h2, state, verdict);
        if (verdict->is_from_server)
            grebe__h2_stream_conclude(h2, stream, &verdict->status.view,
                                      GREBE__PROCESSED);
        else
            conclude_by_us(h2, stream, &verdict->status.view);
        return;
    }
}

/* ---- Header blocks ----------------------------------------------------------------- */

/* A stream that is over takes nothing more, one whose answer is not gRPC no fields. */
static struct grebe_metadata *metadata_for(struct grebe__stream *stream, bool is_end)
{
    switch (grebe__h2_state(stream)->response.state) {
    case GREBE__RESPONSE_WAIT_HEADERS:
        return is_end ? stream->trailers : stream->headers;
    case GREBE__RESPONSE_OPEN:
        return is_end ? stream->trailers : NULL;
    default:
        return NULL;
    }
}

/* Nobody wants the rest of it. */
static void drop_block(struct grebe__h2 *h2)
{
    if (h2->receiving != NULL)
        grebe__header_block_fini(&h2->block);
    h2->receiving = NULL;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame,
                            void *user_data)
{
    struct grebe__h2 *h2 = user_data;
    struct grebe__stream *stream = grebe__h2_find(h2, frame->hd.stream_id);
    bool is_end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;

    (void)session;
    h2->block_bytes = 0;
    drop_block(h2);
    if (stream == NULL || h2->is_over ||
        grebe__h2_stream_is_over(grebe__h2_state(stream)))
        return 0;
    h2->receiving = stream;
    h2->transport.has_answered = true;
    grebe__h2_state(stream)->has_bytes = true;
    grebe__header_block_begin(&h2->block, stream->mem, metadata_for(stream, is_end),
                              is_end);
    return 0;
}

static void refuse_large_block(struct grebe__h2 *h2, struct grebe__stream *stream)
{
    drop_block(h2);
    grebe__h2_reset_stream(h2, grebe__h2_state(stream)->id, NGHTTP2_FRAME_SIZE_ERROR);
    grebe__h2_stream_fail(h2, stream, GREBE__PROCESSED, GREBE_STATUS_INTERNAL,
                          "%s: peer header list size exceeded limit (%u bytes)",
                          h2->transport.peer,
                          (unsigned)h2->options->max_header_list_bytes);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame,
                     const uint8_t *name, size_t name_length, const uint8_t *value,
                     size_t value_length, uint8_t flags, void *user_data)
{
    struct grebe__h2 *h2 = user_data;

    (void)session, (void)frame, (void)flags;
    h2->block_bytes += name_length + value_length + GREBE__FIELD_OVERHEAD;
    if (h2->block_bytes > HEADER_LIST_FLOOD) {
        grebe__h2_terminate(h2, NGHTTP2_ENHANCE_YOUR_CALM,
                            "a header list of more than a megabyte");
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* no more fields of this one */
    }
    if (h2->receiving == NULL)
        return 0;
    if (h2->block_bytes > h2->options->max_header_list_bytes)
        refuse_large_block(h2, h2->receiving);
    else
        grebe__header_block_field(&h2->block, (const char *)name, name_length,
                                  (const char *)value, value_length);
    return 0;
}

static int on_invalid_header(nghttp2_session *session, const nghttp2_frame *frame,
                             const uint8_t *name, size_t name_length,
                             const uint8_t *value, size_t value_length, uint8_t flags,
                             void *user_data)
{
    struct grebe__h2 *h2 = user_data;

    (void)session, (void)frame, (void)value, (void)flags;
    h2->block_bytes += name_length + value_length + GREBE__FIELD_OVERHEAD;
    if (h2->receiving != NULL)
        grebe__header_block_invalid_field(&h2->block, (const char *)name, name_length);
    return 0;
}

static void on_headers(struct grebe__h2 *h2, const nghttp2_frame *frame)
{
    struct grebe__stream *stream = h2->receiving;
    struct grebe__h2_stream *state;
    struct grebe__verdict verdict;

    if (stream == NULL)
        return;
    state = grebe__h2_state(stream);
    state->is_remote_done = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    grebe__verdict_init(&verdict, stream->mem);
    grebe__response_block(&state->response, &h2->block, &verdict);
    drop_block(h2);
    act_on(h2, stream, &verdict);
    grebe__verdict_fini(&verdict);
}

/* ---- DATA -------------------------------------------------------------------------- */

static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t id,
                         const uint8_t *bytes, size_t length, void *user_data)
{
    struct grebe__h2 *h2 = user_data;
    struct grebe__stream *stream = grebe__h2_find(h2, id);
    struct grebe__h2_stream *state;
    struct grebe__verdict verdict;

    (void)flags;
    /* The connection's window comes back at once: a stream that nobody reads must not
     * stop the others. */
    if (nghttp2_session_consume_connection(session, length) != 0)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    if (stream == NULL || grebe__h2_stream_is_over(grebe__h2_state(stream)))
        return 0;
    state = grebe__h2_state(stream);
    if (state->response.state != GREBE__RESPONSE_NON_GRPC) {
        grebe__h2_stream_data(h2, stream, (struct grebe__chunk){bytes, length});
        return 0;
    }
    grebe__verdict_init(&verdict, stream->mem);
    grebe__response_body(&state->response, bytes, length, &verdict);
    act_on(h2, stream, &verdict);
    grebe__verdict_fini(&verdict);
    return 0;
}

static void on_data_end(struct grebe__h2 *h2, struct grebe__stream *stream)
{
    struct grebe__h2_stream *state = grebe__h2_state(stream);
    struct grebe__verdict verdict;

    state->is_remote_done = true;
    grebe__verdict_init(&verdict, stream->mem);
    grebe__response_data_end(&state->response, &verdict);
    act_on(h2, stream, &verdict);
    grebe__verdict_fini(&verdict);
}

static void on_data(struct grebe__h2 *h2, const nghttp2_frame *frame)
{
    struct grebe__stream *stream = grebe__h2_find(h2, frame->hd.stream_id);
    struct grebe__h2_stream *state;

    if (stream == NULL || grebe__h2_stream_is_over(grebe__h2_state(stream)))
        return;
    state = grebe__h2_state(stream);
    if (frame->data.padlen > 0) {
        grebe__h2_stream_take(state, frame->data.padlen);
        grebe__h2_stream_return_window(h2, stream);
    }
    if (frame->hd.length > frame->data.padlen)
        state->n_empty = 0;
    else if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0 &&
             ++state->n_empty > EMPTY_DATA_MAX) {
        grebe__h2_reset_stream(h2, state->id, NGHTTP2_ENHANCE_YOUR_CALM);
        grebe__h2_stream_fail(h2, stream, GREBE__PROCESSED, GREBE_STATUS_INTERNAL,
                              "%s: more than %d DATA frames in a row without data",
                              h2->transport.peer, EMPTY_DATA_MAX);
        return;
    }
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
        on_data_end(h2, stream);
}

/* ---- RST_STREAM -------------------------------------------------------------------- */

static void on_rst_stream(struct grebe__h2 *h2, const nghttp2_frame *frame)
{
    struct grebe__stream *stream = grebe__h2_find(h2, frame->hd.stream_id);
    uint32_t error = frame->rst_stream.error_code;
    enum grebe__progress progress = GREBE__PROCESSED;
    struct grebe__h2_stream *state;
    int code = grebe__h2_error_status(error);

    if (stream == NULL || grebe__h2_stream_is_over(grebe__h2_state(stream)))
        return;
    state = grebe__h2_state(stream);
    state->has_bytes = true;
    if (error == NGHTTP2_REFUSED_STREAM && !state->has_headers)
        progress = GREBE__UNPROCESSED;
    /* A server that enforces our deadline says CANCEL. */
    if (error == NGHTTP2_CANCEL && stream->deadline_ns <= h2->env->now_ns)
        code = GREBE_STATUS_DEADLINE_EXCEEDED;
    grebe__h2_stream_fail(h2, stream, progress, code,
                          "stream reset by %s: HTTP/2 error %s (%u)", h2->transport.peer,
                          grebe__h2_error_name(error), (unsigned)error);
}

/* ---- The connection ---------------------------------------------------------------- */

/* The newest requests that still wait for a batch, and that the peer has not asked for:
 * they would wait in nghttp2, where nobody sees them. */
static void take_back(struct grebe__h2 *h2, uint32_t n_allowed)
{
    uint32_t n = h2->transport.n_streams;

    for (struct grebe__list *link = h2->streams.prev;
         link != &h2->streams && n > n_allowed; link = link->prev) {
        struct grebe__h2_stream *state =
            grebe_container_of(link, struct grebe__h2_stream, link);

        if (state->is_on_wire)
            return;
        n--;
        if (!grebe__h2_stream_is_over(state))
            grebe__h2_stream_end_later(h2, grebe__h2_stream_of(state),
                                       GREBE__LOCAL_END_NEVER_SENT);
    }
}

static void on_settings(struct grebe__h2 *h2, const nghttp2_frame *frame)
{
    uint32_t before = h2->transport.max_streams;

    if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0)
        return;
    h2->transport.max_streams = nghttp2_session_get_remote_settings(
        h2->session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    grebe__count_set(&h2->transport.socket.counts.max_streams, h2->transport.max_streams);
    h2->max_header_list = nghttp2_session_get_remote_settings(
        h2->session, NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE);
    if (!h2->is_ready) {
        h2->is_ready = true;
        grebe__keepalive_start(&h2->keepalive);
        return;
    }
    take_back(h2, h2->transport.max_streams);
    if (h2->transport.max_streams > before)
        grebe__h2_note_capacity(h2);
}

/* nghttp2 closes the streams above the last id right after this. */
static void on_goaway(struct grebe__h2 *h2, const nghttp2_goaway *goaway)
{
    size_t n = goaway->opaque_data_len;

    h2->goaway_last_id = (uint32_t)goaway->last_stream_id;
    if (h2->has_goaway)
        return;
    h2->has_goaway = true;
    grebe__count_set(&h2->transport.socket.counts.goaway,
                     (uint64_t)goaway->error_code + 1);
    h2->goaway_code = goaway->error_code;
    h2->n_goaway_debug = n < sizeof h2->goaway_debug ? n : sizeof h2->goaway_debug;
    if (h2->n_goaway_debug > 0)
        memcpy(h2->goaway_debug, goaway->opaque_data, h2->n_goaway_debug);
    h2->is_too_many_pings = goaway->error_code == NGHTTP2_ENHANCE_YOUR_CALM &&
                            n == sizeof too_many_pings - 1 &&
                            memcmp(goaway->opaque_data, too_many_pings, n) == 0;
    take_back(h2, 0);
    grebe__h2_begin_draining(h2, grebe__h2_goaway_label(goaway->error_code));
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
    struct grebe__h2 *h2 = user_data;

    (void)session;
    if (h2->is_over)
        return 0;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        on_headers(h2, frame);
        return 0;
    case NGHTTP2_DATA:
        on_data(h2, frame);
        return 0;
    case NGHTTP2_RST_STREAM:
        on_rst_stream(h2, frame);
        return 0;
    case NGHTTP2_SETTINGS:
        on_settings(h2, frame);
        return 0;
    case NGHTTP2_GOAWAY:
        on_goaway(h2, &frame->goaway);
        return 0;
    default:
        return 0;
    }
}

/* nghttp2 resets a stream whose headers break HTTP's rules.  For other frames the whole
 * connection is at fault, and its end is the end of the stream. */
static int on_invalid_frame(nghttp2_session *session, const nghttp2_frame *frame,
                            int lib_error, void *user_data)
{
    struct grebe__h2 *h2 = user_data;
    struct grebe__stream *stream = grebe__h2_find(h2, frame->hd.stream_id);
    struct grebe__h2_stream *state;

    (void)session;
    if (frame->hd.type != NGHTTP2_HEADERS || stream == NULL || h2->is_over)
        return 0;
    state = grebe__h2_state(stream);
    if (grebe__h2_stream_is_over(state))
        return 0;
    if (state->response.state == GREBE__RESPONSE_OPEN &&
        (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
        grebe__h2_stream_fail(h2, stream, GREBE__PROCESSED, GREBE_STATUS_INTERNAL,
                              "%s: HEADERS in the middle of a stream",
                              h2->transport.peer);
    else
        grebe__h2_stream_fail(h2, stream, GREBE__PROCESSED, GREBE_STATUS_INTERNAL,
                              "invalid response headers from %s: %s", h2->transport.peer,
                              nghttp2_strerror(lib_error));
    return 0;
}

/* Also when bytes are being produced: listeners hear of it later. */
static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t error_code,
                           void *user_data)
{
    struct grebe__h2 *h2 = user_data;
    struct grebe__stream *stream = grebe__h2_find(h2, id);
    struct grebe__h2_stream *state;

    (void)session;
    if (stream == NULL && id == h2->not_sent_id)
        return 0; /* taken back, and no longer counted */
    h2->transport.n_streams--;
    grebe__h2_note_capacity(h2);
    if (stream == NULL)
        return 0;
    state = grebe__h2_state(stream);
    state->is_closed = true;
    if (h2->cached == stream)
        h2->cached = NULL;
    if (grebe__h2_stream_is_over(state))
        return 0;
    state->reset_code = error_code;
    grebe__h2_stream_end_later(h2, stream,
                               h2->has_goaway && (uint32_t)id > h2->goaway_last_id
                                   ? GREBE__LOCAL_END_UNPROCESSED
                                   : GREBE__LOCAL_END_RESET);
    return 0;
}

void grebe__h2_set_input_callbacks(nghttp2_session_callbacks *callbacks)
{
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks,
                                                             on_invalid_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks,
                                                                 on_invalid_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
}
