/* SPDX-License-Identifier: Apache-2.0 */
/* server/input.c -- from a socket to its session.
 *
 * Too many control frames behind a socket that takes no more stop the reading: answers to
 * PING and SETTINGS have no windows (RFC 9113 10.5).
 */
#include "server/connection.h"
#include "server/tls.h"

enum { CONTROL_FRAMES_MAX = 10000 }; /* that may wait for a socket */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct connection *c = handle->data;

    (void)suggested;
    *buf = uv_buf_init((char *)c->loop->input, SERVER_INPUT_BYTES);
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
    while ((n = tls_layer_read(c->tls, c->loop->input, SERVER_INPUT_BYTES)) > 0)
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
        connection_write(c, data, length);
    connection_close(c);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct connection *c = stream->data;
    bool is_good;

    if (n < 0) {
        connection_close(c);
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

bool connection_start_reading(struct connection *c)
{
    c->has_blocked_input = false;
    return uv_read_start(&c->handle.stream, on_alloc, on_read) == 0;
}
