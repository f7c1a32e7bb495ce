/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

/* Compiled in: a function of twenty instructions is no reason to need a library at run
 * time. */
#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t grebe__hash64(const void *bytes, size_t length, uint64_t seed)
{
    return XXH64(bytes, length, seed);
}
