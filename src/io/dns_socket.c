/* SPDX-License-Identifier: Apache-2.0 */
#include "io/dns_socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

static ares_socket_t open_socket(int family, int type, int protocol, void *arg)
{
    const int on = 1;
    int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);

    (void)arg;
    if (fd >= 0 && type == SOCK_STREAM) /* small messages, each to be answered */
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd < 0 ? ARES_SOCKET_BAD : fd;
}

static int close_socket(ares_socket_t fd, void *arg)
{
    (void)arg;
    return close(fd);
}

static int connect_socket(ares_socket_t fd, const struct sockaddr *address,
                          ares_socklen_t length, void *arg)
{
    (void)arg;
    return connect(fd, address, length);
}

static ares_ssize_t receive(ares_socket_t fd, void *bytes, size_t size, int flags,
                            struct sockaddr *from, ares_socklen_t *from_length, void *arg)
{
    unsigned *reads_left = arg;

    if (*reads_left == 0) {
        errno = EAGAIN;
        return -1;
    }
    --*reads_left;
    return recvfrom(fd, bytes, size, flags, from, from_length);
}

static ares_ssize_t send_vector(ares_socket_t fd, const struct iovec *vector, int n,
                                void *arg)
{
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)vector,
                             .msg_iovlen = (size_t)n};

    (void)arg;
    return sendmsg(fd, &message, MSG_NOSIGNAL);
}

void grebe__dns_socket_use(ares_channel channel, unsigned *reads_left)
{
    static const struct ares_socket_functions functions = {
        .asocket = open_socket,
        .aclose = close_socket,
        .aconnect = connect_socket,
        .arecvfrom = receive,
        .asendv = send_vector,
    };

    ares_set_socket_functions(channel, &functions, reads_left);
}
