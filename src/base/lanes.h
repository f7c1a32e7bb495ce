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
 * at places that are far apart.
 *
 * Whose a lane is base/claims.h decides.  Who counts on several threads, but on one at a time,
 * may go by any address of his own.
 *
 * Threading   Any, but for init.
 */
#ifndef GREBE_BASE_LANES_H
#define GREBE_BASE_LANES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/claims.h"
#include "base/line.h"

enum {
    GREBE__LANES_OWN = 4, /* and one more, for everybody else */
    /* Between two numbers of 16 bytes, aligned to 16, so that no cache line has both,
     * wherever the first of them begins. */
    GREBE__LANES_GAP = GREBE__LINE - 16,
};

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

/* The first thread begins with `first`, the next one `apart` further on, and so on. */
static inline void grebe__lanes_init(struct grebe__lanes *lanes, uint64_t first,
                                     uint64_t apart)
{
    for (uint64_t i = 0; i <= GREBE__LANES_OWN; i++) {
        lanes->lanes[i].at = first + i * apart;
        lanes->lanes[i].is_shared = i == GREBE__LANES_OWN;
    }
    grebe__claims_init(lanes->owners, GREBE__LANES_OWN);
}

/* The lane of `who`: of the calling thread, by its pointer, or of whoever else is alone by that
 * name. */
static inline struct grebe__lane *grebe__lanes_of(struct grebe__lanes *lanes,
                                                  uintptr_t who)
{
    if (__atomic_load_n(&lanes->owners[0], __ATOMIC_RELAXED) == who)
        return &lanes->lanes[0];
    return &lanes->lanes[grebe__claims_find(lanes->owners, GREBE__LANES_OWN, who)];
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
