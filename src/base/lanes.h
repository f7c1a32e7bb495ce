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
    /* Between two numbers of 16 bytes, aligned to 16, so that no cache line has both,
     * wherever the first of them begins. */
    GREBE__LANES_GAP = GREBE__LANES_LINE - 16,
};

#define GREBE__LANES_NOBODY UINTPTR_MAX

struct grebe__lane {
    _Alignas(16) uint64_t at; /* atomic: the next number */
    bool is_shared;
    char gap[GREBE__LANES_GAP];
};

/* All threads read who owns what, and each writes only on its lane. */
struct grebe__lanes {
    uintptr_t owners[GREBE__LANES_OWN]; /* atomic */
    char gap[GREBE__LANES_GAP];
    struct grebe__lane lanes[GREBE__LANES_OWN + 1];
};

/* 0 where the compiler does not tell: all threads are on everybody's lane then. */
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
        lanes->lanes[i].at = first + i * apart;
        lanes->lanes[i].is_shared = i == GREBE__LANES_OWN;
    }
    for (size_t i = 0; i < GREBE__LANES_OWN; i++)
        lanes->owners[i] = GREBE__LANES_NOBODY;
}

/* A lane for who has none of the first; everybody's, if there is none. */
struct grebe__lane *grebe__lanes_claim(struct grebe__lanes *lanes, uintptr_t who);

/* That of `who`: the calling thread, by its pointer, or whoever else is alone by that name. */
static inline struct grebe__lane *grebe__lanes_of(struct grebe__lanes *lanes,
                                                  uintptr_t who)
{
    if (__atomic_load_n(&lanes->owners[0], __ATOMIC_RELAXED) == who)
        return &lanes->lanes[0];
    return grebe__lanes_claim(lanes, who);
}

/* The next number of a lane; the one after it is `step` more. */
static inline uint64_t grebe__lane_next(struct grebe__lane *lane, uint64_t step)
{
    uint64_t at;

    if (lane->is_shared)
        return __atomic_fetch_add(&lane->at, step, __ATOMIC_RELAXED);
    at = __atomic_load_n(&lane->at, __ATOMIC_RELAXED);
    __atomic_store_n(&lane->at, at + step, __ATOMIC_RELAXED);
    return at;
}

#endif
