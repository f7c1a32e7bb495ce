/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ip.h"

#include <stdbool.h>
#include <string.h>

#include "base/text.h"

static bool is_v4(const char *text, size_t length)
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
    }
    return text == end;
}

static size_t count_hex_digits(const char *text, const char *end)
{
    size_t n = 0;

    while (text + n < end && n < 4 &&
           (grebe__ascii_is_digit(text[n]) ||
            (grebe__ascii_lower(text[n]) >= 'a' && grebe__ascii_lower(text[n]) <= 'f')))
        n++;
    return n;
}

/* Eight groups of 16 bits; "::" stands for one zero group or more, once; the last two
 * groups may be written as an IPv4 address. */
static bool is_v6(const char *text, size_t length)
{
    const char *end = text + length;
    bool has_gap = length >= 2 && memcmp(text, "::", 2) == 0;
    unsigned n_groups = 0;

    if (has_gap)
        text += 2;
    while (text < end) {
        size_t n_digits = count_hex_digits(text, end);

        if (text + n_digits < end && text[n_digits] == '.') {
            if (!is_v4(text, (size_t)(end - text)))
                return false;
            n_groups += 2;
            break;
        }
        if (n_digits == 0 || ++n_groups > 8)
            return false;
        text += n_digits;
        if (text == end)
            break;
        if (*text++ != ':' || text == end)
            return false;
        if (*text == ':') {
            if (has_gap)
                return false;
            has_gap = true;
            text++;
        }
    }
    return has_gap ? n_groups < 8 : n_groups == 8;
}

enum grebe__ip_family grebe__ip_family_of(const char *text, size_t length)
{
    const char *zone = memchr(text, '%', length);

    if (is_v4(text, length))
        return GREBE__IP_V4;
    if (zone != NULL) {
        if (zone + 1 == text + length)
            return GREBE__IP_NONE;
        length = (size_t)(zone - text);
    }
    return is_v6(text, length) ? GREBE__IP_V6 : GREBE__IP_NONE;
}
