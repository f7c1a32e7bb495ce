/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buffered.h"

#include <string.h>

void grebe__buffered_flush(struct grebe__buffered *out)
{
    if (out->n > 0)
        out->write(out->arg, out->buf, out->n);
    out->n = 0;
}

void grebe__buffered_put(struct grebe__buffered *out, const char *bytes, size_t length)
{
    while (length > 0) {
        size_t room = sizeof out->buf - out->n;
        size_t n = length < room ? length : room;

        memcpy(out->buf + out->n, bytes, n);
        out->n += n;
        bytes += n;
        length -= n;
        if (out->n == sizeof out->buf)
            grebe__buffered_flush(out);
    }
}
