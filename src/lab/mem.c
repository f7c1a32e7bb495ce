/* SPDX-License-Identifier: Apache-2.0 */
#include "lab/mem.h"

#include <stdalign.h>
#include <stddef.h>

#include <grebe/attr.h>

struct block {
    alignas(max_align_t) struct grebe__list link;
};

static void *take_out(struct lab_mem *mem, struct block *block)
{
    if (block == NULL)
        return NULL;
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

static void *counted_alloc(void *ctx, size_t size)
{
    struct lab_mem *mem = ctx;

    if (size > SIZE_MAX - sizeof(struct block))
        return NULL;
    return take_out(mem, grebe_mem_alloc(mem->base, sizeof(struct block) + size));
}

static void *counted_realloc(void *ctx, void *ptr, size_t size)
{
    struct lab_mem *mem = ctx;
    struct block *block, *moved;

    if (ptr == NULL)
        return counted_alloc(ctx, size);
    if (size > SIZE_MAX - sizeof *block)
        return NULL;
    block = bring_back(mem, ptr);
    moved = grebe_mem_realloc(mem->base, block, sizeof *block + size);
    if (moved == NULL)
        take_out(mem, block);
    return take_out(mem, moved);
}

static void counted_free(void *ctx, void *ptr)
{
    struct lab_mem *mem = ctx;

    grebe_mem_free(mem->base, bring_back(mem, ptr));
}

const struct grebe_mem *lab_mem_init(struct lab_mem *mem, const struct grebe_mem *base)
{
    *mem = (struct lab_mem){
        .interface = {.alloc = counted_alloc,
                      .realloc = counted_realloc,
                      .free = counted_free,
                      .ctx = mem},
        .base = base,
    };
    grebe__list_init(&mem->blocks);
    return &mem->interface;
}

void lab_mem_reclaim(struct lab_mem *mem)
{
    struct grebe__list *link;

    while ((link = grebe__list_shift(&mem->blocks)) != NULL)
        grebe_mem_free(mem->base, grebe_container_of(link, struct block, link));
    mem->n_blocks = 0;
}
