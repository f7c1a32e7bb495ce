/* SPDX-License-Identifier: Apache-2.0 */
/* base/line.h -- memory that begins with a cache line, for what threads change: what lies
 * beside it is not theirs, and what they need together comes together. */
#ifndef GREBE_BASE_LINE_H
#define GREBE_BASE_LINE_H

#include <stdint.h>

#include <grebe/mem.h>

enum { GREBE__LINE = 64 };

/* Blocks are aligned for any type.  In the last word before the line is where one began. */
static inline void *grebe__line_alloc(const struct grebe_mem *mem, size_t size)
{
    char *block = grebe_mem_alloc(mem, size + GREBE__LINE), *line;

    if (block == NULL)
        return NULL;
    line = block + GREBE__LINE - (uintptr_t)block % GREBE__LINE;
    ((void **)(void *)line)[-1] = block;
    return line;
}

static inline void grebe__line_free(const struct grebe_mem *mem, void *line)
{
    grebe_mem_free(mem, ((void **)line)[-1]);
}

#endif
