/* SPDX-License-Identifier: Apache-2.0 */
/* bytes.h -- a queue of bytes: append at the end, take from the front.
 *
 *   data  [ taken | waiting ............ | room ]
 *                 ^head                  ^tail   ^size
 *
 * Memory comes from a slab and grows by doubling; bytes_fini() gives it back.
 */
#ifndef TOOL_BYTES_H
#define TOOL_BYTES_H

#include <stdbool.h>
#include <stddef.h>

struct slab;

/* All zero is empty. */
struct bytes {
    unsigned char *data;
    size_t head, tail, size;
};

static inline size_t bytes_length(const struct bytes *bytes)
{
    return bytes->tail - bytes->head;
}

static inline const unsigned char *bytes_front(const struct bytes *bytes)
{
    return bytes->data + bytes->head;
}

/* Makes room for `length` bytes and gives the place; NULL when out of memory.  What is
 * written there counts after bytes_commit(). */
unsigned char *bytes_reserve(struct bytes *bytes, struct slab *slab, size_t length);

static inline void bytes_commit(struct bytes *bytes, size_t length)
{
    bytes->tail += length;
}

bool bytes_append(struct bytes *bytes, struct slab *slab, const void *data,
                  size_t length);

/* `length` bytes at the front are done with. */
static inline void bytes_take(struct bytes *bytes, size_t length)
{
    bytes->head += length;
    if (bytes->head == bytes->tail)
        bytes->head = bytes->tail = 0;
}

void bytes_fini(struct bytes *bytes, struct slab *slab);

#endif
