/* SPDX-License-Identifier: Apache-2.0 */
/* base/crew.h -- threads that have numbers: what only the thread with a number writes needs
 * no atomic addition.
 *
 * The first that come have a number each.  All others share one more, and what is written
 * under that one is written atomically.  A lane (base/lanes.h) is a counter with a place of
 * its own; a crew is for many things, of which each thread has its side.
 *
 * A crew may be the first member of what its threads have in common besides.
 *
 * Whose a number is base/claims.h decides.  Where threads cannot be told apart all are others.
 *
 * Threading   Any, but for new.
 */
#ifndef GREBE_BASE_CREW_H
#define GREBE_BASE_CREW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <grebe/mem.h>

#include "base/claims.h"

enum {
    GREBE__CREW_OTHERS = 3, /* the number of those who have none of their own, 0 to 2 */
    GREBE__CREW_NUMBERS,
};

struct grebe__crew {
    uintptr_t threads[GREBE__CREW_OTHERS]; /* atomic */
    const struct grebe_mem *mem;
    uint32_t refs;
};

/* One reference, of `size` bytes that begin with a cache line; what is behind the crew is
 * zeroed.  NULL when out of memory. */
struct grebe__crew *grebe__crew_new(const struct grebe_mem *mem, size_t size);
struct grebe__crew *grebe__crew_ref(struct grebe__crew *crew);
void grebe__crew_unref(struct grebe__crew *crew); /* NULL: no-op */

/* The calling thread has the first number. */
static inline bool grebe__crew_is_first(const struct grebe__crew *crew)
{
    return __atomic_load_n(&crew->threads[0], __ATOMIC_RELAXED) ==
           grebe__thread_pointer();
}

/* The calling thread's, from now on. */
static inline unsigned grebe__crew_number(struct grebe__crew *crew)
{
    if (grebe__crew_is_first(crew))
        return 0;
    return grebe__claims_find(crew->threads, GREBE__CREW_OTHERS, grebe__thread_pointer());
}

/* The same, asked by the thread that has `number`. */
static inline bool grebe__crew_is_alone(const struct grebe__crew *crew, unsigned number)
{
    return number == 0 &&
           __atomic_load_n(&crew->threads[1], __ATOMIC_RELAXED) == GREBE__CLAIMS_NOBODY;
}

/* The calling thread has the first number, and nobody ever had another one. */
static inline bool grebe__crew_has_only_me(const struct grebe__crew *crew)
{
    return grebe__crew_is_first(crew) && grebe__crew_is_alone(crew, 0);
}

/* The thread that has the first number is the only one that ever had one. */
static inline bool grebe__crew_is_one(const struct grebe__crew *crew)
{
    return __atomic_load_n(&crew->threads[0], __ATOMIC_RELAXED) != GREBE__CLAIMS_NOBODY &&
           __atomic_load_n(&crew->threads[1], __ATOMIC_RELAXED) == GREBE__CLAIMS_NOBODY;
}

/* One more in what belongs to `number`, which the calling thread has. */
static inline void grebe__crew_count(uint32_t *count, unsigned number)
{
    if (number == GREBE__CREW_OTHERS)
        __atomic_fetch_add(count, 1, __ATOMIC_RELEASE);
    else
        __atomic_store_n(count, __atomic_load_n(count, __ATOMIC_RELAXED) + 1,
                         __ATOMIC_RELEASE);
}

#endif
