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

_Static_assert(sizeof(XXH64_state_t) <= sizeof(struct grebe__hash64_state),
               "there is room for the library's state");
_Static_assert(_Alignof(XXH64_state_t) <= _Alignof(struct grebe__hash64_state),
               "which lies where it may");

static XXH64_state_t *state_of(struct grebe__hash64_state *hash)
{
    return (XXH64_state_t *)(void *)hash->opaque;
}

void grebe__hash64_begin(struct grebe__hash64_state *hash, uint64_t seed)
{
    (void)XXH64_reset(state_of(hash), seed);
}

void grebe__hash64_add(struct grebe__hash64_state *hash, const void *bytes, size_t length)
{
    (void)XXH64_update(state_of(hash), bytes, length);
}

uint64_t grebe__hash64_end(struct grebe__hash64_state *hash)
{
    return XXH64_digest(state_of(hash));
}
