/* SPDX-License-Identifier: Apache-2.0 */
/* base/hash.h -- XXH64, the hash that hash-based policies share with grpc-go.
 *
 * The same bytes and seed give the same number on every machine.
 */
#ifndef GREBE_BASE_HASH_H
#define GREBE_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

uint64_t grebe__hash64(const void *bytes, size_t length, uint64_t seed);

/* The same for bytes that come in pieces.  May be copied at any time, to go on from there
 * in several ways. */
struct grebe__hash64_state {
    uint64_t opaque[11];
};

void grebe__hash64_begin(struct grebe__hash64_state *hash, uint64_t seed);
void grebe__hash64_add(struct grebe__hash64_state *hash, const void *bytes,
                       size_t length);
uint64_t grebe__hash64_end(struct grebe__hash64_state *hash);

static inline uint64_t grebe__hash64_text(const char *text)
{
    return grebe__hash64(text, strlen(text), 0);
}

#endif
