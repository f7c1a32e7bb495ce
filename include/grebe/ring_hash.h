/* SPDX-License-Identifier: Apache-2.0 */
/* grebe/ring_hash.h -- how large the rings of ring_hash may be in this process.
 *
 * A service config asks for a size, and whoever writes it need not be whoever pays for the
 * memory: 16 bytes for each entry, in every channel.
 *
 * Threading   Any thread.
 * Sources     gRFC A42; grpc-go has the environment variable GRPC_RING_HASH_CAP instead.
 */
#ifndef GREBE_RING_HASH_H
#define GREBE_RING_HASH_H

#include <stdint.h>

#include <grebe/attr.h>

GREBE_BEGIN_DECLS

/* Rings have at most `entries` entries, between 1 and 8388608, 4096 at first.  Holds for
 * service configs that arrive from now on. */
GREBE_API void grebe_ring_hash_set_cap(uint64_t entries);

GREBE_END_DECLS

#endif
