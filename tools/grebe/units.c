/* SPDX-License-Identifier: Apache-2.0 */
#include "units.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit {
    const char *name;
    double factor;
};

/* strtod() alone would take signs, spaces, "inf" and hexadecimal. */
static bool parse_leading_number(const char *text, double *out, const char **rest)
{
    char *end;

    if ((*text < '0' || *text > '9') && *text != '.')
        return false;
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
        return false;
    *out = strtod(text, &end);
    *rest = end;
    return end != text && isfinite(*out);
}

static bool parse_with_unit(const char *text, const struct unit *units, uint64_t *out)
{
    double number;
    const char *rest;

    if (!parse_leading_number(text, &number, &rest))
        return false;
    for (const struct unit *unit = units; unit->name != NULL; unit++) {
        if (strcmp(rest, unit->name) != 0)
            continue;
        number = number * unit->factor + 0.5;
        if (number >= 0x1p63)
            return false;
        *out = (uint64_t)number;
        return true;
    }
    return false;
}

bool units_parse_count(const char *text, uint64_t *out)
{
    char *end;
    unsigned long long value;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    value = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0')
        return false;
    *out = value;
    return true;
}

bool units_parse_number(const char *text, double *out)
{
    const char *rest;
    double value;

    if (!parse_leading_number(text, &value, &rest) || *rest != '\0')
        return false;
    *out = value;
    return true;
}

bool units_parse_duration(const char *text, uint64_t *out_ns)
{
    static const struct unit units[] = {
        {"", 1e9},  {"ns", 1},   {"us", 1e3},   {"ms", 1e6},
        {"s", 1e9}, {"m", 6e10}, {"h", 3.6e12}, {NULL, 0},
    };

    return parse_with_unit(text, units, out_ns);
}

bool units_parse_size(const char *text, uint64_t *out_bytes)
{
    static const struct unit units[] = {
        {"", 1},       {"B", 1},        {"k", 0x1p10}, {"K", 0x1p10},   {"KiB", 0x1p10},
        {"M", 0x1p20}, {"MiB", 0x1p20}, {"G", 0x1p30}, {"GiB", 0x1p30}, {NULL, 0},
    };

    return parse_with_unit(text, units, out_bytes);
}

/* Three digits that matter; 99.95 and more would print as 100.0. */
static int decimals_of(double value)
{
    return value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
}

/* The largest unit that leaves at least one digit before the point. */
static const char *format_scaled(double value, const struct unit *units, char *buf)
{
    const struct unit *unit = units;

    while (unit[1].name != NULL && value >= unit[1].factor * 0.9995)
        unit++;
    value /= unit->factor;
    snprintf(buf, UNITS_TEXT, "%.*f%s", unit->factor > 1 ? decimals_of(value) : 0, value,
             unit->name);
    return buf;
}

const char *units_format_duration(uint64_t ns, char buf[UNITS_TEXT])
{
    static const struct unit units[] = {
        {"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {NULL, 0}};

    return format_scaled((double)ns, units, buf);
}

const char *units_format_count(double count, char buf[UNITS_TEXT])
{
    static const struct unit units[] = {
        {"", 1}, {"k", 1e3}, {"M", 1e6}, {"G", 1e9}, {NULL, 0}};

    return format_scaled(count, units, buf);
}
