/* SPDX-License-Identifier: Apache-2.0 */
/* base/byte_ring.h -- bytes handed from one thread to another, without locks and waiting.
 *
 * One writer and one reader at a time.  What is put is seen whole or not at all; what finds
 * no room is refused, and the ring is as it was.
 *
 *   bytes   ......[ tail ... read ... head ).......     both only ever grow
 */
#ifndef GREBE_BASE_BYTE_RING_H
#define GREBE_BASE_BYTE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <grebe/mem.h>

struct grebe__byte_ring {
    const struct grebe_mem *mem;
    char *bytes;
    size_t size;   /* a power of two */
    uint64_t head; /* atomic: put so far, the writer's */
    uint64_t tail; /* atomic: taken so far, the reader's */
};

/* At least `size` bytes.  GREBE_ERR_NOMEM. */
int grebe__byte_ring_init(struct grebe__byte_ring *ring, const struct grebe_mem *mem,
                          size_t size);
void grebe__byte_ring_fini(struct grebe__byte_ring *ring);

/* The writer: all of them, or false. */
bool grebe__byte_ring_put(struct grebe__byte_ring *ring, const char *bytes,
                          size_t length);

/* The reader: the oldest bytes that stand in one piece, 0 if there are none; and that many
 * of them are done with. */
size_t grebe__byte_ring_peek(struct grebe__byte_ring *ring, const char **out);
void grebe__byte_ring_take(struct grebe__byte_ring *ring, size_t length);

#endif
