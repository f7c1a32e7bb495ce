/* SPDX-License-Identifier: Apache-2.0 */
/* protobuf.h -- as much of the wire format as a health check and a load report need.
 *
 * Writing appends to the caller's memory and remembers if it ran over.  Reading goes over
 * the fields of one message; every length is checked against what is there.
 *
 * Sources   Protocol Buffers, "Encoding".
 */
#ifndef TOOL_PROTOBUF_H
#define TOOL_PROTOBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct proto_writer {
    uint8_t *data;
    size_t size;
    size_t length; /* never more than size */
    bool has_overrun;
};

/* Fields of value zero are left out, as proto3 does. */
void proto_write_uint(struct proto_writer *writer, uint32_t field, uint64_t value);
void proto_write_double(struct proto_writer *writer, uint32_t field, double value);
void proto_write_bytes(struct proto_writer *writer, uint32_t field, const void *bytes,
                       size_t length);

struct proto_field {
    uint32_t number;
    uint64_t value;       /* of varints and fixed-width fields */
    const uint8_t *bytes; /* of length-delimited ones; else NULL */
    size_t length;
};

struct proto_reader {
    const uint8_t *data, *end;
    bool is_malformed;
};

/* The next field; false at the end or when the rest is not a message. */
bool proto_read(struct proto_reader *reader, struct proto_field *field);

#endif
