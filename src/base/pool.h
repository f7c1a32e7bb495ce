/* SPDX-License-Identifier: Apache-2.0 */
/* base/pool.h -- a free list for each size, for one thread.
 *
 * HTTP/2 sessions allocate and free the same few sizes for every call.  The pool keeps
 * what is freed and gives it out again: a few instructions instead of a malloc.  Blocks
 * over GREBE__POOL_MAX bytes go straight to the allocator.  Memory returns to the
 * allocator when the pool is finished, when everything must have been freed.
 */
#ifndef GREBE_BASE_POOL_H
#define GREBE_BASE_POOL_H

#include <stddef.h>

#include <grebe/mem.h>

enum { GREBE__POOL_GRAIN = 16, GREBE__POOL_MAX = 2048 };

struct grebe__pool {
    const struct grebe_mem *mem;
    void *free_blocks[GREBE__POOL_MAX / GREBE__POOL_GRAIN + 1]; /* by size class */
    void *chunks;                                               /* all of them, linked */
    unsigned char *bump, *bump_end;                             /* the chunk in use */
};

void grebe__pool_init(struct grebe__pool *pool, const struct grebe_mem *mem);
void grebe__pool_fini(struct grebe__pool *pool);
void *grebe__pool_alloc(struct grebe__pool *pool, size_t size);
void *grebe__pool_realloc(struct grebe__pool *pool, void *block, size_t size);
void grebe__pool_free(struct grebe__pool *pool, void *block); /* NULL: no-op */

#endif
