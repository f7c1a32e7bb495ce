/* SPDX-License-Identifier: Apache-2.0 */
/* server/output.c -- from a session to its socket.
 *
 * What a turn of the loop has to say leaves in one write at its end.  A socket that takes
 * no more stops the session from producing; the windows then stop the client.
 *
 * Sources   nghttp2 programmers' guide.
 */
#include <grebe/attr.h>

#include "server/connection.h"
#include "server/tls.h"

void connection_touch(struct connection *c)
{
    if (c->is_dirty || c->state == CONNECTION_CLOSED)
        return;
    c->is_dirty = true;
    TAILQ_INSERT_TAIL(&c->loop->dirty, c, dirty_link);
}

/* ---- Socket ------------------------------------------------------------------------ */

static void on_written(uv_write_t *write, int status)
{
    struct connection *c = grebe_container_of(write, struct connection, write);

    bytes_fini(&c->unsent, &c->loop->slab);
    if (c->state == CONNECTION_CLOSED)
        return;
    if (status != 0) {
        connection_close(c);
        return;
    }
    connection_touch(c);
}

bool connection_write(struct connection *c, const unsigned char *data, size_t length)
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

/* ---- Session ----------------------------------------------------------------------- */

/* Fills loop->out; at most SERVER_OUTPUT_BYTES and a frame. */
static bool collect(struct connection *c)
{
    struct bytes *out = &c->loop->out;

    while (bytes_length(out) < SERVER_OUTPUT_BYTES) {
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
        is_good = connection_write(c, data, length);
    if (c->tls != NULL)
        tls_layer_sent(c->tls);
    bytes_take(out, bytes_length(out));
    *has_sent = length > 0;
    return is_good;
}

void connection_flush(struct connection *c)
{
    bool has_sent = true;

    if (c->state == CONNECTION_LINGERING)
        return;
    while (has_sent && bytes_length(&c->unsent) == 0) {
        if (!send_batch(c, &has_sent)) {
            connection_close(c);
            return;
        }
    }
    if (bytes_length(&c->unsent) > 0)
        return;
    if (!nghttp2_session_want_read(c->session) && !nghttp2_session_want_write(c->session))
        connection_linger(c);
    else if (c->has_blocked_input)
        connection_start_reading(c);
}
