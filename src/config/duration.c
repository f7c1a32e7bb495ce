/* SPDX-License-Identifier: Apache-2.0 */
#include "config/duration.h"

#include <inttypes.h>
#include <stdbool.h>

#include "base/text.h"

static const uint64_t ns_per_s = UINT64_C(1000000000);
static const uint64_t max_s = UINT64_C(315576000000);

static const char not_a_duration[] = "not a duration such as \"1.5s\"";
static const char out_of_range[] = "beyond 315576000000 seconds";

/* Digits from text[*i] on; what is too large for the caller to accept stays too large. */
static uint64_t read_whole(const char *text, size_t length, size_t *i)
{
    uint64_t value = 0;

    for (; *i < length && grebe__ascii_is_digit(text[*i]); ++*i)
        if (value <= max_s)
            value = value * 10 + (uint64_t)(text[*i] - '0');
    return value;
}

/* Nanoseconds from digits after a point, each worth a tenth of the one before. */
static uint64_t read_fraction(const char *text, size_t length, size_t *i)
{
    uint64_t value = 0, worth = ns_per_s / 10;

    for (; *i < length && worth > 0 && grebe__ascii_is_digit(text[*i]); ++*i) {
        value += worth * (uint64_t)(text[*i] - '0');
        worth /= 10;
    }
    return value;
}

static int64_t saturate(bool is_negative, uint64_t seconds, uint64_t fraction_ns)
{
    uint64_t limit = (uint64_t)INT64_MAX + is_negative;
    uint64_t ns = seconds > (limit - fraction_ns) / ns_per_s
                      ? limit
                      : seconds * ns_per_s + fraction_ns;

    return is_negative ? (int64_t)(0 - ns) : (int64_t)ns;
}

const char *grebe__duration_parse(const char *text, size_t length, int64_t *out)
{
    bool is_negative = length > 0 && text[0] == '-';
    size_t i = is_negative, first = i, n_digits;
    uint64_t seconds = read_whole(text, length, &i), fraction_ns = 0;

    n_digits = i - first;
    if (i < length && text[i] == '.') {
        first = ++i;
        fraction_ns = read_fraction(text, length, &i);
        n_digits += i - first;
    }
    if (n_digits == 0 || i + 1 != length || text[i] != 's')
        return not_a_duration;
    if (seconds > max_s)
        return out_of_range;
    *out = saturate(is_negative, seconds, fraction_ns);
    return NULL;
}

const char *grebe__duration_format(int64_t duration_ns, char buf[GREBE__DURATION_BYTES])
{
    struct grebe__text text = grebe__text_init(buf, GREBE__DURATION_BYTES);
    uint64_t ns = duration_ns < 0 ? 0 - (uint64_t)duration_ns : (uint64_t)duration_ns;
    uint64_t fraction = ns % ns_per_s;
    int n_digits = 9;

    for (; n_digits > 0 && fraction % 1000 == 0; n_digits -= 3)
        fraction /= 1000;
    grebe__text_printf(&text, "%s%" PRIu64, duration_ns < 0 ? "-" : "", ns / ns_per_s);
    if (n_digits > 0)
        grebe__text_printf(&text, ".%0*" PRIu64, n_digits, fraction);
    grebe__text_append(&text, "s", 1);
    return buf;
}
