/* SPDX-License-Identifier: Apache-2.0 */
#include "io/tunnel_dial.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/loop.h"
#include "io/socket.h"
#include "io/tunnel.h"

enum phase {
    CONNECTING, /* connect() is under way */
    ASKING,     /* the request is not out yet */
    WAITING,    /* the answer is not in yet */
};

/* As much as is looked at in one piece. */
enum { PEEK_BYTES = 2048 };

struct grebe__tunnel_dial {
    struct grebe_loop *loop;
    struct grebe__tunnel_owner *owner; /* NULL: closing */
    enum phase phase;
    uv_poll_t poll;
    int fd;
    char *request;
    size_t length, sent;
    struct grebe__tunnel tunnel;
};

/* ---- Ending --------------------------------------------------------------------------- */

static void on_closed(uv_handle_t *handle)
{
    struct grebe__tunnel_dial *dial =
        grebe_container_of((uv_poll_t *)handle, struct grebe__tunnel_dial, poll);
    struct grebe_loop *loop = dial->loop;

    grebe_mem_free(loop->mem, dial);
    grebe__loop_handle_closed(loop);
}

/* The descriptor is somebody else's now.  libuv has forgotten it when this returns. */
static void let_go(struct grebe__tunnel_dial *dial)
{
    grebe_mem_free(dial->loop->mem, dial->request);
    dial->request = NULL;
    dial->owner = NULL;
    uv_close((uv_handle_t *)&dial->poll, on_closed);
    grebe__loop_stir(dial->loop);
}

static void fail(struct grebe__tunnel_dial *dial, const char *format, const char *why)
{
    struct grebe__tunnel_owner *owner = dial->owner;
    char error[GREBE__TUNNEL_DIAL_ERROR_MAX];

    snprintf(error, sizeof error, format, why);
    let_go(dial);
    close(dial->fd);
    owner->on_tunnel(owner, -1, error);
}

static void succeed(struct grebe__tunnel_dial *dial)
{
    struct grebe__tunnel_owner *owner = dial->owner;

    let_go(dial);
    owner->on_tunnel(owner, dial->fd, NULL);
}

void grebe__tunnel_dial_cancel(struct grebe__tunnel_dial *dial)
{
    let_go(dial);
    close(dial->fd);
}

const char *grebe__tunnel_dial_stage(const struct grebe__tunnel_dial *dial)
{
    return dial->phase == CONNECTING ? "connect" : "answer to CONNECT";
}

/* ---- Talking -------------------------------------------------------------------------- */

static void on_poll(uv_poll_t *handle, int status, int events);

static void wait_for(struct grebe__tunnel_dial *dial, int events)
{
    uv_poll_start(&dial->poll, events, on_poll);
    grebe__loop_stir(dial->loop);
}

static void ask(struct grebe__tunnel_dial *dial)
{
    while (dial->sent < dial->length) {
        ssize_t n = send(dial->fd, dial->request + dial->sent, dial->length - dial->sent,
                         MSG_NOSIGNAL);

        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        if (n < 0 && errno != EINTR) {
            fail(dial, "write: %s", uv_strerror(-errno));
            return;
        }
        dial->sent += n > 0 ? (size_t)n : 0;
    }
    dial->phase = WAITING;
    wait_for(dial, UV_READABLE);
}

/* Looks first, and then takes what is the answer's. */
static ssize_t take(struct grebe__tunnel_dial *dial, enum grebe__tunnel_result *result)
{
    char bytes[PEEK_BYTES];
    ssize_t n = recv(dial->fd, bytes, sizeof bytes, MSG_PEEK);
    size_t used;

    if (n <= 0)
        return n;
    *result = grebe__tunnel_read(&dial->tunnel, bytes, (size_t)n, &used);
    return recv(dial->fd, bytes, used, 0);
}

static void hear(struct grebe__tunnel_dial *dial)
{
    enum grebe__tunnel_result result = GREBE__TUNNEL_WANTS_INPUT;
    ssize_t n = take(dial, &result);

    if (n == 0)
        fail(dial, "%s", "connection closed before the answer to CONNECT");
    else if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
        fail(dial, "read: %s", uv_strerror(-errno));
    else if (result == GREBE__TUNNEL_FAILED)
        fail(dial, "%s", dial->tunnel.error);
    else if (result == GREBE__TUNNEL_OPEN)
        succeed(dial);
}

static void finish_connect(struct grebe__tunnel_dial *dial)
{
    int error = grebe__socket_take_error(dial->fd);

    if (error != 0) {
        fail(dial, "connect: %s", grebe__socket_connect_error(error));
        return;
    }
    dial->phase = ASKING;
    ask(dial);
}

/* An error of the socket shows in what is tried next. */
static void on_poll(uv_poll_t *handle, int status, int events)
{
    struct grebe__tunnel_dial *dial =
        grebe_container_of(handle, struct grebe__tunnel_dial, poll);
    struct grebe_loop *loop = dial->loop;

    (void)status;
    (void)events;
    if (!grebe__loop_begin(loop)) {
        uv_poll_stop(handle);
        return;
    }
    grebe__env_enter(&loop->env);
    if (dial->phase == CONNECTING)
        finish_connect(dial);
    else if (dial->phase == ASKING)
        ask(dial);
    else
        hear(dial);
    grebe__env_leave(&loop->env);
}

/* ---- Beginning ------------------------------------------------------------------------ */

/* "host:port" with the port as a number; false, with `error`. */
static bool write_destination(const char *text, char *out, size_t size,
                              char error[GREBE__TUNNEL_DIAL_ERROR_MAX])
{
    struct grebe__destination parsed;
    const char *flaw = grebe__destination_parse(text, false, &parsed);

    if (flaw == NULL && !grebe__tunnel_is_destination(parsed.host))
        flaw = "the host has characters that no name has";
    if (flaw != NULL) {
        snprintf(error, GREBE__TUNNEL_DIAL_ERROR_MAX, "invalid address: %s", flaw);
        return false;
    }
    snprintf(out, size, strchr(parsed.host, ':') != NULL ? "[%s]:%u" : "%s:%u",
             parsed.host, parsed.port);
    return true;
}

static int connect_to(const struct grebe__hop *hop,
                      const struct grebe__transport_options *options,
                      char error[GREBE__TUNNEL_DIAL_ERROR_MAX])
{
    struct grebe__destination parsed;
    const char *flaw = grebe__destination_parse(hop->address, false, &parsed);
    int fd = -1;

    if (flaw == NULL && parsed.is_name)
        flaw = "the proxy's name was not looked up";
    if (flaw == NULL) {
        fd = grebe__socket_connect(&parsed.socket, options);
        if (fd < 0)
            flaw = grebe__socket_connect_error(errno);
    }
    if (flaw != NULL)
        snprintf(error, GREBE__TUNNEL_DIAL_ERROR_MAX, "connect: %s", flaw);
    return fd;
}

struct grebe__tunnel_dial *grebe__tunnel_dial_start(
    struct grebe_loop *loop, const struct grebe__hop *hop, const char *destination,
    const struct grebe__transport_options *options, struct grebe__tunnel_owner *owner,
    char error[GREBE__TUNNEL_DIAL_ERROR_MAX])
{
    struct grebe__tunnel_dial *dial;
    char to[GREBE__HOST_MAX + 16];
    int result;

    if (!write_destination(destination, to, sizeof to, error))
        return NULL;
    dial = grebe_mem_zalloc(loop->mem, sizeof *dial);
    if (dial != NULL)
        dial->request = grebe__tunnel_request(loop->mem, to, hop->authorization,
                                              options->user_agent, &dial->length);
    if (dial == NULL || dial->request == NULL) {
        snprintf(error, GREBE__TUNNEL_DIAL_ERROR_MAX, "out of memory");
        goto fail;
    }
    dial->loop = loop;
    dial->owner = owner;
    grebe__tunnel_init(&dial->tunnel, hop->authorization != NULL);
    dial->fd = connect_to(hop, options, error);
    if (dial->fd < 0)
        goto fail;
    result = uv_poll_init(loop->uv, &dial->poll, dial->fd);
    if (result != 0) {
        snprintf(error, GREBE__TUNNEL_DIAL_ERROR_MAX, "connect: %s", uv_strerror(result));
        close(dial->fd);
        goto fail;
    }
    uv_unref((uv_handle_t *)&dial->poll);
    grebe__loop_handle_opened(loop);
    wait_for(dial, UV_WRITABLE);
    return dial;

fail:
    if (dial != NULL)
        grebe_mem_free(loop->mem, dial->request);
    grebe_mem_free(loop->mem, dial);
    return NULL;
}
