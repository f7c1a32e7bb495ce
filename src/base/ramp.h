/* SPDX-License-Identifier: Apache-2.0 */
/* base/ramp.h -- slow start: how much of its share somebody gets who is new.
 *
 *   factor(t) = max(least, (max(t, 1 s) / window)^(1 / aggression))   while t < window
 *             = 1                                                     from then on
 *
 *   1 |          ____   aggression  2  more at first
 *     |      _--/                   1  in a straight line
 *     |   _-  /                   0.5  more at last
 *     | -___-
 *   0 +----------+---> t
 *              window
 *
 * The same bits on every machine.
 *
 * Source: gRFC A100 (draft); Envoy, "Slow start mode".
 */
#ifndef GREBE_BASE_RAMP_H
#define GREBE_BASE_RAMP_H

#include <stdint.h>

#include "base/expdecay.h"
#include "base/ln.h"

struct grebe__ramp {
    uint64_t window_ns; /* 0: there is no ramp */
    double aggression;  /* > 0 */
    double least;       /* from 0 to 1 */
};

static inline double grebe__ramp_factor(const struct grebe__ramp *ramp, uint64_t age_ns)
{
    static const uint64_t floor_ns = UINT64_C(1000000000);
    double share;

    if (age_ns >= ramp->window_ns)
        return 1;
    if (age_ns < floor_ns)
        age_ns = floor_ns;
    if (age_ns >= ramp->window_ns)
        return 1; /* a window of less than the floor */
    share = (double)age_ns / (double)ramp->window_ns;
    if (ramp->aggression != 1)
        share = grebe__expdecay(-grebe__ln(share) / ramp->aggression);
    return share < ramp->least ? ramp->least : share;
}

#endif
