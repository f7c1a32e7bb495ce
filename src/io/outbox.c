/* SPDX-License-Identifier: Apache-2.0 */
#include "io/outbox.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/* Bytes that were taken; -1 and an errno. */
static ssize_t send_once(int fd, struct iovec *pieces, size_t n)
{
    const struct msghdr message = {.msg_iov = pieces, .msg_iovlen = n};
    ssize_t sent;

    do {
        sent = sendmsg(fd, &message, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return 0;
    return sent;
}

/* All but the first `gone` bytes. */
static bool keep(struct grebe__outbox *outbox, const struct grebe_mem *mem,
                 const struct iovec *pieces, size_t n, size_t gone, size_t length)
{
    size_t end = outbox->length;
    unsigned char *bytes = grebe_mem_realloc(mem, outbox->bytes, end + length);

    if (bytes == NULL)
        return false;
    outbox->bytes = bytes;
    for (size_t i = 0; i < n; i++) {
        size_t skip = gone < pieces[i].iov_len ? gone : pieces[i].iov_len;
        size_t rest = pieces[i].iov_len - skip;

        memcpy(bytes + end, (const char *)pieces[i].iov_base + skip, rest);
        end += rest;
        gone -= skip;
    }
    outbox->length = end;
    return true;
}

int grebe__outbox_send(struct grebe__outbox *outbox, const struct grebe_mem *mem, int fd,
                       struct iovec *pieces, size_t n, size_t total)
{
    ssize_t sent = 0; /* behind what waits already */
    size_t gone;

    if (grebe__outbox_is_empty(outbox))
        sent = send_once(fd, pieces, n);
    if (sent < 0)
        return errno;
    gone = (size_t)sent;
    if (gone < total && !keep(outbox, mem, pieces, n, gone, total - gone))
        return ENOMEM;
    return 0;
}

int grebe__outbox_resume(struct grebe__outbox *outbox, const struct grebe_mem *mem,
                         int fd)
{
    struct iovec rest = {.iov_base = outbox->bytes + outbox->at,
                         .iov_len = outbox->length - outbox->at};
    ssize_t sent = send_once(fd, &rest, 1);

    if (sent < 0)
        return errno;
    outbox->at += (size_t)sent;
    if (outbox->at == outbox->length)
        grebe__outbox_clear(outbox, mem);
    return 0;
}

void grebe__outbox_clear(struct grebe__outbox *outbox, const struct grebe_mem *mem)
{
    grebe_mem_free(mem, outbox->bytes);
    *outbox = (struct grebe__outbox){.bytes = NULL};
}
