/* SPDX-License-Identifier: Apache-2.0 */
#include "messages/wire_mem.h"

#include <stdint.h>

static void *take_inline(struct grebe__wire_mem *memory, size_t size)
{
    size_t rounded = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);

    if (rounded < size || rounded > sizeof memory->bytes - memory->n_inline)
        return NULL;
    memory->n_inline += rounded;
    return memory->bytes + memory->n_inline - rounded;
}

static void *allocate(void *data, size_t size)
{
    struct grebe__wire_mem *memory = data;
    void *ptr = take_inline(memory, size);

    if (ptr == NULL && size <= memory->n_left) {
        memory->n_left -= size;
        ptr = grebe_mem_alloc(memory->mem, size);
    }
    if (ptr == NULL)
        memory->has_failed = true;
    return ptr;
}

static bool is_inline(const struct grebe__wire_mem *memory, const void *ptr)
{
    return (uintptr_t)ptr - (uintptr_t)memory->bytes < sizeof memory->bytes;
}

static void release(void *data, void *ptr)
{
    struct grebe__wire_mem *memory = data;

    if (!is_inline(memory, ptr))
        grebe_mem_free(memory->mem, ptr);
}

void grebe__wire_mem_init(struct grebe__wire_mem *memory, const struct grebe_mem *mem)
{
    memory->allocator = (ProtobufCAllocator){
        .alloc = allocate,
        .free = release,
        .allocator_data = memory,
    };
    memory->mem = mem;
    memory->n_inline = 0;
    memory->n_left = GREBE__WIRE_MEM_LIMIT;
    memory->has_failed = false;
}
