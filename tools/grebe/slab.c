/* SPDX-License-Identifier: Apache-2.0 */
#include "slab.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_BYTES = 256 * 1024, HEADER_BYTES = alignof(max_align_t), FOREIGN = 0 };

/* In front of every block: the power of two it has, header included; or FOREIGN, and
 * malloc has its true size. */
struct header {
    alignas(max_align_t) size_t bits;
};

static struct header *header_of(void *block)
{
    return (struct header *)((unsigned char *)block - HEADER_BYTES);
}

static unsigned bits_for(size_t size)
{
    unsigned bits = SLAB_MIN_BITS;

    while ((size_t)1 << bits < size)
        bits++;
    return bits;
}

/* Fresh memory from the newest chunk; the rest of an older one is given up. */
static struct header *carve(struct slab *slab, size_t size)
{
    struct header *header;

    if ((size_t)(slab->bump_end - slab->bump) < size) {
        unsigned char *chunk = malloc(CHUNK_BYTES);

        if (chunk == NULL)
            return NULL;
        *(void **)(void *)chunk = slab->chunks;
        slab->chunks = chunk;
        slab->bump = chunk + HEADER_BYTES;
        slab->bump_end = chunk + CHUNK_BYTES;
    }
    header = (struct header *)(void *)slab->bump;
    slab->bump += size;
    return header;
}

void *slab_alloc(struct slab *slab, size_t size)
{
    struct header *header;
    unsigned bits;

    if (size > SLAB_MAX - HEADER_BYTES) {
        header = size > SIZE_MAX - HEADER_BYTES ? NULL : malloc(HEADER_BYTES + size);
        bits = FOREIGN;
    } else {
        bits = bits_for(size + HEADER_BYTES);
        header = slab->free_blocks[bits];
        if (header != NULL)
            slab->free_blocks[bits] = *(void **)(void *)header;
        else
            header = carve(slab, (size_t)1 << bits);
    }
    if (header == NULL)
        return NULL;
    header->bits = bits;
    return (unsigned char *)header + HEADER_BYTES;
}

void slab_free(struct slab *slab, void *block)
{
    struct header *header;
    size_t bits;

    if (block == NULL)
        return;
    header = header_of(block);
    bits = header->bits;
    if (bits == FOREIGN) {
        free(header);
        return;
    }
    *(void **)(void *)header = slab->free_blocks[bits];
    slab->free_blocks[bits] = header;
}

void *slab_realloc(struct slab *slab, void *block, size_t size)
{
    size_t bits, room;
    void *moved;

    if (block == NULL)
        return slab_alloc(slab, size);
    bits = header_of(block)->bits;
    if (bits == FOREIGN && size > SLAB_MAX - HEADER_BYTES) {
        struct header *header = realloc(header_of(block), HEADER_BYTES + size);

        return header == NULL ? NULL : (unsigned char *)header + HEADER_BYTES;
    }
    room = bits == FOREIGN ? SLAB_MAX - HEADER_BYTES : ((size_t)1 << bits) - HEADER_BYTES;
    if (bits != FOREIGN && size <= room)
        return block;
    moved = slab_alloc(slab, size);
    if (moved == NULL)
        return NULL;
    memcpy(moved, block, size < room ? size : room);
    slab_free(slab, block);
    return moved;
}

void slab_fini(struct slab *slab)
{
    while (slab->chunks != NULL) {
        void *chunk = slab->chunks;

        slab->chunks = *(void **)chunk;
        free(chunk);
    }
    *slab = (struct slab){0};
}
