/* SPDX-License-Identifier: Apache-2.0 */
/* base/base64.h -- RFC 4648 section 4, as "-bin" metadata uses it. */
#ifndef GREBE_BASE_BASE64_H
#define GREBE_BASE_BASE64_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes that `length` bytes take when encoded without padding. */
static inline size_t grebe__base64_encoded_length(size_t length)
{
    return length / 3 * 4 + (length % 3 == 0 ? 0 : length % 3 + 1);
}

/* Standard alphabet, no padding, no NUL. */
void grebe__base64_encode(const void *bytes, size_t length, char *out);

/* With padding or without; bits left over are not looked at.  `out` has room for
 * length / 4 * 3 + 3 bytes.  False for a foreign character or an impossible length. */
bool grebe__base64_decode(const char *text, size_t length, unsigned char *out,
                          size_t *out_length);

#endif
