/* SPDX-License-Identifier: Apache-2.0 */
/* base64.h -- binary metadata as people and HTTP/2 write it (RFC 4648 4). */
#ifndef TOOL_BASE64_H
#define TOOL_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline size_t base64_size(size_t length)
{
    return (length + 2) / 3 * 4 + 1;
}

/* Writes text with a NUL to `out`, which has base64_size(length) bytes. */
void base64_encode(const void *data, size_t length, bool wants_padding, char *out);

/* Takes text with padding or without.  False if it is anything else.  `out` has room for
 * strlen(text) bytes. */
bool base64_decode(const char *text, uint8_t *out, size_t *out_length);

#endif
