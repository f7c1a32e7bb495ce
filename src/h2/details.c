/* SPDX-License-Identifier: Apache-2.0 */
/* Protocol Buffers, wire format.  message Status { int32 code = 1; string message = 2;
 * repeated Any details = 3; } */
#include "h2/details.h"

#include "base/utf8.h"

enum wire_type { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };
enum { FIELD_CODE = 1, FIELD_MESSAGE = 2 };

struct reader {
    const unsigned char *at;
    size_t left;
};

static bool read_varint(struct reader *reader, uint64_t *out)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 70 && reader->left > 0; shift += 7) {
        unsigned char byte = *reader->at;

        reader->at++;
        reader->left--;
        if (shift < 64)
            value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) {
            *out = value;
            return true;
        }
    }
    return false;
}

static bool read_bytes(struct reader *reader, uint64_t length, const unsigned char **out)
{
    if (length > reader->left)
        return false;
    *out = reader->at;
    reader->at += length;
    reader->left -= (size_t)length;
    return true;
}

static bool is_utf8(const unsigned char *bytes, size_t length)
{
    while (length > 0) {
        size_t n = grebe__utf8_length(bytes, length);

        if (n == 0)
            return false;
        bytes += n;
        length -= n;
    }
    return true;
}

/* One field, known or not.  Groups, which proto3 does not have, are refused. */
static bool read_field(struct reader *reader, struct grebe__details *details)
{
    const unsigned char *bytes;
    uint64_t tag, number;

    if (!read_varint(reader, &tag) || tag >> 3 == 0)
        return false;
    switch (tag & 7) {
    case VARINT:
        if (!read_varint(reader, &number))
            return false;
        if (tag >> 3 == FIELD_CODE)
            details->code = (int32_t)(uint32_t)number;
        return true;
    case BYTES:
        if (!read_varint(reader, &number) || !read_bytes(reader, number, &bytes))
            return false;
        if (tag >> 3 != FIELD_MESSAGE)
            return true;
        details->message = (const char *)bytes;
        details->message_length = (size_t)number;
        return is_utf8(bytes, (size_t)number);
    case FIXED64:
        return read_bytes(reader, 8, &bytes);
    case FIXED32:
        return read_bytes(reader, 4, &bytes);
    default:
        return false;
    }
}

bool grebe__details_read(const void *bytes, size_t length, struct grebe__details *out)
{
    struct grebe__details details = {.message = ""};
    struct reader reader = {.at = bytes, .left = length};

    while (reader.left > 0)
        if (!read_field(&reader, &details))
            return false;
    *out = details;
    return true;
}
