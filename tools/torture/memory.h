/* SPDX-License-Identifier: Apache-2.0 */
/* memory.h -- an allocator that fails when it is told to, and looks after its blocks.
 *
 * Each block is fenced in.  What is freed is filled and kept for a while: who writes to it
 * later, or frees it twice, ends the run, with or without a sanitizer.
 *
 * Threading   One thread.
 */
#ifndef TORTURE_MEMORY_H
#define TORTURE_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include <grebe/mem.h>

#include "base/list.h"

enum { MEMORY_KEPT = 256 };

struct memory {
    struct grebe_mem interface;
    struct grebe__list blocks; /* that are not freed */
    uint32_t n_live;
    uint64_t n_allocs;                     /* so far, those that failed included */
    uint64_t fail_at, fail_n, fail_stride; /* from that number on each stride-th fails, so
                                            * many of them */
    uint64_t n_failed;
    void *kept[MEMORY_KEPT]; /* freed, the oldest at n_freed % MEMORY_KEPT */
    uint64_t n_freed;
};

/* `memory` must not move. */
void memory_init(struct memory *memory);
/* Fails the run if a block is not freed. */
void memory_fini(struct memory *memory);

/* After `skip` allocations more, one fails, and then each `stride`-th, `n` of them. */
void memory_starve(struct memory *memory, uint32_t skip, uint32_t n, uint32_t stride);
/* None fails from now on. */
void memory_feed(struct memory *memory);

/* Some are still to fail. */
bool memory_is_short(const struct memory *memory);

/* Fails the run if a block is not freed. */
void memory_check_empty(const struct memory *memory, const char *whose);

#endif
