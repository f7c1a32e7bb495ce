/* SPDX-License-Identifier: Apache-2.0 */
#include "server/connection.h"

#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include <grebe/attr.h>

#include "server/parts.h"
#include "server/session.h"
#include "server/tls.h"
#include "units.h"

#define FIRST_BYTES_NS (20 * NS_PER_S) /* for TLS and the preface */
#define ROUND_TRIP_NS  NS_PER_S        /* for the PING behind GOAWAY */
#define LINGER_NS      NS_PER_S        /* for the client to close */

static const uint8_t drain_ping[8] = {'g', 'r', 'e', 'b', 'e', 'b', 'y', 'e'};

/* Until a moment `delay_ns` from now; false when out of memory. */
static bool start_deadline(struct connection *c, uint64_t delay_ns)
{
    return deadline_start(&c->loop->deadlines, &c->deadline, alarm_now_ns() + delay_ns);
}

/* ---- The end ----------------------------------------------------------------------- */

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

void connection_close(struct connection *c)
{
    close_now(c, false);
}

void connection_kill(struct connection *c)
{
    close_now(c, true);
}

static void on_shutdown(uv_shutdown_t *shutdown, int status)
{
    (void)shutdown;
    (void)status; /* a failure shows in the next read */
}

/* Closing with unread bytes would reset the connection and could cost the client its last
 * answers. */
void connection_linger(struct connection *c)
{
    const unsigned char *data;
    size_t length;

    c->state = CONNECTION_LINGERING;
    if (c->tls != NULL) {
        tls_layer_shut(c->tls);
        length = tls_layer_pending(c->tls, &data);
        if (length > 0 && !connection_write(c, data, length)) {
            close_now(c, false);
            return;
        }
        tls_layer_sent(c->tls);
    }
    uv_shutdown(&c->shutdown, &c->handle.stream, on_shutdown);
    if (!start_deadline(c, LINGER_NS))
        close_now(c, false);
}

/* ---- GOAWAY ------------------------------------------------------------------------ */

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

/* The PING must follow GOAWAY, and nghttp2 lets PINGs go first: so it is submitted when
 * GOAWAY is on its way.  Its echo proves that the client has seen both. */
int connection_on_goaway_sent(struct connection *c)
{
    if (c->state != CONNECTION_NOTIFIED)
        return 0;
    return nghttp2_submit_ping(c->session, NGHTTP2_FLAG_NONE, drain_ping);
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

void connection_on_pong(struct connection *c, const uint8_t opaque[8])
{
    if (c->state == CONNECTION_NOTIFIED &&
        memcmp(opaque, drain_ping, sizeof drain_ping) == 0)
        say_goodbye(c);
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

/* ---- The beginning ----------------------------------------------------------------- */

static int init_handle(struct connection *c, uv_stream_t *listener)
{
    if (listener->type == UV_TCP)
        return uv_tcp_init(c->loop->uv, &c->handle.tcp);
    return uv_pipe_init(c->loop->uv, &c->handle.pipe, 0);
}

/* On failure the caller closes the handle, which exists from here on. */
static bool start(struct connection *c, uv_stream_t *listener)
{
    const struct server_settings *settings = &c->server->settings;

    if (uv_accept(listener, &c->handle.stream) != 0 ||
        !session_start(c, settings->max_streams))
        return false;
    if (settings->tls != NULL && (c->tls = tls_layer_new(settings->tls)) == NULL)
        return false;
    if (listener->type == UV_TCP)
        uv_tcp_nodelay(&c->handle.tcp, 1);
    return start_deadline(c, FIRST_BYTES_NS) && connection_start_reading(c);
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

/* From here on the deadline is its age: +- 10 %, so that clients that came together do
 * not come back together. */
bool connection_on_first_frame(struct connection *c)
{
    uint64_t age_ns = c->server->settings.max_age_ns;

    c->state = CONNECTION_OPEN;
    deadline_cancel(&c->loop->deadlines, &c->deadline);
    if (age_ns == 0)
        return true;
    age_ns = (uint64_t)((double)age_ns * (0.9 + 0.2 * server_random(c->server)));
    return start_deadline(c, age_ns);
}
