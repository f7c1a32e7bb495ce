/* SPDX-License-Identifier: Apache-2.0 */
/* base/count.h -- numbers that one thread writes and any thread may read.
 *
 * A plain addition for the writer; readers see each number whole, if not always all of them
 * from the same moment.
 */
#ifndef GREBE_BASE_COUNT_H
#define GREBE_BASE_COUNT_H

#include <stdint.h>

static inline void grebe__count_set(uint64_t *count, uint64_t value)
{
    __atomic_store_n(count, value, __ATOMIC_RELAXED);
}

/* The writer's. */
static inline void grebe__count_add(uint64_t *count, uint64_t n)
{
    __atomic_store_n(count, *count + n, __ATOMIC_RELAXED);
}

static inline uint64_t grebe__count_get(const uint64_t *count)
{
    return __atomic_load_n(count, __ATOMIC_RELAXED);
}

#endif
