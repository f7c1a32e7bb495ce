/* SPDX-License-Identifier: Apache-2.0 */
#include "memory.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sanitizer.h"
#include "trace.h"

static const uint64_t alive = UINT64_C(0x616c697665212121);
static const uint64_t freed = UINT64_C(0x6672656564212121);

enum { FILLING = 0xdd, FENCE_BYTES = 8 };

/* In front of what is handed out. */
struct block {
    struct grebe__list link;
    uint64_t state; /* alive or freed */
    uint64_t number;
    size_t size;
    max_align_t payload[];
};

static struct block *block_of(void *ptr)
{
    return (struct block *)((char *)ptr - sizeof(struct block));
}

/* ---- Looking after blocks -------------------------------------------------------------- */

static void check_fence(const struct block *block)
{
    static const unsigned char fence[FENCE_BYTES] = {0xfe, 0xfe, 0xfe, 0xfe,
                                                     0xfe, 0xfe, 0xfe, 0xfe};

    if (memcmp((const char *)block->payload + block->size, fence, FENCE_BYTES) != 0)
        fail("memory is left alone", "bytes behind block %" PRIu64 " of %zu bytes",
             block->number, block->size);
}

#ifndef HAS_ADDRESS_SANITIZER
static void check_untouched(const struct block *block)
{
    const unsigned char *bytes = (const unsigned char *)block->payload;

    for (size_t i = 0; i < block->size; i++)
        if (bytes[i] != FILLING)
            fail("memory is left alone",
                 "byte %zu of block %" PRIu64 " of %zu bytes after it was freed", i,
                 block->number, block->size);
}
#endif

/* Its memory goes back to the system when as many more have been freed.  A sanitizer does
 * that better. */
static void bury(struct memory *memory, struct block *block)
{
#ifdef HAS_ADDRESS_SANITIZER
    (void)memory;
    free(block);
#else
    void **grave = &memory->kept[memory->n_freed++ % MEMORY_KEPT];

    memset(block->payload, FILLING, block->size);
    if (*grave != NULL)
        check_untouched(*grave);
    free(*grave);
    *grave = block;
#endif
}

/* ---- The interface --------------------------------------------------------------------- */

static bool is_to_fail(const struct memory *memory, uint64_t number)
{
    uint64_t since = number - memory->fail_at;

    return number >= memory->fail_at && since % memory->fail_stride == 0 &&
           since / memory->fail_stride < memory->fail_n;
}

bool memory_is_short(const struct memory *memory)
{
    return memory->fail_n > 0 &&
           memory->n_allocs <
               memory->fail_at + (memory->fail_n - 1) * memory->fail_stride;
}

static bool may_allocate(struct memory *memory)
{
    uint64_t number = ++memory->n_allocs;

    if (!is_to_fail(memory, number))
        return true;
    memory->n_failed++;
    trace("allocation %" PRIu64 " fails", number);
    return false;
}

static void *allocate(void *ctx, size_t size)
{
    struct memory *memory = ctx;
    struct block *block;

    if (!may_allocate(memory))
        return NULL;
    block = malloc(sizeof *block + size + FENCE_BYTES);
    if (block == NULL)
        return NULL;
    block->state = alive;
    block->number = memory->n_allocs;
    block->size = size;
    memset((char *)block->payload + size, 0xfe, FENCE_BYTES);
    grebe__list_init(&block->link);
    grebe__list_append(&memory->blocks, &block->link);
    memory->n_live++;
    return block->payload;
}

static void release(void *ctx, void *ptr)
{
    struct memory *memory = ctx;
    struct block *block = block_of(ptr);

    if (block->state != alive)
        fail("memory is freed once", "block %" PRIu64 " of %zu bytes", block->number,
             block->size);
    check_fence(block);
    block->state = freed;
    grebe__list_remove(&block->link);
    memory->n_live--;
    bury(memory, block);
}

static void *reallocate(void *ctx, void *ptr, size_t size)
{
    size_t before = ptr == NULL ? 0 : block_of(ptr)->size;
    void *moved = allocate(ctx, size);

    if (moved == NULL || ptr == NULL)
        return moved;
    memcpy(moved, ptr, before < size ? before : size);
    release(ctx, ptr);
    return moved;
}

void memory_init(struct memory *memory)
{
    *memory = (struct memory){
        .interface = {.alloc = allocate,
                      .realloc = reallocate,
                      .free = release,
                      .ctx = memory},
    };
    grebe__list_init(&memory->blocks);
    memory_feed(memory);
}

void memory_starve(struct memory *memory, uint32_t skip, uint32_t n, uint32_t stride)
{
    memory->fail_at = memory->n_allocs + 1 + skip;
    memory->fail_n = n;
    memory->fail_stride = stride;
}

void memory_feed(struct memory *memory)
{
    memory->fail_n = 0;
    memory->fail_stride = 1;
}

void memory_check_empty(const struct memory *memory, const char *whose)
{
    const struct block *block;

    if (memory->n_live == 0)
        return;
    block = grebe_container_of(memory->blocks.next, struct block, link);
    fail("all memory comes back",
         "%s: %u blocks are left, the first is allocation %" PRIu64 " of %zu bytes",
         whose, memory->n_live, block->number, block->size);
}

void memory_fini(struct memory *memory)
{
    memory_check_empty(memory, "at the end");
#ifndef HAS_ADDRESS_SANITIZER
    for (unsigned i = 0; i < MEMORY_KEPT; i++)
        if (memory->kept[i] != NULL)
            check_untouched(memory->kept[i]);
#endif
    for (unsigned i = 0; i < MEMORY_KEPT; i++)
        free(memory->kept[i]);
}
