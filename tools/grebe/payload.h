/* SPDX-License-Identifier: Apache-2.0 */
/* payload.h -- the bytes of a request message, from where the user has them. */
#ifndef TOOL_PAYLOAD_H
#define TOOL_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct payload {
    uint8_t *bytes; /* payload_free()s */
    size_t length;
};

/* "text", "@file", "@-" for stdin, "hex:0a03...".  False: `error` says why. */
bool payload_load(const char *spec, struct payload *out, char *error, size_t error_size);

/* `length` zero bytes. */
bool payload_fill(size_t length, struct payload *out, char *error, size_t error_size);

/* A whole file, with a NUL behind it that `length` does not count; "-" is stdin. */
bool payload_read_file(const char *path, struct payload *out, char *error,
                       size_t error_size);

void payload_free(struct payload *payload);

#endif
