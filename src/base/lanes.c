/* SPDX-License-Identifier: Apache-2.0 */
#include "base/lanes.h"

static bool claim(struct grebe__lane *lane, uintptr_t thread)
{
    uintptr_t nobody = 0;

    return __atomic_load_n(&lane->owner, __ATOMIC_RELAXED) == thread ||
           __atomic_compare_exchange_n(&lane->owner, &nobody, thread, false,
                                       __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

struct grebe__lane *grebe__lanes_claim(struct grebe__lanes *lanes, uintptr_t thread)
{
    for (size_t i = 0; i < GREBE__LANES_OWN; i++)
        if (claim(&lanes->lanes[i], thread))
            return &lanes->lanes[i];
    return &lanes->lanes[GREBE__LANES_OWN];
}
