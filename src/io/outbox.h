/* SPDX-License-Identifier: Apache-2.0 */
/* io/outbox.h -- what a socket did not take yet, in the order it was to be sent.
 *
 * Usually empty, and then it holds no memory.  All functions that send take care of every
 * byte, or give an errno: EAGAIN is not one of them, ENOMEM is.  None raises SIGPIPE.
 */
#ifndef GREBE_IO_OUTBOX_H
#define GREBE_IO_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

#include <grebe/mem.h>

struct grebe__outbox {
    unsigned char *bytes; /* [at, length) are to be sent; NULL: nothing is */
    size_t at, length;
};

static inline bool grebe__outbox_is_empty(const struct grebe__outbox *outbox)
{
    return outbox->bytes == NULL;
}

/* Send `total` bytes, those of n pieces; what the socket does not take is copied. */
int grebe__outbox_send(struct grebe__outbox *outbox, const struct grebe_mem *mem, int fd,
                       struct iovec *pieces, size_t n, size_t total);

/* The socket has room again. */
int grebe__outbox_resume(struct grebe__outbox *outbox, const struct grebe_mem *mem,
                         int fd);

/* Forget what is left. */
void grebe__outbox_clear(struct grebe__outbox *outbox, const struct grebe_mem *mem);

#endif
