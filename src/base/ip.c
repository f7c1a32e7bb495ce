/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ip.h"

#include <stdbool.h>
#include <string.h>

#include "base/text.h"

static bool parse_v4(const char *text, size_t length, unsigned char bytes[4])
{
    const char *end = text + length;

    for (int octet = 0; octet < 4; octet++) {
        unsigned value = 0, n_digits = 0;

        if (octet > 0 && (text == end || *text++ != '.'))
            return false;
        for (; text < end && grebe__ascii_is_digit(*text); text++) {
            if (n_digits++ > 0 && value == 0)
                return false; /* 010 is 8 to some and 10 to others */
            value = value * 10 + (unsigned)(*text - '0');
            if (value > 255)
                return false;
        }
        if (n_digits == 0)
            return false;
        bytes[octet] = (unsigned char)value;
    }
    return text == end;
}

/* Up to four digits; how many there were. */
static size_t parse_group(const char *text, const char *end, unsigned *out)
{
    size_t n = 0;

    *out = 0;
    for (; text + n < end && n < 4 && grebe__hex_value(text[n]) >= 0; n++)
        *out = *out * 16 + (unsigned)grebe__hex_value(text[n]);
    return n;
}

/* Eight groups of 16 bits; "::" stands for one zero group or more, once; the last two
 * groups may be written as an IPv4 address.  Groups stand at the front of `bytes` until it
 * is known how wide the gap is. */
static bool parse_v6(const char *text, size_t length, unsigned char bytes[16])
{
    const char *end = text + length;
    bool has_gap = length >= 2 && memcmp(text, "::", 2) == 0;
    size_t n = 0, gap = 0; /* bytes so far, and before the gap */

    if (has_gap)
        text += 2;
    while (text < end) {
        unsigned group;
        size_t n_digits = parse_group(text, end, &group);

        if (text + n_digits < end && text[n_digits] == '.') {
            if (n > 12 || !parse_v4(text, (size_t)(end - text), bytes + n))
                return false;
            n += 4;
            break;
        }
        if (n_digits == 0 || n == 16)
            return false;
        bytes[n++] = (unsigned char)(group >> 8);
        bytes[n++] = (unsigned char)group;
        text += n_digits;
        if (text == end)
            break;
        if (*text++ != ':' || text == end)
            return false;
        if (*text == ':') {
            if (has_gap)
                return false;
            has_gap = true;
            gap = n;
            text++;
        }
    }
    if (!has_gap)
        return n == 16;
    if (n == 16)
        return false;
    memmove(bytes + 16 - (n - gap), bytes + gap, n - gap);
    memset(bytes + gap, 0, 16 - n);
    return true;
}

struct grebe__ip grebe__ip_parse(const char *text, size_t length)
{
    const char *zone = memchr(text, '%', length);
    struct grebe__ip ip = {.family = GREBE__IP_NONE};

    if (parse_v4(text, length, ip.bytes)) {
        ip.family = GREBE__IP_V4;
        return ip;
    }
    if (zone != NULL && zone + 1 == text + length)
        return ip;
    if (zone != NULL)
        length = (size_t)(zone - text);
    if (parse_v6(text, length, ip.bytes))
        ip.family = GREBE__IP_V6;
    return ip;
}

enum grebe__ip_family grebe__ip_family_of(const char *text, size_t length)
{
    return grebe__ip_parse(text, length).family;
}

bool grebe__ip_is_in(const struct grebe__ip *address, const struct grebe__ip *block,
                     unsigned n_bits)
{
    unsigned n = n_bits / 8, rest = n_bits % 8;

    if (address->family != block->family || memcmp(address->bytes, block->bytes, n) != 0)
        return false;
    return rest == 0 || (address->bytes[n] ^ block->bytes[n]) >> (8 - rest) == 0;
}

bool grebe__ip_is_loopback(const struct grebe__ip *address)
{
    static const struct grebe__ip v4 = {GREBE__IP_V4, {127}};
    static const struct grebe__ip v6 = {GREBE__IP_V6, {[15] = 1}};
    static const struct grebe__ip mapped = {GREBE__IP_V6,
                                            {[10] = 0xff, [11] = 0xff, [12] = 127}};

    return grebe__ip_is_in(address, &v4, 8) || grebe__ip_is_in(address, &v6, 128) ||
           grebe__ip_is_in(address, &mapped, 104);
}
