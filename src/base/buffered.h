/* SPDX-License-Identifier: Apache-2.0 */
/* base/buffered.h -- text handed over in large pieces, for what is written word by word.
 *
 * It needs no memory but itself, and so never fails.
 */
#ifndef GREBE_BASE_BUFFERED_H
#define GREBE_BASE_BUFFERED_H

#include <stddef.h>

struct grebe__buffered {
    void (*write)(void *arg, const char *text, size_t length);
    void *arg;
    size_t n;
    char buf[2048];
};

/* The bytes of `buf` are left as they are. */
static inline void
grebe__buffered_init(struct grebe__buffered *out,
                     void (*write)(void *arg, const char *text, size_t length), void *arg)
{
    out->write = write;
    out->arg = arg;
    out->n = 0;
}

void grebe__buffered_put(struct grebe__buffered *out, const char *bytes, size_t length);
/* What is left; nothing is written for nothing. */
void grebe__buffered_flush(struct grebe__buffered *out);

#endif
