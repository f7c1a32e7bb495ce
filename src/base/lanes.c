/* SPDX-License-Identifier: Apache-2.0 */
#include "base/lanes.h"

static bool claim(uintptr_t *owner, uintptr_t who)
{
    uintptr_t before = __atomic_load_n(owner, __ATOMIC_RELAXED);

    return before == who ||
           (before == GREBE__LANES_NOBODY &&
            __atomic_compare_exchange_n(owner, &before, who, false, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED));
}

struct grebe__lane *grebe__lanes_claim(struct grebe__lanes *lanes, uintptr_t who)
{
    for (size_t i = 0; i < GREBE__LANES_OWN && who != 0; i++)
        if (claim(&lanes->owners[i], who))
            return &lanes->lanes[i];
    return &lanes->lanes[GREBE__LANES_OWN];
}
