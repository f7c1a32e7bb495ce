/* SPDX-License-Identifier: Apache-2.0 */
/* lab/mem.h -- memory that is counted while it is out, and taken back at the end.
 *
 * What a policy has not given back by the time it is gone, it has lost.  The lab says so,
 * and frees it in its place: a bad policy leaves nothing behind in the process.
 *
 * It can be told to fail once, and to keep what is freed for a while, filled with a pattern:
 * whoever writes there afterwards is found out, and whoever follows a pointer from there
 * does not come far.  Under AddressSanitizer that is left to it.
 *
 * Threading   Any thread: on_done() of a call frees what its picker has left.
 */
#ifndef GREBE_LAB_MEM_H
#define GREBE_LAB_MEM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <grebe/mem.h>

#include "base/list.h"

struct lab_mem {
    struct grebe_mem interface;
    const struct grebe_mem *base; /* where it comes from; NULL: malloc */
    struct grebe__list blocks;    /* that are out */
    uint32_t n_blocks;            /* likewise */
    uint64_t n_allocs;            /* so far */
    uint64_t until_failure; /* so many allocations from now one fails, once; 0: none */
    bool has_failed;        /* it has */
    const unsigned *turns;  /* it fails only while this is not 0; NULL: at any time */
    bool keeps_freed;
    struct grebe__list freed; /* the last that were freed, if it keeps them */
    size_t freed_bytes;       /* in these */
    uint32_t n_spoilt;        /* that were written to afterwards */
    atomic_flag lock;         /* held for a few instructions */
};

/* The result points into `mem`, which must not move. */
const struct grebe_mem *lab_mem_init(struct lab_mem *mem, const struct grebe_mem *base);

/* At the end: how many of the blocks that were freed somebody has written to afterwards. */
uint32_t lab_mem_n_spoilt(struct lab_mem *mem);

/* Frees all blocks.  Whoever still points at one must not look. */
void lab_mem_reclaim(struct lab_mem *mem);

#endif
