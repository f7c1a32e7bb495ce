/* SPDX-License-Identifier: Apache-2.0 */
#include "io/connection.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <grebe/attr.h>

#include "base/assert.h"
#include "core/credentials.h"
#include "h2/session.h"
#include "io/loop.h"
#include "io/outbox.h"
#include "io/socket.h"
#include "io/tls.h"

enum phase {
    CONNECTING,  /* connect() is under way */
    HANDSHAKING, /* TLS */
    GREETING,    /* HTTP/2: our SETTINGS are out, the peer's are not in */
    OPEN,
    CLOSED, /* waits for libuv to let go of the handle */
};

enum {
    /* Of one write.  With TLS all of it must fit into the wire buffer. */
    PLAIN_LIMIT = GREBE__PLAIN_BYTES,
    TLS_LIMIT = 128 * 1024,
    /* How the plain buffer is shared when a TLS write is put together. */
    TLS_BATCH_BYTES = 128 * 1024,
    /* The tail of the wire buffer is for what TLS has to say while it reads. */
    TLS_REPLY_BYTES = GREBE__TLS_RECORD,
    TLS_INPUT_BYTES = GREBE__WIRE_BYTES - TLS_REPLY_BYTES,
};

struct grebe__connection {
    struct grebe__h2_pipe pipe;
    struct grebe__writer writer;
    struct grebe__list link; /* on loop->connections until CLOSED */
    struct grebe_loop *loop;
    struct grebe__connection_owner *owner; /* NULL once it has heard */
    const struct grebe__dial *dial;        /* as long as there is an owner */
    struct grebe__h2 *h2;                  /* from GREETING on; NULL once lost() */
    struct grebe__tls *tls;                /* NULL: plaintext */
    struct grebe__outbox outbox;
    char *peer;                      /* until GREETING */
    struct grebe__socket_end remote; /* without its text */
    uv_poll_t poll;
    int fd;
    int write_error; /* an errno; 0: writing works */
    uint8_t phase;
    uint8_t events;   /* what is polled for */
    bool is_finished; /* the session has nothing more to do */
};

struct grebe__connection *grebe__connection_of_link(struct grebe__list *link)
{
    return grebe_container_of(link, struct grebe__connection, link);
}

static struct grebe__connection *of_pipe(struct grebe__h2_pipe *pipe)
{
    return grebe_container_of(pipe, struct grebe__connection, pipe);
}

/* ---- Closing ---------------------------------------------------------------------- */

static void free_connection(struct grebe__connection *connection)
{
    grebe_mem_free(connection->loop->mem, connection);
}

static void on_poll_closed(uv_handle_t *handle)
{
    struct grebe__connection *connection =
        grebe_container_of((uv_poll_t *)handle, struct grebe__connection, poll);
    struct grebe_loop *loop = connection->loop;

    free_connection(connection);
    grebe__loop_handle_closed(loop);
}

/* Everything but the session, which the callers end in their own words. */
static void close_socket(struct grebe__connection *connection)
{
    const struct grebe_mem *mem = connection->loop->mem;

    connection->phase = CLOSED;
    grebe__list_remove(&connection->link);
    grebe__list_remove(&connection->writer.link);
    grebe__tls_destroy(connection->tls);
    grebe__outbox_clear(&connection->outbox, mem);
    grebe_mem_free(mem, connection->peer);
    connection->tls = NULL;
    connection->peer = NULL;
    /* libuv takes it out of the epoll set at once, so it may be closed right after. */
    uv_close((uv_handle_t *)&connection->poll, on_poll_closed);
    grebe__loop_stir(connection->loop);
    /* The child of a fork() may hold a copy: the peer shall hear of the end now. */
    shutdown(connection->fd, SHUT_RDWR);
    close(connection->fd);
}

static void end_session(struct grebe__connection *connection, const char *why,
                        const char *label)
{
    struct grebe__h2 *h2 = connection->h2;

    connection->h2 = NULL;
    if (h2 != NULL)
        grebe__h2_lost(h2, why, label);
}

const char *grebe__connection_stage(const struct grebe__connection *connection)
{
    static const char *const stages[] = {
        [CONNECTING] = "connect",
        [HANDSHAKING] = "tls handshake",
        [GREETING] = "http/2 handshake",
        [OPEN] = "",
        [CLOSED] = "",
    };

    return stages[connection->phase];
}

/* Says in which phase it went wrong, and tells the owner if there still is one. */
static void lose(struct grebe__connection *connection, const char *why, const char *label)
{
    struct grebe__connection_owner *owner = connection->owner;
    char error[GREBE__CONNECTION_ERROR_MAX];
    const char *reason = "", *stage = grebe__connection_stage(connection);

    if (connection->phase == CLOSED)
        return;
    if (connection->phase == GREETING)
        reason = grebe__h2_reason(connection->h2);
    snprintf(error, sizeof error, "%s%s%s", stage, stage[0] == '\0' ? "" : ": ",
             reason[0] != '\0' ? reason : why);
    connection->owner = NULL;
    close_socket(connection);
    end_session(connection, error, label);
    if (owner != NULL)
        owner->on_failed(owner, error);
}

static void lose_by_errno(struct grebe__connection *connection, const char *what,
                          int error)
{
    char why[160];

    snprintf(why, sizeof why, "%s%s", connection->phase == OPEN ? what : "",
             uv_strerror(-error));
    lose(connection, why, grebe__socket_label(error));
}

static void lose_by_tls(struct grebe__connection *connection)
{
    char why[256];

    snprintf(why, sizeof why, "%s%s", connection->phase == HANDSHAKING ? "" : "tls: ",
             grebe__tls_reason(connection->tls));
    lose(connection, why, "socket error");
}

static void lose_by_end_of_file(struct grebe__connection *connection)
{
    if (connection->write_error != 0) /* says more about the end than the end does */
        lose_by_errno(connection, "write: ", connection->write_error);
    else if (connection->phase == GREETING)
        lose(connection, "connection closed before SETTINGS", grebe__socket_label(0));
    else
        lose(connection, "connection closed by the peer", grebe__socket_label(0));
}

/* ---- Polling ---------------------------------------------------------------------- */

static void on_poll(uv_poll_t *handle, int status, int events);

static bool is_stuck(const struct grebe__connection *connection)
{
    return !grebe__outbox_is_empty(&connection->outbox);
}

/* libuv makes two system calls of a change, so change only what is different. */
static void poll_for(struct grebe__connection *connection, int events)
{
    if (connection->events == events || connection->phase == CLOSED)
        return;
    connection->events = (uint8_t)events;
    uv_poll_start(&connection->poll, events, on_poll); /* none stops it */
    grebe__loop_stir(connection->loop);
}

static void update_poll(struct grebe__connection *connection)
{
    bool wants_read = connection->h2 == NULL || grebe__h2_wants_read(connection->h2);

    poll_for(connection,
             (wants_read ? UV_READABLE : 0) | (is_stuck(connection) ? UV_WRITABLE : 0));
}

/* ---- Sending ---------------------------------------------------------------------- */

static int send_pieces(struct grebe__connection *connection, struct iovec *pieces,
                       size_t n, size_t total)
{
    return grebe__outbox_send(&connection->outbox, connection->loop->mem, connection->fd,
                              pieces, n, total);
}

static int send_bytes(struct grebe__connection *connection, void *bytes, size_t length)
{
    struct iovec piece = {.iov_base = bytes, .iov_len = length};

    return length == 0 ? 0 : send_pieces(connection, &piece, 1, length);
}

/* ---- Receiving -------------------------------------------------------------------- */

static void receive(struct grebe__connection *connection, const void *bytes,
                    size_t length)
{
    struct grebe__connection_owner *owner = connection->owner;

    /* A session that is over has said finish(), and the writer closes. */
    (void)grebe__h2_receive(connection->h2, bytes, length);
    if (connection->phase != GREETING || !grebe__h2_is_ready(connection->h2))
        return;
    connection->phase = OPEN;
    connection->owner = NULL;
    connection->dial = NULL;
    owner->on_open(owner, grebe__h2_transport(connection->h2));
}

/* Bytes that came; 0 if none did, and then the connection may be lost. */
static size_t receive_from_socket(struct grebe__connection *connection, void *bytes,
                                  size_t size)
{
    ssize_t n;

    do {
        n = recv(connection->fd, bytes, size, 0);
    } while (n < 0 && errno == EINTR);
    if (n == 0)
        lose_by_end_of_file(connection);
    else if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
        lose_by_errno(connection, "read: ", errno);
    return n < 0 ? 0 : (size_t)n;
}

static bool read_plain(struct grebe__connection *connection)
{
    unsigned char *plain = connection->loop->buffers->plain;
    size_t n = receive_from_socket(connection, plain, GREBE__PLAIN_BYTES);

    if (n > 0)
        receive(connection, plain, n);
    return n > 0;
}

/* ---- TLS -------------------------------------------------------------------------- */

static void start_h2(struct grebe__connection *connection);

static struct grebe__tls_io tls_io(struct grebe__connection *connection, size_t n)
{
    struct grebe_loop *loop = connection->loop;
    unsigned char *wire = loop->buffers->wire;

    return (struct grebe__tls_io){.in = wire,
                                  .in_length = n,
                                  .out = wire + TLS_INPUT_BYTES,
                                  .out_size = TLS_REPLY_BYTES,
                                  .now_ns = loop->env.now_ns};
}

static int send_reply(struct grebe__connection *connection, struct grebe__tls_io *io)
{
    size_t length = io->out_length;

    io->out_length = 0;
    return send_bytes(connection, io->out, length);
}

static enum grebe__tls_result shake_hands(struct grebe__connection *connection,
                                          struct grebe__tls_io *io)
{
    enum grebe__tls_result result = grebe__tls_handshake(connection->tls, io);

    if (result == GREBE__TLS_OK)
        start_h2(connection);
    return result;
}

static enum grebe__tls_result decrypt(struct grebe__connection *connection,
                                      struct grebe__tls_io *io)
{
    unsigned char *plain = connection->loop->buffers->plain;
    enum grebe__tls_result result;
    size_t n;

    result = grebe__tls_read(connection->tls, io, plain, GREBE__PLAIN_BYTES, &n);
    if (n > 0)
        receive(connection, plain, n);
    return result;
}

/* Everything that the input allows, in whatever phase it takes us to. */
static void use_input(struct grebe__connection *connection, struct grebe__tls_io *io)
{
    enum grebe__tls_result result;

    do {
        int error;

        result = connection->phase == HANDSHAKING ? shake_hands(connection, io)
                                                  : decrypt(connection, io);
        if (connection->phase == CLOSED)
            return;
        error = send_reply(connection, io);
        if (error != 0)
            lose_by_errno(connection, "write: ", error);
    } while (connection->phase != CLOSED &&
             (result == GREBE__TLS_OK || result == GREBE__TLS_WANTS_OUTPUT));
    if (connection->phase == CLOSED)
        return;
    if (result == GREBE__TLS_FAILED)
        lose_by_tls(connection);
    else if (result == GREBE__TLS_CLOSED)
        lose_by_end_of_file(connection);
}

static bool read_tls(struct grebe__connection *connection)
{
    size_t n =
        receive_from_socket(connection, connection->loop->buffers->wire, TLS_INPUT_BYTES);
    struct grebe__tls_io io = tls_io(connection, n);

    if (n > 0)
        use_input(connection, &io);
    return n > 0;
}

static bool read_once(struct grebe__connection *connection)
{
    return connection->tls != NULL ? read_tls(connection) : read_plain(connection);
}

/* ---- Writing ---------------------------------------------------------------------- */

static int write_tls(struct grebe__connection *connection, const struct iovec *pieces,
                     size_t n)
{
    struct grebe__loop_buffers *buffers = connection->loop->buffers;
    struct grebe__tls_io io = {.out = buffers->wire,
                               .out_size = GREBE__WIRE_BYTES,
                               .now_ns = connection->loop->env.now_ns};

    if (grebe__tls_write(connection->tls, &io, pieces, n,
                         buffers->plain + TLS_BATCH_BYTES) != GREBE__TLS_OK) {
        lose_by_tls(connection);
        return 0;
    }
    return send_bytes(connection, io.out, io.out_length);
}

/* True if the session has more to say. */
static bool write_batch(struct grebe__connection *connection, int *error)
{
    bool is_tls = connection->tls != NULL;
    struct iovec pieces[GREBE__H2_BATCH_SPANS];
    struct grebe__h2_batch batch;
    bool has_more;

    batch.bytes = connection->loop->buffers->plain;
    batch.size = is_tls ? TLS_BATCH_BYTES : GREBE__PLAIN_BYTES;
    batch.limit = is_tls ? TLS_LIMIT : PLAIN_LIMIT;
    has_more = grebe__h2_produce(connection->h2, &batch);
    for (size_t i = 0; i < batch.n_spans; i++)
        pieces[i] = (struct iovec){.iov_base = (void *)(uintptr_t)batch.spans[i].bytes,
                                   .iov_len = batch.spans[i].length};
    *error = 0;
    if (batch.total > 0)
        *error = is_tls ? write_tls(connection, pieces, batch.n_spans)
                        : send_pieces(connection, pieces, batch.n_spans, batch.total);
    return has_more;
}

/* What the peer said before it closed tells more than the error of a write. */
static void lose_by_write(struct grebe__connection *connection, int error)
{
    connection->write_error = error;
    while (connection->phase != CLOSED && read_once(connection)) {
    }
    if (connection->phase != CLOSED)
        lose_by_errno(connection, "write: ", error);
}

/* The session is over, and what it had to say was written as far as that went at once. */
static void close_finished(struct grebe__connection *connection)
{
    if (connection->tls != NULL && !is_stuck(connection)) {
        struct grebe__tls_io io = tls_io(connection, 0);

        grebe__tls_close(connection->tls, &io);
        (void)send_reply(connection, &io);
    }
    lose(connection, "connection closed", grebe__socket_label(0));
}

static void write_out(struct grebe__writer *writer)
{
    struct grebe__connection *connection =
        grebe_container_of(writer, struct grebe__connection, writer);
    bool has_more = true;
    int error = 0;

    while (has_more && error == 0 && !is_stuck(connection) &&
           connection->phase != CLOSED) {
        has_more = write_batch(connection, &error);
        if (!connection->is_finished)
            break; /* the others want to write too */
    }
    if (connection->phase == CLOSED)
        return;
    if (error != 0) {
        lose_by_write(connection, error);
    } else if (connection->is_finished) {
        close_finished(connection);
    } else {
        update_poll(connection);
        if (has_more && !is_stuck(connection))
            grebe__loop_want_write(connection->loop, &connection->writer);
    }
}

/* ---- The session's side ----------------------------------------------------------- */

static void wants_write(struct grebe__h2_pipe *pipe)
{
    struct grebe__connection *connection = of_pipe(pipe);

    if (!is_stuck(connection) && connection->phase != CLOSED)
        grebe__loop_want_write(connection->loop, &connection->writer);
}

static void finish(struct grebe__h2_pipe *pipe)
{
    struct grebe__connection *connection = of_pipe(pipe);

    connection->is_finished = true;
    if (connection->phase != CLOSED)
        grebe__loop_want_write(connection->loop, &connection->writer);
}

/* Without TLS a server is whatever it is called. */
static bool covers(struct grebe__h2_pipe *pipe, const char *authority)
{
    struct grebe__connection *connection = of_pipe(pipe);

    return connection->tls == NULL || grebe__tls_covers(connection->tls, authority);
}

static const struct grebe__h2_pipe_ops pipe_ops = {
    .wants_write = wants_write,
    .finish = finish,
    .covers = covers,
};

/* ---- Events ----------------------------------------------------------------------- */

/* For whoever looks.  Texts are the session's. */
static void show(struct grebe__connection *connection,
                 const struct grebe__socket_end *local)
{
    struct grebe__socket *socket = &grebe__h2_transport(connection->h2)->socket;
    const char *local_text = socket->local.text, *remote_text = socket->remote.text;

    socket->local = *local;
    socket->local.text = local_text;
    socket->remote = connection->remote;
    socket->remote.text = remote_text;
    if (connection->tls != NULL)
        socket->cipher = grebe__tls_cipher(connection->tls);
}

static void start_h2(struct grebe__connection *connection)
{
    struct grebe_loop *loop = connection->loop;
    const struct grebe__dial *dial = connection->dial;
    struct grebe__socket_address own;
    struct grebe__socket_end local;
    char local_text[GREBE__ADDRESS_TEXT];
    const struct grebe__h2_config config = {
        .env = &loop->env,
        .mem = dial->mem,
        .pool = &loop->pool,
        .options = dial->options,
        .authority = dial->authority,
        .peer = connection->peer,
        .local = local_text,
        .is_tls = connection->tls != NULL,
        .pipe = &connection->pipe,
    };

    grebe__socket_local(connection->fd, &own);
    grebe__socket_address_show(&own, local_text, &local);
    if (grebe__h2_new(&config, &connection->h2) != GREBE_OK) {
        lose(connection, "out of memory", grebe__socket_label(ENOMEM));
        return;
    }
    show(connection, &local);
    connection->phase = GREETING;
    grebe_mem_free(loop->mem, connection->peer);
    connection->peer = NULL;
    wants_write(&connection->pipe);
    update_poll(connection);
}

static void start_tls(struct grebe__connection *connection)
{
    const struct grebe__dial *dial = connection->dial;
    struct grebe__tls_io io = tls_io(connection, 0);
    int result;

    connection->phase = HANDSHAKING;
    result = grebe__tls_new(connection->loop->mem, dial->credentials, dial->authority,
                            &connection->tls);
    if (result == GREBE_ERR_INVALID) {
        lose(connection, "the authority is not a name to verify",
             grebe__socket_label(EINVAL));
    } else if (result != GREBE_OK) {
        lose(connection, "out of memory", grebe__socket_label(ENOMEM));
    } else {
        use_input(connection, &io);
        update_poll(connection);
    }
}

static void finish_connect(struct grebe__connection *connection)
{
    int error = grebe__socket_take_error(connection->fd);

    if (error != 0)
        lose_by_errno(connection, "", error);
    else if (connection->dial->credentials->is_tls)
        start_tls(connection);
    else
        start_h2(connection);
}

static void resume_writing(struct grebe__connection *connection)
{
    int error =
        grebe__outbox_resume(&connection->outbox, connection->loop->mem, connection->fd);

    if (error != 0) {
        lose_by_write(connection, error);
    } else if (!is_stuck(connection)) {
        if (connection->h2 != NULL)
            wants_write(&connection->pipe);
        update_poll(connection);
    }
}

/* `has_error`: the next read tells which, and libuv has stopped polling. */
static void exchange(struct grebe__connection *connection, int events, bool has_error)
{
    if (is_stuck(connection) && (events & UV_WRITABLE))
        resume_writing(connection);
    if (has_error)
        connection->events = 0;
    if (connection->phase != CLOSED && (has_error || (events & UV_READABLE)))
        read_once(connection);
    /* While output is stuck no writer looks after this. */
    if (connection->phase != CLOSED && (has_error || is_stuck(connection)))
        update_poll(connection);
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
    struct grebe__connection *connection =
        grebe_container_of(handle, struct grebe__connection, poll);
    struct grebe_loop *loop = connection->loop;

    if (!grebe__loop_begin(loop)) {
        uv_poll_stop(handle); /* the bytes are the parent's */
        return;
    }
    grebe__env_enter(&loop->env);
    if (connection->phase == CONNECTING)
        finish_connect(connection);
    else
        exchange(connection, events, status < 0);
    grebe__env_leave(&loop->env);
}

/* ---- Opening ---------------------------------------------------------------------- */

static bool start_polling(struct grebe__connection *connection,
                          char error[GREBE__CONNECTION_ERROR_MAX])
{
    struct grebe_loop *loop = connection->loop;
    int result = uv_poll_init(loop->uv, &connection->poll, connection->fd);

    if (result != 0) {
        snprintf(error, GREBE__CONNECTION_ERROR_MAX, "connect: %s", uv_strerror(result));
        return false;
    }
    uv_unref((uv_handle_t *)&connection->poll);
    grebe__loop_handle_opened(loop);
    poll_for(connection, UV_WRITABLE);
    return true;
}

/* False: `error` says why, and *fd is what there is to be closed. */
static bool get_socket(const struct grebe__connection_request *request, int *fd,
                       char error[GREBE__CONNECTION_ERROR_MAX])
{
    const struct grebe__transport_options *options = request->dial->options;
    const char *flaw = NULL;

    if (*fd >= 0) {
        flaw = grebe__socket_adopt(*fd, options);
        if (flaw != NULL)
            snprintf(error, GREBE__CONNECTION_ERROR_MAX, "dial: %s", flaw);
        return flaw == NULL;
    }
    *fd = grebe__socket_connect(request->address, options);
    if (*fd < 0)
        snprintf(error, GREBE__CONNECTION_ERROR_MAX, "connect: %s",
                 grebe__socket_connect_error(errno));
    return *fd >= 0;
}

/* `address` NULL: the application has connected, and knows to what.  People get to see what
 * the dial calls its peer. */
static void note_remote(struct grebe__connection *connection,
                        const struct grebe__socket_address *address)
{
    char text[GREBE__ADDRESS_TEXT];

    if (address != NULL)
        grebe__socket_address_show(address, text, &connection->remote);
}

struct grebe__connection *
grebe__connection_open(const struct grebe__connection_request *request,
                       char error[GREBE__CONNECTION_ERROR_MAX])
{
    struct grebe_loop *loop = request->loop;
    struct grebe__connection *connection =
        grebe_mem_zalloc(loop->mem, sizeof *connection);
    char *peer = grebe_mem_strdup(loop->mem, request->peer);
    int fd = request->fd;

    if (connection == NULL || peer == NULL || grebe__loop_buffers(loop) == NULL) {
        snprintf(error, GREBE__CONNECTION_ERROR_MAX, "out of memory");
        goto fail;
    }
    connection->pipe.ops = &pipe_ops;
    connection->writer.write = write_out;
    grebe__list_init(&connection->writer.link);
    connection->loop = loop;
    connection->owner = request->owner;
    connection->dial = request->dial;
    connection->peer = peer;
    note_remote(connection, request->address);
    if (!get_socket(request, &fd, error))
        goto fail;
    connection->fd = fd;
    if (!start_polling(connection, error))
        goto fail;
    grebe__list_append(&loop->connections, &connection->link);
    return connection;

fail:
    if (fd >= 0)
        close(fd);
    grebe_mem_free(loop->mem, peer);
    grebe_mem_free(loop->mem, connection);
    return NULL;
}

/* ---- Ending from outside ---------------------------------------------------------- */

void grebe__connection_abort(struct grebe__connection *connection)
{
    connection->owner = NULL;
    lose(connection, "cancelled", grebe__socket_label(0));
}

void grebe__connection_shut(struct grebe__connection *connection)
{
    connection->owner = NULL;
    lose(connection, "the loop is closing", "subchannel shutdown");
}

void grebe__connection_abandon(struct grebe__connection *connection)
{
    close(connection->fd);
}
