/* SPDX-License-Identifier: Apache-2.0 */
#include "core/backoff.h"

const struct grebe__backoff_policy grebe__backoff_default = {
    .base_ns = UINT64_C(1000000000),
    .multiplier = 1.6,
    .jitter = 0.2,
    .max_ns = UINT64_C(120000000000),
};

uint64_t grebe__backoff_delay_ns(const struct grebe__backoff_policy *policy, unsigned n,
                                 double unit)
{
    double max = (double)policy->max_ns;
    double delay = (double)policy->base_ns;

    if (n == 0)
        return policy->base_ns;
    while (n-- > 0 && delay < max) {
        /* A multiplier up to 1 never reaches the cap: once it changes nothing, stop. */
        double next = delay * policy->multiplier;

        if (next == delay)
            break;
        delay = next;
    }
    if (!(delay <= max)) /* a multiplier that is no number leads to none, either */
        delay = max;
    delay *= 1 + policy->jitter * (2 * unit - 1);
    if (!(delay >= 0))
        return 0;
    return delay >= 0x1p63 ? (uint64_t)1 << 63 : (uint64_t)delay;
}
