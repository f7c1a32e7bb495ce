/* SPDX-License-Identifier: Apache-2.0 */
#include "io/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

/* An option that the system refuses is no reason to do without the connection: it is said
 * in the log. */
static void set_option(int fd, const struct grebe__transport_options *options, int number,
                       const char *name, const void *value, size_t length)
{
    int level = number == SO_KEEPALIVE ? SOL_SOCKET : IPPROTO_TCP;
    char message[128];

    if (setsockopt(fd, level, number, value, (socklen_t)length) == 0 ||
        options->on_log == NULL)
        return;
    snprintf(message, sizeof message, "the system refuses socket option %s: %s", name,
             uv_strerror(-errno));
    options->on_log(options->log_arg, GREBE_LOG_WARNING, message);
}

static void set_options(int fd, const struct grebe__transport_options *options)
{
    const int on = 1;
    const unsigned user_timeout_ms = options->tcp_user_timeout_ms;

    set_option(fd, options, TCP_NODELAY, "TCP_NODELAY", &on, sizeof on);
    set_option(fd, options, SO_KEEPALIVE, "SO_KEEPALIVE", &on, sizeof on);
    if (user_timeout_ms != 0)
        set_option(fd, options, TCP_USER_TIMEOUT, "TCP_USER_TIMEOUT", &user_timeout_ms,
                   sizeof user_timeout_ms);
    if (options->tcp_congestion != NULL)
        set_option(fd, options, TCP_CONGESTION, "TCP_CONGESTION", options->tcp_congestion,
                   strlen(options->tcp_congestion));
}

int grebe__socket_connect(const struct grebe__socket_address *address,
                          const struct grebe__transport_options *options)
{
    int family = address->as.any.sa_family;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int error;

    if (fd < 0)
        return -1;
    if (family != AF_UNIX)
        set_options(fd, options);
    if (connect(fd, &address->as.any, address->length) == 0 || errno == EINPROGRESS)
        return fd;
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

static int option_of(int fd, int option)
{
    int value = -1;
    socklen_t length = sizeof value;

    return getsockopt(fd, SOL_SOCKET, option, &value, &length) == 0 ? value : -1;
}

static bool add_flag(int fd, int get, int set, int flag)
{
    int flags = fcntl(fd, get);

    return flags >= 0 && fcntl(fd, set, flags | flag) == 0;
}

const char *grebe__socket_adopt(int fd, const struct grebe__transport_options *options)
{
    struct sockaddr_storage peer;
    socklen_t length = sizeof peer;
    int family = option_of(fd, SO_DOMAIN);

    if (option_of(fd, SO_TYPE) != SOCK_STREAM)
        return "the descriptor is not a stream socket";
    if (getpeername(fd, (struct sockaddr *)&peer, &length) != 0)
        return "the socket is not connected";
    if (!add_flag(fd, F_GETFL, F_SETFL, O_NONBLOCK) ||
        !add_flag(fd, F_GETFD, F_SETFD, FD_CLOEXEC))
        return "the socket cannot be set up";
    if (family == AF_INET || family == AF_INET6)
        set_options(fd, options);
    return NULL;
}

int grebe__socket_take_error(int fd)
{
    int error = 0;
    socklen_t length = sizeof error;

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0)
        return errno;
    return error;
}

const char *grebe__socket_connect_error(int error)
{
    /* connect(2): for a Unix socket nothing is under way then, so there is nothing to
     * wait for. */
    return error == EAGAIN ? "the backlog of the socket is full" : uv_strerror(-error);
}

void grebe__socket_local(int fd, struct grebe__socket_address *out)
{
    out->length = sizeof out->as;
    if (getsockname(fd, &out->as.any, &out->length) != 0)
        *out = (struct grebe__socket_address){.length = 0};
}

const char *grebe__socket_label(int error)
{
    switch (error) {
    case 0:
        return "unknown";
    case ECONNRESET:
        return "connection reset";
    case ETIMEDOUT:
        return "connection timed out";
    case ECONNABORTED:
        return "connection aborted";
    default:
        return "socket error";
    }
}
