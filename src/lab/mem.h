/* SPDX-License-Identifier: Apache-2.0 */
/* lab/mem.h -- memory that is counted while it is out, and taken back at the end.
 *
 * What a policy has not given back by the time it is gone, it has lost.  The lab says so,
 * and frees it in its place: a bad policy leaves nothing behind in the process.
 *
 * Threading   One thread.
 */
#ifndef GREBE_LAB_MEM_H
#define GREBE_LAB_MEM_H

#include <stdint.h>

#include <grebe/mem.h>

#include "base/list.h"

struct lab_mem {
    struct grebe_mem interface;
    const struct grebe_mem *base; /* where it comes from; NULL: malloc */
    struct grebe__list blocks;    /* that are out */
    uint32_t n_blocks;            /* likewise */
};

/* The result points into `mem`, which must not move. */
const struct grebe_mem *lab_mem_init(struct lab_mem *mem, const struct grebe_mem *base);

/* Frees all blocks.  Whoever still points at one must not look. */
void lab_mem_reclaim(struct lab_mem *mem);

#endif
