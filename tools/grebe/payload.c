/* SPDX-License-Identifier: Apache-2.0 */
#include "payload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BYTES = 64 * 1024 };

static bool fail(char *error, size_t error_size, const char *subject, int cause)
{
    snprintf(error, error_size, "%s: %s", subject, strerror(cause));
    return false;
}

bool payload_fill(size_t length, struct payload *out, char *error, size_t error_size)
{
    uint8_t *bytes = calloc(1, length + 1);

    if (bytes == NULL)
        return fail(error, error_size, "request", ENOMEM);
    *out = (struct payload){bytes, length};
    return true;
}

static bool read_stream(FILE *stream, struct payload *out)
{
    size_t size = FIRST_BYTES, length = 0, n;
    uint8_t *bytes = malloc(size);

    while (bytes != NULL) {
        n = fread(bytes + length, 1, size - 1 - length, stream);
        length += n;
        if (n == 0)
            break;
        if (length == size - 1) {
            uint8_t *more = realloc(bytes, size *= 2);

            if (more == NULL)
                free(bytes);
            bytes = more;
        }
    }
    if (bytes == NULL || ferror(stream)) {
        errno = bytes == NULL ? ENOMEM : errno;
        free(bytes);
        return false;
    }
    bytes[length] = '\0';
    *out = (struct payload){bytes, length};
    return true;
}

bool payload_read_file(const char *path, struct payload *out, char *error,
                       size_t error_size)
{
    bool is_stdin = strcmp(path, "-") == 0;
    FILE *stream = is_stdin ? stdin : fopen(path, "rb");
    bool is_read = stream != NULL && read_stream(stream, out);
    int cause = errno;

    if (stream != NULL && !is_stdin)
        fclose(stream);
    return is_read || fail(error, error_size, is_stdin ? "stdin" : path, cause);
}

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    const char *found = c == '\0' ? NULL : strchr(digits, c);
    int value = found == NULL ? -1 : (int)(found - digits);

    return value > 15 ? value - 6 : value;
}

static bool parse_hex(const char *text, struct payload *out, char *error,
                      size_t error_size)
{
    size_t n = strlen(text);

    if (!payload_fill(n / 2, out, error, error_size))
        return false;
    for (size_t i = 0; i < n; i += 2) {
        int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);

        if (high < 0 || low < 0) {
            payload_free(out);
            snprintf(error, error_size, "hex:%s: two hex digits make a byte", text);
            return false;
        }
        out->bytes[i / 2] = (uint8_t)(high << 4 | low);
    }
    return true;
}

bool payload_load(const char *spec, struct payload *out, char *error, size_t error_size)
{
    if (spec[0] == '@')
        return payload_read_file(spec[1] == '\0' ? "-" : spec + 1, out, error,
                                 error_size);
    if (strncmp(spec, "hex:", 4) == 0)
        return parse_hex(spec + 4, out, error, error_size);
    if (!payload_fill(strlen(spec), out, error, error_size))
        return false;
    memcpy(out->bytes, spec, out->length);
    return true;
}

void payload_free(struct payload *payload)
{
    free(payload->bytes);
    *payload = (struct payload){NULL, 0};
}
