/* SPDX-License-Identifier: Apache-2.0 */
/* server_conn.c -- one connection of a backend: socket, TLS, HTTP/2 session, GOAWAY.
 *
 *   NEW --first frame--> OPEN --drain--> NOTIFIED --PING comes back--> DRAINING
 *                                                                        | last call
 *            CLOSED <--client closes, or a second passes-- LINGERING <---+
 *
 * What a turn of the loop has to say leaves in one write at its end.  A socket that takes
 * no more stops the session from producing (the windows then stop the client); too many
 * control frames behind such a socket stop the reading.
 *
 * Sources   RFC 9113 6.8 (GOAWAY), 10.5 (denial of service); nghttp2 programmers' guide.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <grebe/attr.h>

#include "server_parts.h"
#include "units.h"

enum {
    OUTPUT_BYTES = 256 * 1024,       /* what one write may hold */
    STREAM_WINDOW = 4 * 1024 * 1024, /* a stream's share of a connection's memory */
    CONNECTION_WINDOW = 32 * 1024 * 1024,
    CONTROL_FRAMES_MAX = 10000, /* that may wait for a socket */
    DEFAULT_MAX_STREAMS = 100000,
};

#define FIRST_BYTES_NS (20 * NS_PER_S) /* for TLS and the preface */
#define ROUND_TRIP_NS  NS_PER_S        /* for the PING behind GOAWAY */
#define LINGER_NS      NS_PER_S        /* for the client to close */

static const uint8_t drain_ping[8] = {'g', 'r', 'e', 'b', 'e', 'b', 'y', 'e'};

static void close_now(struct connection *connection, bool resets);

/* ---- Deadlines --------------------------------------------------------------------- */

/* Until a moment `delay_ns` from now; false when out of memory. */
static bool start_deadline(struct connection *c, uint64_t delay_ns)
{
    return deadline_start(&c->loop->deadlines, &c->deadline, alarm_now_ns() + delay_ns);
}

/* From the first frame on.  The age is +- 10 %, so that clients that came together do not
 * come back together. */
static bool start_age(struct connection *c)
{
    uint64_t age_ns = c->server->settings.max_age_ns;

    deadline_cancel(&c->loop->deadlines, &c->deadline);
    if (age_ns == 0)
        return true;
    age_ns = (uint64_t)((double)age_ns * (0.9 + 0.2 * server_random(c->server)));
    return start_deadline(c, age_ns);
}

/* The second GOAWAY names the last call that was taken (RFC 9113 6.8). */
static void say_goodbye(struct connection *c)
{
    c->state = CONNECTION_DRAINING;
    deadline_cancel(&c->loop->deadlines, &c->deadline);
    nghttp2_submit_goaway(c->session, NGHTTP2_FLAG_NONE,
                          nghttp2_session_get_last_proc_stream_id(c->session),
                          NGHTTP2_NO_ERROR, NULL, 0);
    connection_touch(c);
}

void connection_drain(struct connection *c)
{
    if (c->state == CONNECTION_NEW) {
        close_now(c, false);
        return;
    }
    if (c->state != CONNECTION_OPEN)
        return;
    c->state = CONNECTION_NOTIFIED;
    nghttp2_submit_shutdown_notice(c->session);
    connection_touch(c);
    if (!start_deadline(c, ROUND_TRIP_NS))
        close_now(c, true);
}

static void on_deadline(struct deadline *deadline)
{
    struct connection *c = grebe_container_of(deadline, struct connection, deadline);

    switch (c->state) {
    case CONNECTION_OPEN:
        connection_drain(c);
        break;
    case CONNECTION_NOTIFIED:
        say_goodbye(c);
        break;
    default:
        close_now(c, true);
    }
}

/* ---- HTTP/2 events ----------------------------------------------------------------- */

static struct call *call_of(nghttp2_session *session, int32_t stream_id)
{
    return nghttp2_session_get_stream_user_data(session, stream_id);
}

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

    if (c->state == CONNECTION_NEW) {
        c->state = CONNECTION_OPEN;
        if (!start_age(c))
            return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    if (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) {
        call = call_of(session, frame->hd.stream_id);
        return call == NULL ? 0 : on_request_frame(call, frame);
    }
    if (frame->hd.type == NGHTTP2_PING && frame->hd.flags & NGHTTP2_FLAG_ACK &&
        c->state == CONNECTION_NOTIFIED &&
        memcmp(frame->ping.opaque_data, drain_ping, sizeof drain_ping) == 0)
        say_goodbye(c);
    return 0;
}

/* An answer that is complete before the request is: tell the client to stop sending
 * (RFC 9113 8.1). */
static void stop_request(nghttp2_session *session, int32_t stream_id)
{
    struct call *call = call_of(session, stream_id);

    if (call != NULL && !call->has_request_ended)
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream_id,
                                  NGHTTP2_NO_ERROR);
}

/* The PING must follow GOAWAY, and nghttp2 lets PINGs go first: so it is submitted when
 * GOAWAY is on its way.  Its echo proves that the client has seen both. */
static int on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame,
                         void *user_data)
{
    struct connection *c = user_data;

    if (frame->hd.type == NGHTTP2_HEADERS && frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
        stop_request(session, frame->hd.stream_id);
    else if (frame->hd.type == NGHTTP2_GOAWAY && c->state == CONNECTION_NOTIFIED)
        return nghttp2_submit_ping(session, NGHTTP2_FLAG_NONE, drain_ping);
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

static int on_send_data(nghttp2_session *session, nghttp2_frame *frame,
                        const uint8_t *frame_header, size_t length,
                        nghttp2_data_source *source, void *user_data)
{
    struct connection *c = user_data;

    (void)session;
    (void)frame;
    if (bytes_length(&c->loop->out) >= OUTPUT_BYTES)
        return NGHTTP2_ERR_WOULDBLOCK;
    return call_send_data(source->ptr, frame_header, length);
}

int connection_callbacks_new(nghttp2_session_callbacks **out)
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

/* ---- Output ------------------------------------------------------------------------ */

void connection_touch(struct connection *c)
{
    if (c->is_dirty || c->state == CONNECTION_CLOSED)
        return;
    c->is_dirty = true;
    TAILQ_INSERT_TAIL(&c->loop->dirty, c, dirty_link);
}

static void on_written(uv_write_t *write, int status)
{
    struct connection *c = grebe_container_of(write, struct connection, write);

    bytes_fini(&c->unsent, &c->loop->slab);
    if (c->state == CONNECTION_CLOSED)
        return;
    if (status != 0) {
        close_now(c, false);
        return;
    }
    connection_touch(c);
}

/* Sends now what the socket takes and leaves the rest to libuv. */
static bool write_out(struct connection *c, const unsigned char *data, size_t length)
{
    uv_buf_t buf = uv_buf_init((char *)(uintptr_t)data, (unsigned)length);
    int n = uv_try_write(&c->handle.stream, &buf, 1);

    if (n < 0 && n != UV_EAGAIN)
        return false;
    if (n > 0) {
        data += n;
        length -= (size_t)n;
    }
    if (length == 0)
        return true;
    if (!bytes_append(&c->unsent, &c->loop->slab, data, length))
        return false;
    buf = uv_buf_init((char *)c->unsent.data, (unsigned)length);
    return uv_write(&c->write, &c->handle.stream, &buf, 1, on_written) == 0;
}

/* Fills loop->out from the session; at most OUTPUT_BYTES and a frame. */
static bool collect(struct connection *c)
{
    struct bytes *out = &c->loop->out;

    while (bytes_length(out) < OUTPUT_BYTES) {
        const uint8_t *data;
        ssize_t n = nghttp2_session_mem_send(c->session, &data);

        if (n <= 0)
            return n == 0;
        if (!bytes_append(out, &c->loop->slab, data, (size_t)n))
            return false;
    }
    return true;
}

/* One batch.  *has_sent: there was something, and there may be more. */
static bool send_batch(struct connection *c, bool *has_sent)
{
    struct bytes *out = &c->loop->out;
    const unsigned char *data = NULL;
    size_t length = 0;
    bool is_good = true;

    if (c->tls == NULL || tls_layer_is_ready(c->tls))
        is_good = collect(c);
    if (is_good && c->tls == NULL) {
        data = bytes_front(out);
        length = bytes_length(out);
    } else if (is_good) {
        is_good = bytes_length(out) == 0 ||
                  tls_layer_write(c->tls, bytes_front(out), bytes_length(out));
        length = tls_layer_pending(c->tls, &data);
    }
    if (is_good && length > 0)
        is_good = write_out(c, data, length);
    if (c->tls != NULL)
        tls_layer_sent(c->tls);
    bytes_take(out, bytes_length(out));
    *has_sent = length > 0;
    return is_good;
}

static void on_shutdown(uv_shutdown_t *shutdown, int status)
{
    (void)shutdown;
    (void)status; /* a failure shows in the next read */
}

/* Everything is said.  Closing with unread bytes would reset the connection and could
 * cost the client its last answers: our side is shut, theirs is awaited. */
static void linger(struct connection *c)
{
    const unsigned char *data;
    size_t length;

    c->state = CONNECTION_LINGERING;
    if (c->tls != NULL) {
        tls_layer_shut(c->tls);
        length = tls_layer_pending(c->tls, &data);
        if (length > 0 && !write_out(c, data, length)) {
            close_now(c, false);
            return;
        }
        tls_layer_sent(c->tls);
    }
    uv_shutdown(&c->shutdown, &c->handle.stream, on_shutdown);
    if (!start_deadline(c, LINGER_NS))
        close_now(c, false);
}

static void read_again(struct connection *c);

void connection_flush(struct connection *c)
{
    bool has_sent = true;

    if (c->state == CONNECTION_LINGERING)
        return;
    while (has_sent && bytes_length(&c->unsent) == 0) {
        if (!send_batch(c, &has_sent)) {
            close_now(c, false);
            return;
        }
    }
    if (bytes_length(&c->unsent) > 0)
        return;
    if (!nghttp2_session_want_read(c->session) && !nghttp2_session_want_write(c->session))
        linger(c);
    else if (c->has_blocked_input)
        read_again(c);
}

/* ---- Input ------------------------------------------------------------------------- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct connection *c = handle->data;

    (void)suggested;
    *buf = uv_buf_init((char *)c->loop->input, OUTPUT_BYTES);
}

static bool receive(struct connection *c, const void *data, size_t length)
{
    ssize_t n = nghttp2_session_mem_recv(c->session, data, length);

    return n == (ssize_t)length;
}

/* Plaintext is decrypted over the ciphertext, which the layer has copied. */
static bool receive_tls(struct connection *c, size_t length)
{
    int n;

    if (!tls_layer_feed(c->tls, c->loop->input, length))
        return false;
    while ((n = tls_layer_read(c->tls, c->loop->input, OUTPUT_BYTES)) > 0)
        if (!receive(c, c->loop->input, (size_t)n))
            return false;
    return n == 0;
}

/* A failed handshake still has an alert to send. */
static void close_after_alert(struct connection *c)
{
    const unsigned char *data;
    size_t length = c->tls == NULL ? 0 : tls_layer_pending(c->tls, &data);

    if (length > 0 && bytes_length(&c->unsent) == 0)
        write_out(c, data, length);
    close_now(c, false);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct connection *c = stream->data;
    bool is_good;

    if (n < 0) {
        close_now(c, false);
        return;
    }
    if (n == 0 || c->state == CONNECTION_LINGERING)
        return;
    is_good =
        c->tls == NULL ? receive(c, buf->base, (size_t)n) : receive_tls(c, (size_t)n);
    if (!is_good) {
        close_after_alert(c);
        return;
    }
    if (bytes_length(&c->unsent) > 0 &&
        nghttp2_session_get_outbound_queue_size(c->session) > CONTROL_FRAMES_MAX) {
        c->has_blocked_input = true;
        uv_read_stop(stream);
    }
    connection_touch(c);
}

static void read_again(struct connection *c)
{
    c->has_blocked_input = false;
    uv_read_start(&c->handle.stream, on_alloc, on_read);
}

/* ---- Life -------------------------------------------------------------------------- */

static void on_closed(uv_handle_t *handle)
{
    struct connection *c = handle->data;

    bytes_fini(&c->unsent, &c->loop->slab);
    server_loop_release(c->loop);
    free(c);
}

/* The calls first: what they free or start again may still use the session. */
static void end_session(struct connection *c)
{
    struct call *call;

    TAILQ_FOREACH(call, &c->calls, link)
    call_unqueue(call);
    while ((call = TAILQ_FIRST(&c->calls)) != NULL)
        call_free(call);
    nghttp2_session_del(c->session);
    c->session = NULL;
    tls_layer_free(c->tls);
    c->tls = NULL;
}

static void close_now(struct connection *c, bool resets)
{
    if (c->state == CONNECTION_CLOSED)
        return;
    c->state = CONNECTION_CLOSED;
    if (c->is_dirty)
        TAILQ_REMOVE(&c->loop->dirty, c, dirty_link);
    c->is_dirty = false;
    deadline_cancel(&c->loop->deadlines, &c->deadline);
    end_session(c);
    TAILQ_REMOVE(&c->server->connections, c, link);
    c->server = NULL;
    if (!resets || c->handle.any.type != UV_TCP ||
        uv_tcp_close_reset(&c->handle.tcp, on_closed) != 0)
        uv_close(&c->handle.any, on_closed);
}

void connection_kill(struct connection *c)
{
    close_now(c, true);
}

static bool start_session(struct connection *c)
{
    uint64_t max_streams = c->server->settings.max_streams;
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

static int init_handle(struct connection *c, uv_stream_t *listener)
{
    if (listener->type == UV_TCP)
        return uv_tcp_init(c->loop->uv, &c->handle.tcp);
    return uv_pipe_init(c->loop->uv, &c->handle.pipe, 0);
}

/* On failure the caller closes the handle, which exists from here on. */
static bool start(struct connection *c, uv_stream_t *listener)
{
    struct server_tls *tls = c->server->settings.tls;

    if (uv_accept(listener, &c->handle.stream) != 0 || !start_session(c))
        return false;
    if (tls != NULL && (c->tls = tls_layer_new(tls)) == NULL)
        return false;
    if (listener->type == UV_TCP)
        uv_tcp_nodelay(&c->handle.tcp, 1);
    return start_deadline(c, FIRST_BYTES_NS) &&
           uv_read_start(&c->handle.stream, on_alloc, on_read) == 0;
}

void connection_accept(struct server *server, uv_stream_t *listener)
{
    struct connection *c = calloc(1, sizeof *c);

    if (c == NULL)
        return; /* the listener pauses */
    c->loop = server->loop;
    c->server = server;
    c->deadline.on_due = on_deadline;
    TAILQ_INIT(&c->calls);
    if (init_handle(c, listener) != 0) {
        free(c);
        return;
    }
    c->handle.any.data = c;
    server_loop_retain(c->loop);
    TAILQ_INSERT_TAIL(&server->connections, c, link);
    if (start(c, listener))
        connection_touch(c);
    else
        close_now(c, true);
}
