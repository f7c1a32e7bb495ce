/* SPDX-License-Identifier: Apache-2.0 */
#include "support/mem.h"

#include <stdlib.h>

/* Counts an allocation; false if it is the one to fail. */
static bool may_allocate(struct test_mem *mem)
{
    if (++mem->n_allocs != mem->fail_at)
        return true;
    mem->has_failed = true;
    return false;
}

static void *test_alloc(void *ctx, size_t size)
{
    struct test_mem *mem = ctx;
    void *ptr = may_allocate(mem) ? malloc(size) : NULL;

    if (ptr != NULL)
        mem->n_live++;
    return ptr;
}

static void *test_realloc(void *ctx, void *ptr, size_t size)
{
    struct test_mem *mem = ctx;
    void *moved;

    if (ptr == NULL)
        return test_alloc(ctx, size);
    moved = may_allocate(mem) ? realloc(ptr, size) : NULL;
    return moved;
}

static void test_free(void *ctx, void *ptr)
{
    struct test_mem *mem = ctx;

    mem->n_live--;
    free(ptr);
}

const struct grebe_mem *test_mem_init(struct test_mem *mem)
{
    *mem = (struct test_mem){
        .interface = {.alloc = test_alloc,
                      .realloc = test_realloc,
                      .free = test_free,
                      .ctx = mem},
    };
    return &mem->interface;
}
