/* SPDX-License-Identifier: Apache-2.0 */
#include <grebe/mem.h>

#include <stdlib.h>
#include <string.h>

static void *default_alloc(void *ctx, size_t size)
{
    (void)ctx;
    return malloc(size);
}

static void *default_realloc(void *ctx, void *ptr, size_t size)
{
    (void)ctx;
    return realloc(ptr, size);
}

static void default_free(void *ctx, void *ptr)
{
    (void)ctx;
    free(ptr);
}

static const struct grebe_mem default_mem = {
    .alloc = default_alloc,
    .realloc = default_realloc,
    .free = default_free,
};

const struct grebe_mem *grebe_mem_default(void)
{
    return &default_mem;
}

/* Asking malloc for nothing may give NULL, which is no failure: ask for a byte. */
void *grebe_mem_alloc(const struct grebe_mem *mem, size_t size)
{
    if (mem == NULL)
        mem = &default_mem;
    return mem->alloc(mem->ctx, size == 0 ? 1 : size);
}

void *grebe_mem_zalloc(const struct grebe_mem *mem, size_t size)
{
    void *ptr = grebe_mem_alloc(mem, size);

    if (ptr != NULL)
        memset(ptr, 0, size);
    return ptr;
}

void *grebe_mem_realloc(const struct grebe_mem *mem, void *ptr, size_t size)
{
    if (mem == NULL)
        mem = &default_mem;
    return mem->realloc(mem->ctx, ptr, size == 0 ? 1 : size);
}

void grebe_mem_free(const struct grebe_mem *mem, void *ptr)
{
    if (mem == NULL)
        mem = &default_mem;
    if (ptr != NULL)
        mem->free(mem->ctx, ptr);
}

char *grebe_mem_strndup(const struct grebe_mem *mem, const char *text, size_t length)
{
    char *copy = grebe_mem_alloc(mem, length + 1);

    if (copy == NULL)
        return NULL;
    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

char *grebe_mem_strdup(const struct grebe_mem *mem, const char *text)
{
    return grebe_mem_strndup(mem, text, strlen(text));
}
