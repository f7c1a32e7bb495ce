/* SPDX-License-Identifier: Apache-2.0 */
#include "base/byte_ring.h"

#include <string.h>

#include <grebe/error.h>

#include "base/assert.h"

int grebe__byte_ring_init(struct grebe__byte_ring *ring, const struct grebe_mem *mem,
                          size_t size)
{
    size_t room = 64;

    while (room < size)
        room *= 2;
    *ring = (struct grebe__byte_ring){
        .mem = mem,
        .bytes = grebe_mem_alloc(mem, room),
        .size = room,
    };
    return ring->bytes == NULL ? GREBE_ERR_NOMEM : GREBE_OK;
}

void grebe__byte_ring_fini(struct grebe__byte_ring *ring)
{
    grebe_mem_free(ring->mem, ring->bytes);
    ring->bytes = NULL;
}

bool grebe__byte_ring_put(struct grebe__byte_ring *ring, const char *bytes, size_t length)
{
    uint64_t head = ring->head;
    uint64_t tail = __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE);
    size_t at = (size_t)head & (ring->size - 1), first = ring->size - at;

    if (length > ring->size - (size_t)(head - tail))
        return false;
    first = first < length ? first : length;
    memcpy(ring->bytes + at, bytes, first);
    memcpy(ring->bytes, bytes + first, length - first);
    __atomic_store_n(&ring->head, head + length, __ATOMIC_RELEASE);
    return true;
}

size_t grebe__byte_ring_peek(struct grebe__byte_ring *ring, const char **out)
{
    uint64_t head = __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE), tail = ring->tail;
    size_t at = (size_t)tail & (ring->size - 1), here = ring->size - at;

    *out = ring->bytes + at;
    return head - tail < here ? (size_t)(head - tail) : here;
}

void grebe__byte_ring_take(struct grebe__byte_ring *ring, size_t length)
{
    GREBE_ASSERT(length <= __atomic_load_n(&ring->head, __ATOMIC_RELAXED) - ring->tail);
    __atomic_store_n(&ring->tail, ring->tail + length, __ATOMIC_RELEASE);
}
