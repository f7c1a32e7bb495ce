/* SPDX-License-Identifier: Apache-2.0 */
/* support/mem.h -- an allocator that counts, and fails when it is told to.
 *
 * A test that ends with n_live 0 leaked nothing.  With fail_at N the N-th allocation from
 * the start fails, once: a sweep runs a script with 1, 2, 3, ... until has_failed stays
 * false.
 *
 * Threading   One thread.
 */
#ifndef SUPPORT_MEM_H
#define SUPPORT_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <grebe/mem.h>

struct test_mem {
    struct grebe_mem interface;
    uint32_t n_allocs; /* so far, reallocations included, the failed one too */
    uint32_t n_live;   /* blocks not yet freed */
    uint32_t fail_at;  /* 0: never */
    bool has_failed;
};

/* Zeroes it.  The result points into `mem`, which must not move. */
const struct grebe_mem *test_mem_init(struct test_mem *mem);

#endif
