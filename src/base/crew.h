/* SPDX-License-Identifier: Apache-2.0 */
/* base/crew.h -- threads that have numbers: what only the thread with a number writes needs
 * no atomic addition.
 *
 * The first that come have a number each.  All others share one more, and what is written
 * under that one is written atomically.  A lane (base/lanes.h) is a counter with a place of
 * its own; a crew is for many small counters, a word for each number, that lie together
 * because whoever wants the sum reads all of them.
 *
 * Whose a number is base/claims.h decides.  Where threads cannot be told apart all are others.
 *
 * Threading   Any, but for new.
 */
#ifndef GREBE_BASE_CREW_H
#define GREBE_BASE_CREW_H

#include <stdint.h>

#include <grebe/mem.h>

#include "base/claims.h"

enum {
    GREBE__CREW_OTHERS = 3, /* the number of those who have none of their own, 0 to 2 */
    GREBE__CREW_NUMBERS,
};

struct grebe__crew {
    const struct grebe_mem *mem;
    uint32_t refs;
    uintptr_t threads[GREBE__CREW_OTHERS]; /* atomic */
};

/* One reference.  NULL when out of memory. */
struct grebe__crew *grebe__crew_new(const struct grebe_mem *mem);
struct grebe__crew *grebe__crew_ref(struct grebe__crew *crew);
void grebe__crew_unref(struct grebe__crew *crew); /* NULL: no-op */

/* The calling thread's, from now on. */
static inline unsigned grebe__crew_number(struct grebe__crew *crew)
{
    uintptr_t thread = grebe__thread_pointer();

    if (__atomic_load_n(&crew->threads[0], __ATOMIC_RELAXED) == thread)
        return 0;
    return grebe__claims_find(crew->threads, GREBE__CREW_OTHERS, thread);
}

/* One more in the count that belongs to `number`, which the calling thread has. */
static inline void grebe__crew_count_one(uint32_t *count, unsigned number)
{
    if (number == GREBE__CREW_OTHERS)
        __atomic_fetch_add(count, 1, __ATOMIC_RELAXED);
    else
        __atomic_store_n(count, __atomic_load_n(count, __ATOMIC_RELAXED) + 1,
                         __ATOMIC_RELAXED);
}

/* The same where the counts of all numbers lie together. */
static inline void grebe__crew_count(uint32_t counts[GREBE__CREW_NUMBERS],
                                     unsigned number)
{
    grebe__crew_count_one(&counts[number], number);
}

static inline uint32_t grebe__crew_sum(const uint32_t counts[GREBE__CREW_NUMBERS])
{
    return __atomic_load_n(&counts[0], __ATOMIC_RELAXED) +
           __atomic_load_n(&counts[1], __ATOMIC_RELAXED) +
           __atomic_load_n(&counts[2], __ATOMIC_RELAXED) +
           __atomic_load_n(&counts[3], __ATOMIC_RELAXED);
}

#endif
