/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

#include <stdint.h>

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void grebe__base64_encode(const void *bytes, size_t length, char *out)
{
    const unsigned char *p = bytes;

    for (; length >= 3; length -= 3, p += 3) {
        *out++ = alphabet[p[0] >> 2];
        *out++ = alphabet[(p[0] & 3) << 4 | p[1] >> 4];
        *out++ = alphabet[(p[1] & 15) << 2 | p[2] >> 6];
        *out++ = alphabet[p[2] & 63];
    }
    if (length == 0)
        return;
    *out++ = alphabet[p[0] >> 2];
    if (length == 1) {
        *out++ = alphabet[(p[0] & 3) << 4];
        return;
    }
    *out++ = alphabet[(p[0] & 3) << 4 | p[1] >> 4];
    *out++ = alphabet[(p[1] & 15) << 2];
}

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool grebe__base64_decode(const char *text, size_t length, unsigned char *out,
                          size_t *out_length)
{
    uint32_t bits = 0;
    unsigned n_bits = 0;
    size_t n = 0;

    /* A length that is a multiple of 4 may be padded; any other must not be. */
    if (length > 0 && length % 4 == 0 && text[length - 1] == '=') {
        length--;
        if (text[length - 1] == '=')
            length--;
    }
    if (length % 4 == 1)
        return false;
    for (size_t i = 0; i < length; i++) {
        int value = value_of(text[i]);

        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            out[n++] = (unsigned char)(bits >> n_bits);
        }
    }
    *out_length = n;
    return true;
}
