/* SPDX-License-Identifier: Apache-2.0 */
/* base/utf8.h -- well-formed UTF-8, RFC 3629. */
#ifndef GREBE_BASE_UTF8_H
#define GREBE_BASE_UTF8_H

#include <stddef.h>

/* Bytes of the well-formed sequence at `bytes`; 0 if there is none. */
size_t grebe__utf8_length(const unsigned char *bytes, size_t length);

/* Copies `length` bytes to `out`, each maximal ill-formed part replaced by U+FFFD.  `out`
 * has room for 3 * length bytes.  Returns the bytes written. */
size_t grebe__utf8_repair(const unsigned char *bytes, size_t length, unsigned char *out);

#endif
