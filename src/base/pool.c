/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pool.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

enum { CHUNK_BYTES = 64 * 1024 };

/* In front of every block.  16 bytes keep what follows aligned for any type. */
struct header {
    uint64_t size_class; /* 0: not from the pool */
    uint64_t size;
};

struct chunk {
    struct chunk *next;
    uint64_t pad; /* keeps the first block aligned */
};

static_assert(sizeof(struct header) == GREBE__POOL_GRAIN, "blocks must stay aligned");
static_assert(sizeof(struct chunk) == GREBE__POOL_GRAIN, "blocks must stay aligned");

void grebe__pool_init(struct grebe__pool *pool, const struct grebe_mem *mem)
{
    *pool = (struct grebe__pool){.mem = mem};
}

void grebe__pool_fini(struct grebe__pool *pool)
{
    for (struct chunk *chunk = pool->chunks, *next; chunk != NULL; chunk = next) {
        next = chunk->next;
        grebe_mem_free(pool->mem, chunk);
    }
    grebe__pool_init(pool, pool->mem);
}

static struct header *bump(struct grebe__pool *pool, size_t bytes)
{
    struct header *header;

    if ((size_t)(pool->bump_end - pool->bump) < bytes) {
        struct chunk *chunk = grebe_mem_alloc(pool->mem, CHUNK_BYTES);

        if (chunk == NULL)
            return NULL;
        chunk->next = pool->chunks;
        pool->chunks = chunk;
        pool->bump = (unsigned char *)(chunk + 1);
        pool->bump_end = (unsigned char *)chunk + CHUNK_BYTES;
    }
    header = (struct header *)(void *)pool->bump;
    pool->bump += bytes;
    return header;
}

void *grebe__pool_alloc(struct grebe__pool *pool, size_t size)
{
    size_t class = (size + GREBE__POOL_GRAIN - 1) / GREBE__POOL_GRAIN;
    struct header *header;

    if (size > GREBE__POOL_MAX) {
        if (size > SIZE_MAX - sizeof *header)
            return NULL;
        header = grebe_mem_alloc(pool->mem, sizeof *header + size);
        if (header == NULL)
            return NULL;
        *header = (struct header){.size_class = 0, .size = size};
        return header + 1;
    }
    if (class == 0)
        class = 1;
    if (pool->free_blocks[class] != NULL) {
        void *block = pool->free_blocks[class];

        memcpy(&pool->free_blocks[class], block, sizeof(void *));
        return block;
    }
    header = bump(pool, sizeof *header + class * GREBE__POOL_GRAIN);
    if (header == NULL)
        return NULL;
    *header = (struct header){.size_class = class, .size = class * GREBE__POOL_GRAIN};
    return header + 1;
}

void *grebe__pool_realloc(struct grebe__pool *pool, void *block, size_t size)
{
    struct header *header;
    void *bigger;

    if (block == NULL)
        return grebe__pool_alloc(pool, size);
    header = (struct header *)block - 1;
    if (size <= header->size)
        return block;
    bigger = grebe__pool_alloc(pool, size);
    if (bigger == NULL)
        return NULL;
    memcpy(bigger, block, header->size);
    grebe__pool_free(pool, block);
    return bigger;
}

void grebe__pool_free(struct grebe__pool *pool, void *block)
{
    struct header *header;

    if (block == NULL)
        return;
    header = (struct header *)block - 1;
    if (header->size_class == 0) {
        grebe_mem_free(pool->mem, header);
        return;
    }
    memcpy(block, &pool->free_blocks[header->size_class], sizeof(void *));
    pool->free_blocks[header->size_class] = block;
}
