/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json_line.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/utf8.h"

/* ---- Bytes -------------------------------------------------------------------------- */

void grebe__line_init(struct grebe__line *out, const struct grebe_mem *mem)
{
    *out = (struct grebe__line){.mem = mem};
}

void grebe__line_fini(struct grebe__line *out)
{
    grebe_mem_free(out->mem, out->buf);
}

void grebe__line_reset(struct grebe__line *out)
{
    out->length = 0;
    out->needs_comma = false;
}

static bool grow(struct grebe__line *out, size_t length)
{
    size_t size = out->size == 0 ? 512 : out->size;
    char *buf;

    while (size < out->length + length)
        size *= 2;
    buf = grebe_mem_realloc(out->mem, out->buf, size);
    if (buf == NULL)
        return false;
    out->buf = buf;
    out->size = size;
    return true;
}

/* Where `length` bytes can be put; NULL: nowhere.  They count when `out->length` does. */
static inline char *reserve(struct grebe__line *out, size_t length)
{
    if (out->has_failed || (length > out->size - out->length && !grow(out, length))) {
        out->has_failed = true;
        return NULL;
    }
    return out->buf + out->length;
}

void grebe__line_raw(struct grebe__line *out, const char *bytes, size_t length)
{
    char *at = reserve(out, length);

    if (at == NULL)
        return;
    memcpy(at, bytes, length);
    out->length += length;
}

static void raw_text(struct grebe__line *out, const char *text)
{
    grebe__line_raw(out, text, strlen(text));
}

/* ---- Text --------------------------------------------------------------------------- */

/* RFC 8259 7: what has to be escaped, and what has a short form. */
static void escape(struct grebe__line *out, unsigned char c)
{
    static const char letters[] = "\"\\\b\f\n\r\t", shorts[] = "\"\\bfnrt";
    const char *letter = c == '\0' ? NULL : strchr(letters, c);
    char text[8];

    if (letter != NULL)
        snprintf(text, sizeof text, "\\%c", shorts[letter - letters]);
    else
        snprintf(text, sizeof text, "\\u%04x", c);
    raw_text(out, text);
}

/* Bytes that stand for themselves: ASCII from the space on, but for '"', '\\' and DEL. */
static inline bool is_plain(unsigned char c)
{
    static const uint64_t set[4] = {~UINT64_C(0xffffffff) & ~(UINT64_C(1) << '"'),
                                    ~(UINT64_C(1) << ('\\' - 64)) & INT64_MAX, 0, 0};

    return set[c / 64] >> c % 64 & 1;
}

/* Copies the bytes in front that are themselves; gives their number. */
static inline size_t copy_plain(char *to, const unsigned char *bytes, size_t length)
{
    size_t n = 0;

    for (; n < length && is_plain(bytes[n]); n++)
        to[n] = (char)bytes[n];
    return n;
}

/* The first thing that has to be looked at closely.  Gives its length. */
static size_t quote_one(struct grebe__line *out, const unsigned char *bytes,
                        size_t length)
{
    size_t n = grebe__utf8_length(bytes, length);

    if (n == 0)
        raw_text(out, "\xef\xbf\xbd"); /* U+FFFD */
    else if (n == 1)
        escape(out, bytes[0]);
    else
        grebe__line_raw(out, (const char *)bytes, n);
    return n == 0 ? 1 : n;
}

/* What is not plain begins at `bytes`. */
static void quote_rest(struct grebe__line *out, const unsigned char *bytes, size_t length)
{
    while (length > 0) {
        char *at = reserve(out, length);
        size_t n = at == NULL ? 0 : copy_plain(at, bytes, length);

        out->length += n;
        if (n == 0)
            n = quote_one(out, bytes, length);
        bytes += n;
        length -= n;
    }
}

/* As a rule all of it is plain, and stands there in one go. */
static void quote(struct grebe__line *out, const char *text, size_t length)
{
    char *at = reserve(out, length + 2);
    size_t n;

    if (at == NULL)
        return;
    *at = '"';
    n = copy_plain(at + 1, (const unsigned char *)text, length);
    out->length += n + 1;
    if (n < length)
        quote_rest(out, (const unsigned char *)text + n, length - n);
    grebe__line_raw(out, "\"", 1);
}

/* ---- Values ------------------------------------------------------------------------- */

static void begin(struct grebe__line *out, const char *key)
{
    size_t length = key == NULL ? 0 : strlen(key), n;
    char *at = reserve(out, length + 4);

    if (at == NULL)
        return;
    if (out->needs_comma)
        *at++ = ',';
    out->needs_comma = true;
    out->length = (size_t)(at - out->buf);
    if (key == NULL)
        return;
    n = copy_plain(at + 1, (const unsigned char *)key, length);
    if (n < length) {
        quote(out, key, length);
        grebe__line_raw(out, ":", 1);
        return;
    }
    at[0] = '"';
    at[length + 1] = '"';
    at[length + 2] = ':';
    out->length += length + 3;
}

static void open_bracket(struct grebe__line *out, const char *key, const char *bracket)
{
    begin(out, key);
    raw_text(out, bracket);
    out->needs_comma = false;
}

static void close_bracket(struct grebe__line *out, const char *bracket)
{
    raw_text(out, bracket);
    out->needs_comma = true;
}

void grebe__line_open_object(struct grebe__line *out, const char *key)
{
    open_bracket(out, key, "{");
}

void grebe__line_close_object(struct grebe__line *out)
{
    close_bracket(out, "}");
}

void grebe__line_open_list(struct grebe__line *out, const char *key)
{
    open_bracket(out, key, "[");
}

void grebe__line_close_list(struct grebe__line *out)
{
    close_bracket(out, "]");
}

void grebe__line_bytes(struct grebe__line *out, const char *key, const char *text,
                       size_t length)
{
    begin(out, key);
    quote(out, text, length);
}

void grebe__line_text(struct grebe__line *out, const char *key, const char *text)
{
    grebe__line_bytes(out, key, text, strlen(text));
}

void grebe__line_open_text(struct grebe__line *out, const char *key)
{
    begin(out, key);
    grebe__line_raw(out, "\"", 1);
}

void grebe__line_close_text(struct grebe__line *out)
{
    grebe__line_raw(out, "\"", 1);
}

void grebe__line_value(struct grebe__line *out, const char *key, const char *json)
{
    begin(out, key);
    raw_text(out, json);
}

void grebe__line_bool(struct grebe__line *out, const char *key, bool value)
{
    begin(out, key);
    raw_text(out, value ? "true" : "false");
}

enum { DIGITS_MAX = 20 };

/* Written from the end of `buf`; gives where it starts. */
static const char *decimal(uint64_t value, char buf[DIGITS_MAX])
{
    char *at = buf + DIGITS_MAX;

    do {
        *--at = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    return at;
}

void grebe__line_number(struct grebe__line *out, const char *key, uint64_t value)
{
    char buf[DIGITS_MAX];
    const char *digits = decimal(value, buf);

    begin(out, key);
    grebe__line_raw(out, digits, (size_t)(buf + sizeof buf - digits));
}

void grebe__line_u64(struct grebe__line *out, const char *key, uint64_t value)
{
    char buf[DIGITS_MAX];
    const char *digits = decimal(value, buf);

    grebe__line_bytes(out, key, digits, (size_t)(buf + sizeof buf - digits));
}

void grebe__line_integer(struct grebe__line *out, const char *key, int64_t value)
{
    char text[24];

    begin(out, key);
    snprintf(text, sizeof text, "%" PRId64, value);
    raw_text(out, text);
}

/* Fifteen digits are always right, seventeen always enough. */
void grebe__line_double(struct grebe__line *out, const char *key, double value)
{
    char text[40] = "null";
    int digits = 15;

    begin(out, key);
    while (isfinite(value) && digits <= 17) {
        snprintf(text, sizeof text, "%.*g", digits++, value);
        if (strtod(text, NULL) == value)
            break;
    }
    if (isfinite(value))
        grebe__text_put_point(text);
    raw_text(out, text);
}

void grebe__line_ms(struct grebe__line *out, const char *key, uint64_t ns)
{
    char text[32];
    size_t length;

    begin(out, key);
    length = (size_t)snprintf(text, sizeof text, "%" PRIu64 ".%03" PRIu64, ns / 1000000,
                              ns / 1000 % 1000);
    while (text[length - 1] == '0')
        length--;
    if (text[length - 1] == '.')
        length--;
    grebe__line_raw(out, text, length);
}
