/* SPDX-License-Identifier: Apache-2.0 */
#include "lab/json_out.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

/* ---- Bytes -------------------------------------------------------------------------- */

void lab_json_init(struct lab_json *out, const struct grebe_mem *mem)
{
    *out = (struct lab_json){.mem = mem};
}

void lab_json_fini(struct lab_json *out)
{
    grebe_mem_free(out->mem, out->buf);
}

void lab_json_reset(struct lab_json *out)
{
    out->length = 0;
    out->needs_comma = false;
}

static bool grow(struct lab_json *out, size_t length)
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

void lab_json_raw(struct lab_json *out, const char *bytes, size_t length)
{
    if (out->has_failed || (length > out->size - out->length && !grow(out, length))) {
        out->has_failed = true;
        return;
    }
    memcpy(out->buf + out->length, bytes, length);
    out->length += length;
}

static void raw_text(struct lab_json *out, const char *text)
{
    lab_json_raw(out, text, strlen(text));
}

/* ---- Text --------------------------------------------------------------------------- */

/* RFC 8259 7: what has to be escaped, and what has a short form. */
static void escape(struct lab_json *out, unsigned char c)
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

static bool needs_escape(unsigned char c)
{
    return c < 0x20 || c == '"' || c == '\\' || c == 0x7f;
}

static void quote(struct lab_json *out, const char *text, size_t length)
{
    const unsigned char *bytes = (const unsigned char *)text;

    raw_text(out, "\"");
    while (length > 0) {
        size_t n = grebe__utf8_length(bytes, length);

        if (n == 0)
            raw_text(out, "\xef\xbf\xbd"); /* U+FFFD */
        else if (n == 1 && needs_escape(bytes[0]))
            escape(out, bytes[0]);
        else
            lab_json_raw(out, (const char *)bytes, n);
        n = n == 0 ? 1 : n;
        bytes += n;
        length -= n;
    }
    raw_text(out, "\"");
}

/* ---- Values ------------------------------------------------------------------------- */

static void begin(struct lab_json *out, const char *key)
{
    if (out->needs_comma)
        raw_text(out, ",");
    out->needs_comma = true;
    if (key == NULL)
        return;
    quote(out, key, strlen(key));
    raw_text(out, ":");
}

static void open_bracket(struct lab_json *out, const char *key, const char *bracket)
{
    begin(out, key);
    raw_text(out, bracket);
    out->needs_comma = false;
}

static void close_bracket(struct lab_json *out, const char *bracket)
{
    raw_text(out, bracket);
    out->needs_comma = true;
}

void lab_json_open_object(struct lab_json *out, const char *key)
{
    open_bracket(out, key, "{");
}

void lab_json_close_object(struct lab_json *out)
{
    close_bracket(out, "}");
}

void lab_json_open_list(struct lab_json *out, const char *key)
{
    open_bracket(out, key, "[");
}

void lab_json_close_list(struct lab_json *out)
{
    close_bracket(out, "]");
}

void lab_json_bytes(struct lab_json *out, const char *key, const char *text,
                    size_t length)
{
    begin(out, key);
    quote(out, text, length);
}

void lab_json_text(struct lab_json *out, const char *key, const char *text)
{
    lab_json_bytes(out, key, text, strlen(text));
}

void lab_json_bool(struct lab_json *out, const char *key, bool value)
{
    begin(out, key);
    raw_text(out, value ? "true" : "false");
}

void lab_json_number(struct lab_json *out, const char *key, uint64_t value)
{
    char text[24];

    begin(out, key);
    snprintf(text, sizeof text, "%" PRIu64, value);
    raw_text(out, text);
}

void lab_json_integer(struct lab_json *out, const char *key, int64_t value)
{
    char text[24];

    begin(out, key);
    snprintf(text, sizeof text, "%" PRId64, value);
    raw_text(out, text);
}

/* Fifteen digits are always right, seventeen always enough. */
void lab_json_double(struct lab_json *out, const char *key, double value)
{
    char text[32] = "null";
    int digits = 15;

    begin(out, key);
    while (isfinite(value) && digits <= 17) {
        snprintf(text, sizeof text, "%.*g", digits++, value);
        if (strtod(text, NULL) == value)
            break;
    }
    raw_text(out, text);
}

void lab_json_ms(struct lab_json *out, const char *key, uint64_t ns)
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
    lab_json_raw(out, text, length);
}
