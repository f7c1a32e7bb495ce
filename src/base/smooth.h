/* SPDX-License-Identifier: Apache-2.0 */
/* base/smooth.h -- smooth weighted round robin, worked out beforehand.
 *
 * Each turn adds to everyone's credit their weight; whoever has most credit, the first of
 * equals, has the turn and pays the sum of all weights.  So weights 5, 1, 1 take turns as
 * 0 0 1 0 2 0 0, and not as 0 0 0 0 0 1 2: exact over a period, which is the sum of the
 * weights without their common divisor, and as even as can be on the way.
 *
 * That costs as much as there are weights for every turn.  Here it is done once, for the
 * whole period: a turn is then a look into a table.
 *
 * Source: the upstream balancer of nginx.
 */
#ifndef GREBE_BASE_SMOOTH_H
#define GREBE_BASE_SMOOTH_H

#include <stdint.h>

enum {
    GREBE__SMOOTH_PERIOD_MAX = 65536,
    /* Additions that a table may cost: a few milliseconds. */
    GREBE__SMOOTH_WORK_MAX = 1 << 22,
};

/* Turns in a period of `n` > 0 weights, each above 0.  0: more than a table is made for. */
uint32_t grebe__smooth_period(const uint32_t *weights, uint32_t n);

/* The turns of one period, `order`, for which there is room.  `credits` has room for n
 * numbers while it runs. */
void grebe__smooth_fill(const uint32_t *weights, uint32_t n, int64_t *credits,
                        uint16_t *order, uint32_t period);

#endif
