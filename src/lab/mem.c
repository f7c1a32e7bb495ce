/* SPDX-License-Identifier: Apache-2.0 */
#include "lab/mem.h"

#include <stdalign.h>
#include <stddef.h>
#include <string.h>

#include <grebe/attr.h>

enum {
    PATTERN = 0xdd,             /* eight of it are no address */
    FREED_MAX_BYTES = 16 << 20, /* what is older is looked at a last time */
};

/* AddressSanitizer knows better, if it is let. */
#if defined(__SANITIZE_ADDRESS__)
#define HAS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif
#ifndef HAS_SANITIZER
#define HAS_SANITIZER 0
#endif

struct block {
    alignas(max_align_t) struct grebe__list link;
    size_t size; /* without this header */
};

static void lock(struct lab_mem *mem)
{
    while (atomic_flag_test_and_set_explicit(&mem->lock, memory_order_acquire))
        continue;
}

static void unlock(struct lab_mem *mem)
{
    atomic_flag_clear_explicit(&mem->lock, memory_order_release);
}

/* False if this allocation is the one to fail. */
static bool may_allocate(struct lab_mem *mem)
{
    mem->n_allocs++;
    if (mem->until_failure == 0 || (mem->turns != NULL && *mem->turns == 0))
        return true;
    if (--mem->until_failure > 0)
        return true;
    mem->has_failed = true;
    return false;
}

static void *take_out(struct lab_mem *mem, struct block *block, size_t size)
{
    if (block == NULL)
        return NULL;
    block->size = size;
    grebe__list_init(&block->link);
    grebe__list_append(&mem->blocks, &block->link);
    mem->n_blocks++;
    return block + 1;
}

static struct block *bring_back(struct lab_mem *mem, void *ptr)
{
    struct block *block = (struct block *)ptr - 1;

    grebe__list_remove(&block->link);
    mem->n_blocks--;
    return block;
}

static bool is_spoilt(const struct block *block)
{
    const unsigned char *bytes = (const unsigned char *)(block + 1);

    for (size_t i = 0; i < block->size; i++)
        if (bytes[i] != PATTERN)
            return true;
    return false;
}

static void free_oldest(struct lab_mem *mem)
{
    struct block *block =
        grebe_container_of(grebe__list_shift(&mem->freed), struct block, link);

    mem->freed_bytes -= block->size;
    mem->n_spoilt += is_spoilt(block);
    grebe_mem_free(mem->base, block);
}

static void put_away(struct lab_mem *mem, struct block *block)
{
    if (!mem->keeps_freed || HAS_SANITIZER) {
        grebe_mem_free(mem->base, block);
        return;
    }
    memset(block + 1, PATTERN, block->size);
    grebe__list_append(&mem->freed, &block->link);
    mem->freed_bytes += block->size;
    while (mem->freed_bytes > FREED_MAX_BYTES)
        free_oldest(mem);
}

static void *alloc_locked(struct lab_mem *mem, size_t size)
{
    if (!may_allocate(mem) || size > SIZE_MAX - sizeof(struct block))
        return NULL;
    return take_out(mem, grebe_mem_alloc(mem->base, sizeof(struct block) + size), size);
}

static void *counted_alloc(void *ctx, size_t size)
{
    struct lab_mem *mem = ctx;
    void *ptr;

    lock(mem);
    ptr = alloc_locked(mem, size);
    unlock(mem);
    return ptr;
}

/* Always another place: whoever kept a pointer to the old one is found out. */
static void *realloc_locked(struct lab_mem *mem, void *ptr, size_t size)
{
    void *moved = alloc_locked(mem, size);
    size_t before;

    if (ptr == NULL || moved == NULL)
        return moved;
    before = ((struct block *)ptr - 1)->size;
    memcpy(moved, ptr, before < size ? before : size);
    put_away(mem, bring_back(mem, ptr));
    return moved;
}

static void *counted_realloc(void *ctx, void *ptr, size_t size)
{
    struct lab_mem *mem = ctx;
    void *moved;

    lock(mem);
    moved = realloc_locked(mem, ptr, size);
    unlock(mem);
    return moved;
}

static void counted_free(void *ctx, void *ptr)
{
    struct lab_mem *mem = ctx;

    lock(mem);
    put_away(mem, bring_back(mem, ptr));
    unlock(mem);
}

const struct grebe_mem *lab_mem_init(struct lab_mem *mem, const struct grebe_mem *base)
{
    *mem = (struct lab_mem){
        .interface = {.alloc = counted_alloc,
                      .realloc = counted_realloc,
                      .free = counted_free,
                      .ctx = mem},
        .base = base,
        .lock = ATOMIC_FLAG_INIT,
    };
    grebe__list_init(&mem->blocks);
    grebe__list_init(&mem->freed);
    return &mem->interface;
}

uint32_t lab_mem_n_spoilt(struct lab_mem *mem)
{
    while (!grebe__list_is_empty(&mem->freed))
        free_oldest(mem);
    return mem->n_spoilt;
}

void lab_mem_reclaim(struct lab_mem *mem)
{
    struct grebe__list *link;

    while ((link = grebe__list_shift(&mem->blocks)) != NULL)
        grebe_mem_free(mem->base, grebe_container_of(link, struct block, link));
    mem->n_blocks = 0;
}
