/* SPDX-License-Identifier: Apache-2.0 */
#include "server/listener.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <grebe/attr.h>

#include "server/loop.h"

enum { BACKLOG = 4096 };

struct listener {
    union {
        uv_handle_t any;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } handle;
    struct server_loop *loop;
    listener_fn on_connection; /* NULL: is being closed */
    void *arg;
};

static void on_incoming(uv_stream_t *stream, int status)
{
    struct listener *listener = grebe_container_of(stream, struct listener, handle);

    if (status == 0 && listener->on_connection != NULL)
        listener->on_connection(listener->arg, stream);
}

static void on_closed(uv_handle_t *handle)
{
    struct listener *listener = grebe_container_of(handle, struct listener, handle);

    server_loop_release(listener->loop);
    free(listener);
}

void listener_close(struct listener *listener)
{
    if (listener == NULL)
        return;
    listener->on_connection = NULL;
    uv_close(&listener->handle.any, on_closed);
}

/* A socket file that nobody listens on is left over from a killed process. */
static void remove_stale_socket(const char *path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || strlen(path) >= sizeof name.sun_path) {
        if (fd >= 0)
            close(fd);
        return;
    }
    memcpy(name.sun_path, path, strlen(path) + 1);
    if (connect(fd, (struct sockaddr *)&name, sizeof name) != 0 && errno == ECONNREFUSED)
        unlink(path);
    close(fd);
}

/* Connections inherit it from the listener. */
static int set_congestion(uv_tcp_t *tcp, const char *name)
{
    uv_os_fd_t fd;
    int error = uv_fileno((uv_handle_t *)tcp, &fd);

    if (error == 0 &&
        setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, (socklen_t)strlen(name)) != 0)
        error = uv_translate_sys_error(errno);
    return error;
}

static int bind_tcp(uv_tcp_t *tcp, const struct listen_address *address,
                    const char *congestion)
{
    int error = uv_tcp_bind(tcp, (const struct sockaddr *)&address->ip, 0);

    return error == 0 && congestion != NULL ? set_congestion(tcp, congestion) : error;
}

static int bind_unix(uv_pipe_t *pipe, const char *path)
{
    int error;

    remove_stale_socket(path);
    error = uv_pipe_bind(pipe, path);
    /* libuv makes this of a folder that does not exist. */
    return error == UV_EACCES && errno == ENOENT ? UV_ENOENT : error;
}

static int init_handle(struct listener *listener, const struct listen_address *address)
{
    if (listen_address_path(address) != NULL)
        return uv_pipe_init(listener->loop->uv, &listener->handle.pipe, 0);
    return uv_tcp_init_ex(listener->loop->uv, &listener->handle.tcp,
                          address->ip.ss_family);
}

static int start(struct listener *listener, const struct listen_address *address,
                 const char *congestion)
{
    const char *path = listen_address_path(address);
    int error = path == NULL ? bind_tcp(&listener->handle.tcp, address, congestion)
                             : bind_unix(&listener->handle.pipe, path);

    return error == 0 ? uv_listen(&listener->handle.stream, BACKLOG, on_incoming) : error;
}

/* The port that was asked for as 0 is kept for the next time. */
static void learn_port(struct listener *listener, struct listen_address *address)
{
    int length = sizeof address->ip;

    if (listen_address_path(address) != NULL)
        return;
    uv_tcp_getsockname(&listener->handle.tcp, (struct sockaddr *)&address->ip, &length);
    listen_address_format(address);
}

int listener_open(struct server_loop *loop, struct listen_address *address,
                  const char *congestion, listener_fn on_connection, void *arg,
                  struct listener **out)
{
    struct listener *listener = calloc(1, sizeof *listener);
    int error;

    if (listener == NULL)
        return UV_ENOMEM;
    *listener =
        (struct listener){.loop = loop, .on_connection = on_connection, .arg = arg};
    error = init_handle(listener, address);
    if (error != 0) {
        free(listener);
        return error;
    }
    server_loop_retain(loop);
    error = start(listener, address, congestion);
    if (error != 0) {
        listener_close(listener);
        return error;
    }
    learn_port(listener, address);
    *out = listener;
    return 0;
}
