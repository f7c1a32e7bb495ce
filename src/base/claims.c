/* SPDX-License-Identifier: Apache-2.0 */
#include "base/claims.h"

#include <stdbool.h>

void grebe__claims_init(uintptr_t *owners, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        owners[i] = GREBE__CLAIMS_NOBODY;
}

static bool claim(uintptr_t *owner, uintptr_t who)
{
    uintptr_t before = __atomic_load_n(owner, __ATOMIC_RELAXED);

    return before == who ||
           (before == GREBE__CLAIMS_NOBODY &&
            __atomic_compare_exchange_n(owner, &before, who, false, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED));
}

unsigned grebe__claims_find(uintptr_t *owners, unsigned n, uintptr_t who)
{
    for (unsigned i = 0; i < n && who != 0; i++)
        if (claim(&owners[i], who))
            return i;
    return n;
}
