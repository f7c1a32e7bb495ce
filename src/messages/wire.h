/* SPDX-License-Identifier: Apache-2.0 */
/* messages/wire.h -- the protobuf wire format, read in place.
 *
 * A reader goes over the fields of one message and never past its end; nothing is copied.
 * This is for the one message that comes with every call (docs/decisions/0006); all others
 * are read by protobuf-c.
 *
 * Source: Protocol Buffers, "Encoding".  Groups are refused, as protobuf-c refuses them.
 */
#ifndef GREBE_MESSAGES_WIRE_H
#define GREBE_MESSAGES_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum grebe__wire_type {
    GREBE__WIRE_VARINT = 0,
    GREBE__WIRE_FIXED64 = 1,
    GREBE__WIRE_BYTES = 2,
    GREBE__WIRE_FIXED32 = 5,
};

struct grebe__wire {
    const unsigned char *at, *end;
    bool is_bad; /* what is left is no message */
};

struct grebe__wire_field {
    uint32_t number;
    enum grebe__wire_type type;
    uint64_t number_value;      /* of all but BYTES */
    const unsigned char *bytes; /* of BYTES; borrowed */
    size_t length;
};

static inline struct grebe__wire grebe__wire_of(const void *bytes, size_t length)
{
    const unsigned char *at = bytes;

    return (struct grebe__wire){.at = at, .end = length == 0 ? at : at + length};
}

/* False at the end, and at the first thing that is not right. */
bool grebe__wire_next(struct grebe__wire *wire, struct grebe__wire_field *field);

/* Of a FIXED64. */
double grebe__wire_double(const struct grebe__wire_field *field);

#endif
