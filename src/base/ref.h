/* SPDX-License-Identifier: Apache-2.0 */
/* base/ref.h -- reference counts that any thread may change. */
#ifndef GREBE_BASE_REF_H
#define GREBE_BASE_REF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/assert.h"

static inline void grebe__ref_get(uint32_t *refs)
{
    uint32_t before = __atomic_fetch_add(refs, 1, __ATOMIC_RELAXED);

    GREBE_ASSERT(before > 0 && before < UINT32_MAX / 2);
}

/* True for the caller that gave up the last reference: everything other holders did is
 * visible to it. */
static inline bool grebe__ref_put(uint32_t *refs)
{
    uint32_t before = __atomic_fetch_sub(refs, 1, __ATOMIC_ACQ_REL);

    GREBE_ASSERT(before > 0 && before < UINT32_MAX / 2);
    return before == 1;
}

#endif
