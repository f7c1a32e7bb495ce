/* SPDX-License-Identifier: Apache-2.0 */
/* base/lanes.h -- a counter that threads do not fight over: each counts on a lane of its own.
 *
 * A number that two cores add to in turn travels between them, and costs five times what it
 * costs one of them.  Here the first threads that come claim a lane each, in a cache line of
 * its own, and count on it without an atomic addition: nobody else writes there.  Whoever
 * comes when all are taken counts on the last lane, together with others, atomically.
 *
 * So the numbers a thread draws are in order and without a gap, and one thread alone sees
 * the one sequence that began with `first`.  Threads together see one sequence each, begun
 * at places that are far apart.  Where all of them must share one, base/rotation.h does.
 *
 * A lane belongs to a thread pointer, which no two threads have at a time.  The
 * lane of a thread that has ended stays with its pointer: it goes to the next thread that
 * gets the same one, or to nobody.  Who counts on several threads, but on one at a time, may
 * go by any address of his own instead.
 *
 * Threading   Any, but for init.
 */
#ifndef GREBE_BASE_LANES_H
#define GREBE_BASE_LANES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    GREBE__LANES_OWN = 4, /* and one more, for everybody else */
    GREBE__LANES_LINE = 64,
};

/* No two lanes are in one cache line wherever the first of them begins, since what is used
 * of each is 16 bytes, aligned to 16. */
struct grebe__lane {
    uintptr_t owner; /* atomic; 0: nobody's, or everybody's */
    uint64_t at;     /* atomic: the next number */
    char apart[GREBE__LANES_LINE - sizeof(uintptr_t) - sizeof(uint64_t)];
};

struct grebe__lanes {
    _Alignas(16) struct grebe__lane lanes[GREBE__LANES_OWN + 1];
};

/* 0 where the compiler does not tell: all threads are on the first lane then, atomically. */
static inline uintptr_t grebe__thread_pointer(void)
{
#if (defined(__x86_64__) || defined(__aarch64__) || defined(__riscv)) &&                 \
    __has_builtin(__builtin_thread_pointer)
    return (uintptr_t)__builtin_thread_pointer();
#else
    return 0;
#endif
}

/* The first thread begins with `first`, the next one `apart` further on, and so on. */
static inline void grebe__lanes_init(struct grebe__lanes *lanes, uint64_t first,
                                     uint64_t apart)
{
    for (uint64_t i = 0; i <= GREBE__LANES_OWN; i++) {
        lanes->lanes[i].owner = 0;
        lanes->lanes[i].at = first + i * apart;
    }
}

/* A lane for who has none of the first; everybody's, if there is none. */
struct grebe__lane *grebe__lanes_claim(struct grebe__lanes *lanes, uintptr_t who);

/* That of `who`: the calling thread, by its pointer, or whoever else is alone by that name. */
static inline struct grebe__lane *grebe__lanes_of(struct grebe__lanes *lanes,
                                                  uintptr_t who)
{
    struct grebe__lane *first = &lanes->lanes[0];

    if (__atomic_load_n(&first->owner, __ATOMIC_RELAXED) == who)
        return first;
    return grebe__lanes_claim(lanes, who);
}

/* The next number of a lane; the one after it is `step` more. */
static inline uint64_t grebe__lane_next(struct grebe__lane *lane, uint64_t step)
{
    uint64_t at;

    if (__atomic_load_n(&lane->owner, __ATOMIC_RELAXED) == 0)
        return __atomic_fetch_add(&lane->at, step, __ATOMIC_RELAXED);
    at = __atomic_load_n(&lane->at, __ATOMIC_RELAXED);
    __atomic_store_n(&lane->at, at + step, __ATOMIC_RELAXED);
    return at;
}

#endif
