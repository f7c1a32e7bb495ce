/* SPDX-License-Identifier: Apache-2.0 */
#include "server/session.h"

#include "server/connection.h"

enum {
    STREAM_WINDOW = 4 * 1024 * 1024, /* a stream's share of a connection's memory */
    CONNECTION_WINDOW = 32 * 1024 * 1024,
    DEFAULT_MAX_STREAMS = 100000,
};

static struct call *call_of(nghttp2_session *session, int32_t stream_id)
{
    return nghttp2_session_get_stream_user_data(session, stream_id);
}

/* ---- In ---------------------------------------------------------------------------- */

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame,
                            void *user_data)
{
    struct call *call;

    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    call = call_new(user_data, frame->hd.stream_id);
    if (call == NULL)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    return nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, call);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame,
                     const uint8_t *name, size_t name_length, const uint8_t *value,
                     size_t value_length, uint8_t flags, void *user_data)
{
    struct call *call = call_of(session, frame->hd.stream_id);

    (void)flags;
    (void)user_data;
    if (call != NULL && call->phase == CALL_READING)
        call_on_header(call, name, name_length, value, value_length);
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream_id,
                   const uint8_t *data, size_t length, void *user_data)
{
    struct call *call = call_of(session, stream_id);

    (void)flags;
    (void)user_data;
    if (call == NULL)
        return nghttp2_session_consume(session, stream_id, length);
    return call_on_data(call, data, length) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int on_request_frame(struct call *call, const nghttp2_frame *frame)
{
    int result = 0;

    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        result = call_on_headers_end(call);
    if (result == 0 && frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
        return call_on_request_end(call);
    if (result == 0 && frame->hd.type == NGHTTP2_DATA)
        return call_on_frame_end(call);
    return result;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
    struct connection *c = user_data;
    struct call *call;

    if (c->state == CONNECTION_NEW && !connection_on_first_frame(c))
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    if (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) {
        call = call_of(session, frame->hd.stream_id);
        return call == NULL ? 0 : on_request_frame(call, frame);
    }
    if (frame->hd.type == NGHTTP2_PING && frame->hd.flags & NGHTTP2_FLAG_ACK)
        connection_on_pong(c, frame->ping.opaque_data);
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t error,
                           void *user_data)
{
    struct call *call = call_of(session, stream_id);

    (void)error;
    (void)user_data;
    if (call != NULL) {
        nghttp2_session_set_stream_user_data(session, stream_id, NULL);
        call_free(call);
    }
    return 0;
}

/* ---- Out --------------------------------------------------------------------------- */

/* An answer that is complete before the request is: tell the client to stop sending
 * (RFC 9113 8.1). */
static void stop_request(nghttp2_session *session, int32_t stream_id)
{
    struct call *call = call_of(session, stream_id);

    if (call != NULL && !call->has_request_ended)
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream_id,
                                  NGHTTP2_NO_ERROR);
}

static int on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame,
                         void *user_data)
{
    if (frame->hd.type == NGHTTP2_HEADERS && frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
        stop_request(session, frame->hd.stream_id);
    else if (frame->hd.type == NGHTTP2_GOAWAY)
        return connection_on_goaway_sent(user_data);
    return 0;
}

static int on_send_data(nghttp2_session *session, nghttp2_frame *frame,
                        const uint8_t *frame_header, size_t length,
                        nghttp2_data_source *source, void *user_data)
{
    struct connection *c = user_data;

    (void)session;
    (void)frame;
    if (bytes_length(&c->loop->out) >= SERVER_OUTPUT_BYTES)
        return NGHTTP2_ERR_WOULDBLOCK;
    return call_send_data(source->ptr, frame_header, length);
}

/* ---- Start ------------------------------------------------------------------------- */

int session_callbacks_new(nghttp2_session_callbacks **out)
{
    nghttp2_session_callbacks *callbacks;

    if (nghttp2_session_callbacks_new(&callbacks) != 0)
        return -1;
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, on_send_data);
    *out = callbacks;
    return 0;
}

bool session_start(struct connection *c, uint64_t max_streams)
{
    nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
         max_streams == 0 ? DEFAULT_MAX_STREAMS : (uint32_t)max_streams},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW},
    };

    if (nghttp2_session_server_new3(&c->session, c->loop->callbacks, c, c->loop->options,
                                    &c->loop->mem) != 0)
        return false;
    return nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, settings, 2) == 0 &&
           nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, 0,
                                                 CONNECTION_WINDOW) == 0;
}
