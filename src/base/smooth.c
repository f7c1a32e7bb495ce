/* SPDX-License-Identifier: Apache-2.0 */
#include "base/smooth.h"

static uint32_t common_divisor(uint32_t a, uint32_t b)
{
    while (b != 0) {
        uint32_t rest = a % b;

        a = b;
        b = rest;
    }
    return a;
}

uint32_t grebe__smooth_period(const uint32_t *weights, uint32_t n)
{
    uint32_t divisor = 0;
    uint64_t sum = 0;

    for (uint32_t i = 0; i < n; i++) {
        divisor = common_divisor(divisor, weights[i]);
        sum += weights[i];
    }
    sum /= divisor;
    if (sum > GREBE__SMOOTH_PERIOD_MAX || sum * n > GREBE__SMOOTH_WORK_MAX)
        return 0;
    return (uint32_t)sum;
}

void grebe__smooth_init(struct grebe__smooth *smooth, const uint32_t *weights, uint32_t n,
                        int64_t *credits, uint32_t period, uint32_t first)
{
    int64_t sum = 0;

    grebe__rotation_init(&smooth->rotation, period, first);
    for (uint32_t i = 0; i < n; i++) {
        credits[i] = 0;
        sum += weights[i];
    }
    for (uint32_t turn = 0; turn < period; turn++) {
        uint32_t richest = 0;

        for (uint32_t i = 0; i < n; i++) {
            credits[i] += weights[i];
            if (credits[i] > credits[richest])
                richest = i;
        }
        credits[richest] -= sum;
        smooth->order[turn] = (uint16_t)richest;
    }
}
