/* SPDX-License-Identifier: Apache-2.0 */
/* messages/wire_mem.h -- memory for one message while it is read.
 *
 * protobuf-c asks for it piece by piece, as much as the bytes of a peer make it ask.  The
 * first kilobyte is on the caller's stack; what is larger comes from a `struct grebe_mem`,
 * and never more than a limit in all.
 *
 *   struct grebe__wire_mem memory;
 *
 *   grebe__wire_mem_init(&memory, mem);
 *   message = the__message__unpack(&memory.allocator, length, bytes);
 *   ...
 *   the__message__free_unpacked(message, &memory.allocator);
 */
#ifndef GREBE_MESSAGES_WIRE_MEM_H
#define GREBE_MESSAGES_WIRE_MEM_H

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>

#include <grebe/mem.h>
#include <protobuf-c/protobuf-c.h>

enum { GREBE__WIRE_MEM_INLINE = 1024, GREBE__WIRE_MEM_LIMIT = 262144 };

struct grebe__wire_mem {
    ProtobufCAllocator allocator;
    const struct grebe_mem *mem;
    size_t n_inline; /* bytes of `bytes` that were given out */
    size_t n_left;   /* bytes that `mem` may still give */
    bool has_failed; /* it could not, or may not */
    alignas(max_align_t) unsigned char bytes[GREBE__WIRE_MEM_INLINE];
};

void grebe__wire_mem_init(struct grebe__wire_mem *memory, const struct grebe_mem *mem);

#endif
