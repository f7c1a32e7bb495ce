/* SPDX-License-Identifier: Apache-2.0 */
#include "channelz/json_out.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/utf8.h"

/* ---- Bytes --------------------------------------------------------------------------------- */

void grebe__json_out_init(struct grebe__json_out *out, grebe_channelz_write_fn write,
                          void *arg)
{
    grebe__buffered_init(&out->text, write, arg);
    out->has_value = false;
}

void grebe__json_out_flush(struct grebe__json_out *out)
{
    grebe__buffered_flush(&out->text);
}

static void put(struct grebe__json_out *out, const char *bytes, size_t length)
{
    grebe__buffered_put(&out->text, bytes, length);
}

static void put_text(struct grebe__json_out *out, const char *text)
{
    put(out, text, strlen(text));
}

/* What is no UTF-8 is replaced: a reader would refuse the whole document for it. */
static void put_quoted(struct grebe__json_out *out, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t left = strlen(text);

    put_text(out, "\"");
    while (left > 0) {
        size_t n = grebe__utf8_length(at, left);
        char escape[8];

        if (*at == '"' || *at == '\\') {
            put_text(out, "\\");
            put(out, (const char *)at, 1);
        } else if (*at < 0x20) {
            snprintf(escape, sizeof escape, "\\u%04x", *at);
            put_text(out, escape);
        } else if (n == 0) {
            put_text(out, "\xef\xbf\xbd");
        } else {
            put(out, (const char *)at, n);
        }
        n = n == 0 ? 1 : n;
        at += n;
        left -= n;
    }
    put_text(out, "\"");
}

/* ---- Values -------------------------------------------------------------------------------- */

static void put_key(struct grebe__json_out *out, const char *key)
{
    if (out->has_value)
        put_text(out, ",");
    out->has_value = true;
    if (key == NULL)
        return;
    put_quoted(out, key);
    put_text(out, ":");
}

void grebe__json_begin(struct grebe__json_out *out, const char *key, char bracket)
{
    put_key(out, key);
    put(out, &bracket, 1);
    out->has_value = false;
}

void grebe__json_end(struct grebe__json_out *out, char bracket)
{
    put(out, &bracket, 1);
    out->has_value = true;
}

void grebe__json_text(struct grebe__json_out *out, const char *key, const char *text)
{
    put_key(out, key);
    put_quoted(out, text);
}

void grebe__json_bool(struct grebe__json_out *out, const char *key, bool value)
{
    put_key(out, key);
    put_text(out, value ? "true" : "false");
}

void grebe__json_uint32(struct grebe__json_out *out, const char *key, uint32_t value)
{
    char text[16];

    snprintf(text, sizeof text, "%" PRIu32, value);
    put_key(out, key);
    put_text(out, text);
}

void grebe__json_int64(struct grebe__json_out *out, const char *key, int64_t value)
{
    char text[24];

    snprintf(text, sizeof text, "\"%" PRId64 "\"", value);
    put_key(out, key);
    put_text(out, text);
}

void grebe__json_bytes(struct grebe__json_out *out, const char *key, const void *bytes,
                       size_t length)
{
    static const char padding[] = "==";
    const unsigned char *at = bytes;

    put_key(out, key);
    put_text(out, "\"");
    while (length > 0) {
        size_t n = length < 3 ? length : 3, n_text = grebe__base64_encoded_length(n);
        char text[4];

        grebe__base64_encode(at, n, text);
        put(out, text, n_text);
        put(out, padding, sizeof text - n_text);
        at += n;
        length -= n;
    }
    put_text(out, "\"");
}

/* Days since 1970 to a date of the Gregorian calendar: years are counted from March, so
 * that the day that comes and goes is the last one. */
static void date_of(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
    int64_t since_0000_03_01 = days + 719468;
    int64_t era = (since_0000_03_01 >= 0 ? since_0000_03_01 : since_0000_03_01 - 146096) /
                  146097; /* days in 400 years */
    unsigned of_era = (unsigned)(since_0000_03_01 - era * 146097);
    unsigned year_of_era =
        (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    unsigned of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned march_month = (5 * of_year + 2) / 153;

    *day = of_year - (153 * march_month + 2) / 5 + 1;
    *month = march_month < 10 ? march_month + 3 : march_month - 9;
    *year = (int64_t)year_of_era + era * 400 + (*month <= 2);
}

void grebe__json_timestamp(struct grebe__json_out *out, const char *key, int64_t unix_ns)
{
    static const int64_t second = 1000000000, day = 86400;
    int64_t seconds = unix_ns / second, ns = unix_ns % second, days, year;
    unsigned month, of_month;
    char text[64];

    if (ns < 0) {
        ns += second;
        seconds--;
    }
    days = seconds / day;
    seconds %= day;
    if (seconds < 0) {
        seconds += day;
        days--;
    }
    date_of(days, &year, &month, &of_month);
    snprintf(text, sizeof text, "\"%04" PRId64 "-%02u-%02uT%02u:%02u:%02u.%09uZ\"", year,
             month, of_month, (unsigned)(seconds / 3600), (unsigned)(seconds / 60 % 60),
             (unsigned)(seconds % 60), (unsigned)ns);
    put_key(out, key);
    put_text(out, text);
}
