/* SPDX-License-Identifier: Apache-2.0 */
/* grebe/mem.h -- where memory comes from.
 *
 * Every object takes its allocator when it is made and keeps the pointer: the struct must
 * outlive all of them.  Allocation failure is a GREBE_ERR_NOMEM, never an abort.
 *
 * Threading   The functions of a `struct grebe_mem` are called from any thread.
 */
#ifndef GREBE_MEM_H
#define GREBE_MEM_H

#include <stddef.h>

#include <grebe/attr.h>

GREBE_BEGIN_DECLS

struct grebe_mem {
    void *(*alloc)(void *ctx, size_t size);              /* NULL when there is none */
    void *(*realloc)(void *ctx, void *ptr, size_t size); /* `ptr` may be NULL */
    void (*free)(void *ctx, void *ptr);                  /* never called with NULL */
    void *ctx;
};

/* malloc, realloc and free. */
GREBE_API const struct grebe_mem *grebe_mem_default(void);

/* `mem` NULL stands for the default in all of these. */
GREBE_API void *grebe_mem_alloc(const struct grebe_mem *mem, size_t size);
GREBE_API void *grebe_mem_zalloc(const struct grebe_mem *mem, size_t size);
GREBE_API void *grebe_mem_realloc(const struct grebe_mem *mem, void *ptr, size_t size);
GREBE_API void grebe_mem_free(const struct grebe_mem *mem, void *ptr); /* NULL: no-op */
GREBE_API char *grebe_mem_strdup(const struct grebe_mem *mem, const char *text);
/* All of `length` bytes, whatever they are, and a NUL. */
GREBE_API char *grebe_mem_strndup(const struct grebe_mem *mem, const char *text,
                                  size_t length);

GREBE_END_DECLS

#endif
