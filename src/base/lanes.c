/* SPDX-License-Identifier: Apache-2.0 */
#include "base/lanes.h"

static bool claim(struct grebe__lane *lane, uintptr_t who)
{
    uintptr_t nobody = 0;

    return __atomic_load_n(&lane->owner, __ATOMIC_RELAXED) == who ||
           __atomic_compare_exchange_n(&lane->owner, &nobody, who, false,
                                       __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

struct grebe__lane *grebe__lanes_claim(struct grebe__lanes *lanes, uintptr_t who)
{
    for (size_t i = 0; i < GREBE__LANES_OWN; i++)
        if (claim(&lanes->lanes[i], who))
            return &lanes->lanes[i];
    return &lanes->lanes[GREBE__LANES_OWN];
}
