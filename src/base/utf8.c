/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

#include <stdbool.h>
#include <string.h>

/* How long the sequence that `lead` starts is, and the range its second byte must be in
 * (RFC 3629 section 4): this is what excludes overlong forms and surrogates. */
static size_t expect(unsigned char lead, unsigned char *low, unsigned char *high)
{
    *low = 0x80;
    *high = 0xbf;
    if (lead < 0x80)
        return 1;
    if (lead >= 0xc2 && lead <= 0xdf)
        return 2;
    if (lead >= 0xe0 && lead <= 0xef) {
        if (lead == 0xe0)
            *low = 0xa0;
        if (lead == 0xed)
            *high = 0x9f;
        return 3;
    }
    if (lead >= 0xf0 && lead <= 0xf4) {
        if (lead == 0xf0)
            *low = 0x90;
        if (lead == 0xf4)
            *high = 0x8f;
        return 4;
    }
    return 0;
}

/* Bytes at `bytes` that agree with some well-formed sequence; `is_whole` if it ends. */
static size_t match(const unsigned char *bytes, size_t length, bool *is_whole)
{
    unsigned char low, high;
    size_t want = length == 0 ? 0 : expect(bytes[0], &low, &high);
    size_t n = 1;

    *is_whole = false;
    if (want == 0)
        return 0;
    while (n < want && n < length) {
        if (bytes[n] < (n == 1 ? low : 0x80) || bytes[n] > (n == 1 ? high : 0xbf))
            break;
        n++;
    }
    *is_whole = n == want;
    return n;
}

size_t grebe__utf8_length(const unsigned char *bytes, size_t length)
{
    bool is_whole;
    size_t n = match(bytes, length, &is_whole);

    return is_whole ? n : 0;
}

size_t grebe__utf8_repair(const unsigned char *bytes, size_t length, unsigned char *out)
{
    size_t written = 0;

    while (length > 0) {
        bool is_whole;
        size_t n = match(bytes, length, &is_whole);

        if (is_whole) {
            memcpy(out + written, bytes, n);
            written += n;
        } else {
            memcpy(out + written, "\xef\xbf\xbd", 3);
            written += 3;
            n = n == 0 ? 1 : n;
        }
        bytes += n;
        length -= n;
    }
    return written;
}
