/* SPDX-License-Identifier: Apache-2.0 */
#include "messages/wire.h"

#include <string.h>

enum { FIELD_NUMBER_MAX = 536870911 };

static bool fail(struct grebe__wire *wire)
{
    wire->is_bad = true;
    return false;
}

/* Ten bytes at most; bits beyond 64 are dropped, as everyone does. */
static bool read_varint(struct grebe__wire *wire, uint64_t *out)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 70 && wire->at < wire->end; shift += 7) {
        unsigned char byte = *wire->at++;

        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out = value;
            return true;
        }
    }
    return fail(wire);
}

/* Little-endian, whatever this machine is. */
static bool read_fixed(struct grebe__wire *wire, unsigned n_bytes, uint64_t *out)
{
    uint64_t value = 0;

    if ((size_t)(wire->end - wire->at) < n_bytes)
        return fail(wire);
    for (unsigned i = 0; i < n_bytes; i++)
        value |= (uint64_t)wire->at[i] << (8 * i);
    wire->at += n_bytes;
    *out = value;
    return true;
}

static bool read_bytes(struct grebe__wire *wire, struct grebe__wire_field *field)
{
    uint64_t length;

    if (!read_varint(wire, &length))
        return false;
    if (length > (size_t)(wire->end - wire->at))
        return fail(wire);
    field->bytes = wire->at;
    field->length = (size_t)length;
    wire->at += length;
    return true;
}

bool grebe__wire_next(struct grebe__wire *wire, struct grebe__wire_field *field)
{
    uint64_t tag;

    if (wire->at == wire->end || !read_varint(wire, &tag))
        return false;
    if (tag >> 3 == 0 || tag >> 3 > FIELD_NUMBER_MAX)
        return fail(wire);
    field->number = (uint32_t)(tag >> 3);
    field->type = (enum grebe__wire_type)(tag & 7);
    switch (field->type) {
    case GREBE__WIRE_VARINT:
        return read_varint(wire, &field->number_value);
    case GREBE__WIRE_FIXED64:
        return read_fixed(wire, 8, &field->number_value);
    case GREBE__WIRE_FIXED32:
        return read_fixed(wire, 4, &field->number_value);
    case GREBE__WIRE_BYTES:
        return read_bytes(wire, field);
    }
    return fail(wire);
}

double grebe__wire_double(const struct grebe__wire_field *field)
{
    double value;

    memcpy(&value, &field->number_value, sizeof value);
    return value;
}
