/* SPDX-License-Identifier: Apache-2.0 */
/* base/smooth.h -- smooth weighted round robin, worked out beforehand.
 *
 * Each turn adds to everyone's credit their weight; whoever has most credit, the first of
 * equals, has the turn and pays the sum of all weights.  So weights 5, 1, 1 take turns as
 * 0 0 1 0 2 0 0, and not as 0 0 0 0 0 1 2: exact over a period, which is the sum of the
 * weights without their common divisor, and as even as can be on the way.
 *
 * That costs as much as there are weights for every turn.  Here it is done once, for the
 * whole period: a turn is then a look into a table.  Who asks goes through the table by himself
 * (base/rotation.h): as many turns as a period has are exact for each who does, and for all of
 * them together once each is at the end of his.
 *
 * Source: the upstream balancer of nginx.
 */
#ifndef GREBE_BASE_SMOOTH_H
#define GREBE_BASE_SMOOTH_H

#include <stddef.h>
#include <stdint.h>

#include "base/rotation.h"

enum {
    GREBE__SMOOTH_PERIOD_MAX = 65536,
    /* Additions that a table may cost: a few milliseconds. */
    GREBE__SMOOTH_WORK_MAX = 1 << 22,
};

/* Turns in a period of `n` > 0 weights, each above 0.  0: more than a table is made for. */
uint32_t grebe__smooth_period(const uint32_t *weights, uint32_t n);

struct grebe__smooth {
    struct grebe__rotation rotation;
    uint16_t order[]; /* of one period */
};

static inline size_t grebe__smooth_size(uint32_t period)
{
    return sizeof(struct grebe__smooth) + period * sizeof(uint16_t);
}

/* `smooth` has size(period) bytes, and `credits` room for n numbers while this runs.  Begins at
 * turn `first` of the period. */
void grebe__smooth_init(struct grebe__smooth *smooth, const uint32_t *weights, uint32_t n,
                        int64_t *credits, uint32_t period, uint32_t first);

/* For `who`, of base/lanes.h.  Threading: any. */
static inline uint32_t grebe__smooth_next(struct grebe__smooth *smooth, uintptr_t who)
{
    return smooth->order[grebe__rotation_next(&smooth->rotation, who)];
}

#endif
