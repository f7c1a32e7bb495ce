/* SPDX-License-Identifier: Apache-2.0 */
/* slab.h -- a free list for each power of two, for one thread.
 *
 * A server allocates and frees the same few sizes for every call.  What is freed is kept
 * and given out again; nothing goes back to the system before the end.  Blocks beyond
 * SLAB_MAX are malloc's.
 */
#ifndef TOOL_SLAB_H
#define TOOL_SLAB_H

#include <stddef.h>

enum { SLAB_MIN_BITS = 5, SLAB_MAX_BITS = 16, SLAB_MAX = 1 << SLAB_MAX_BITS };

struct slab {
    void *free_blocks[SLAB_MAX_BITS + 1]; /* by the power of two */
    void *chunks;                         /* all of them, linked */
    unsigned char *bump, *bump_end;       /* what is left of the newest */
};

/* All zero is an empty slab. */
void *slab_alloc(struct slab *slab, size_t size); /* NULL: out of memory */
void *slab_realloc(struct slab *slab, void *block, size_t size);
void slab_free(struct slab *slab, void *block); /* NULL: no-op */
void slab_fini(struct slab *slab);              /* every block has been freed */

#endif
