/* SPDX-License-Identifier: Apache-2.0 */
/* channelz/json_out.h -- JSON, written as it is made, in the forms that proto3 gives to its
 * types.
 *
 * A `key` of NULL stands for an element of an array.  What is zero or empty is left out by
 * whoever writes messages: that is how proto3 says it.
 */
#ifndef GREBE_CHANNELZ_JSON_OUT_H
#define GREBE_CHANNELZ_JSON_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <grebe/channelz.h>

#include "base/buffered.h"

struct grebe__json_out {
    struct grebe__buffered text;
    bool has_value; /* before the next one stands a comma */
};

void grebe__json_out_init(struct grebe__json_out *out, grebe_channelz_write_fn write,
                          void *arg);
void grebe__json_out_flush(struct grebe__json_out *out);

/* `bracket` is '{' or '['; end() takes the other one of the two. */
void grebe__json_begin(struct grebe__json_out *out, const char *key, char bracket);
void grebe__json_end(struct grebe__json_out *out, char bracket);

void grebe__json_text(struct grebe__json_out *out, const char *key, const char *text);
void grebe__json_bool(struct grebe__json_out *out, const char *key, bool value);
void grebe__json_uint32(struct grebe__json_out *out, const char *key, uint32_t value);
/* As text, as JSON has no numbers of 64 bits. */
void grebe__json_int64(struct grebe__json_out *out, const char *key, int64_t value);
/* In base64. */
void grebe__json_bytes(struct grebe__json_out *out, const char *key, const void *bytes,
                       size_t length);
/* google.protobuf.Timestamp: nanoseconds since 1970. */
void grebe__json_timestamp(struct grebe__json_out *out, const char *key, int64_t unix_ns);

#endif
