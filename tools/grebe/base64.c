/* SPDX-License-Identifier: Apache-2.0 */
#include "base64.h"

#include <string.h>

static const char digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(const void *data, size_t length, bool wants_padding, char *out)
{
    const uint8_t *bytes = data;
    uint32_t bits = 0;
    unsigned n_bits = 0;
    size_t n = 0;

    for (size_t i = 0; i < length; i++) {
        bits = (bits << 8 | bytes[i]) & 0xffff;
        for (n_bits += 8; n_bits >= 6; n_bits -= 6)
            out[n++] = digits[bits >> (n_bits - 6) & 0x3f];
    }
    if (n_bits > 0)
        out[n++] = digits[bits << (6 - n_bits) & 0x3f];
    while (wants_padding && n % 4 != 0)
        out[n++] = '=';
    out[n] = '\0';
}

bool base64_decode(const char *text, uint8_t *out, size_t *out_length)
{
    size_t length = strspn(text, digits), padding = strspn(text + length, "=");
    uint32_t bits = 0;
    unsigned n_bits = 0;
    size_t n = 0;

    if (text[length + padding] != '\0' || length % 4 == 1 ||
        (padding > 0 && (padding > 2 || (length + padding) % 4 != 0)))
        return false;
    for (size_t i = 0; i < length; i++) {
        bits = (bits << 6 | (uint32_t)(strchr(digits, text[i]) - digits)) & 0xffff;
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            out[n++] = (uint8_t)(bits >> n_bits);
        }
    }
    *out_length = n;
    return true;
}
