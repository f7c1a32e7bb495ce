/* SPDX-License-Identifier: Apache-2.0 */
#include "protobuf.h"

#include <string.h>

enum { VARINT = 0, FIXED64 = 1, DELIMITED = 2, FIXED32 = 5 };

/* ---- Writing ----------------------------------------------------------------------- */

static void put(struct proto_writer *writer, const void *bytes, size_t length)
{
    if (length > writer->size - writer->length) {
        writer->has_overrun = true;
        return;
    }
    memcpy(writer->data + writer->length, bytes, length);
    writer->length += length;
}

static void put_varint(struct proto_writer *writer, uint64_t value)
{
    uint8_t bytes[10];
    size_t n = 0;

    do {
        bytes[n++] = (uint8_t)(value & 0x7f) | (value > 0x7f ? 0x80 : 0);
        value >>= 7;
    } while (value != 0);
    put(writer, bytes, n);
}

static void put_little_endian(struct proto_writer *writer, uint64_t value, size_t n)
{
    for (size_t i = 0; i < n; i++, value >>= 8)
        put(writer, &(uint8_t){(uint8_t)value}, 1);
}

void proto_write_uint(struct proto_writer *writer, uint32_t field, uint64_t value)
{
    if (value == 0)
        return;
    put_varint(writer, (uint64_t)field << 3 | VARINT);
    put_varint(writer, value);
}

void proto_write_double(struct proto_writer *writer, uint32_t field, double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof bits);
    if (bits == 0)
        return;
    put_varint(writer, (uint64_t)field << 3 | FIXED64);
    put_little_endian(writer, bits, 8);
}

void proto_write_bytes(struct proto_writer *writer, uint32_t field, const void *bytes,
                       size_t length)
{
    if (length == 0)
        return;
    put_varint(writer, (uint64_t)field << 3 | DELIMITED);
    put_varint(writer, length);
    put(writer, bytes, length);
}

/* ---- Reading ----------------------------------------------------------------------- */

static bool get_varint(struct proto_reader *reader, uint64_t *out)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64 && reader->data < reader->end; shift += 7) {
        uint8_t byte = *reader->data++;

        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out = value;
            return true;
        }
    }
    return false;
}

static bool get_little_endian(struct proto_reader *reader, size_t n, uint64_t *out)
{
    if ((size_t)(reader->end - reader->data) < n)
        return false;
    *out = 0;
    for (size_t i = 0; i < n; i++)
        *out |= (uint64_t)*reader->data++ << 8 * i;
    return true;
}

static bool get_delimited(struct proto_reader *reader, struct proto_field *field)
{
    uint64_t length;

    if (!get_varint(reader, &length) || length > (size_t)(reader->end - reader->data))
        return false;
    field->bytes = reader->data;
    field->length = (size_t)length;
    reader->data += length;
    return true;
}

static bool get_value(struct proto_reader *reader, unsigned type,
                      struct proto_field *field)
{
    switch (type) {
    case VARINT:
        return get_varint(reader, &field->value);
    case FIXED64:
        return get_little_endian(reader, 8, &field->value);
    case FIXED32:
        return get_little_endian(reader, 4, &field->value);
    case DELIMITED:
        return get_delimited(reader, field);
    default:
        return false; /* groups are long gone */
    }
}

bool proto_read(struct proto_reader *reader, struct proto_field *field)
{
    uint64_t tag;

    if (reader->is_malformed || reader->data == reader->end)
        return false;
    *field = (struct proto_field){0};
    if (!get_varint(reader, &tag) || tag >> 3 == 0 || tag >> 3 > UINT32_MAX >> 3 ||
        !get_value(reader, (unsigned)(tag & 7), field)) {
        reader->is_malformed = true;
        return false;
    }
    field->number = (uint32_t)(tag >> 3);
    return true;
}
