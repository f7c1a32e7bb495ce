/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

void grebe__text_append(struct grebe__text *text, const char *bytes, size_t length)
{
    if (text->length + 1 < text->size) {
        size_t room = text->size - 1 - text->length;
        size_t n = length < room ? length : room;

        memcpy(text->buf + text->length, bytes, n);
        text->buf[text->length + n] = '\0';
    }
    text->length += length;
}

void grebe__text_printf(struct grebe__text *text, const char *format, ...)
{
    size_t used = text->length < text->size ? text->length : text->size;
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(text->size > used ? text->buf + used : NULL, text->size - used, format,
                  args);
    va_end(args);
    if (n > 0)
        text->length += (size_t)n;
}

void grebe__text_append_escaped(struct grebe__text *text, const void *bytes,
                                size_t length)
{
    const unsigned char *p = bytes;

    while (length > 0) {
        size_t n = grebe__utf8_length(p, length);
        bool is_control = p[0] < 0x20 || p[0] == 0x7f || p[0] == '\\' || p[0] == '"' ||
                          (n == 2 && p[0] == 0xc2 && p[1] < 0xa0);

        if (n == 0 || is_control) {
            n = n == 0 ? 1 : n;
            for (size_t i = 0; i < n; i++)
                grebe__text_printf(text, "\\x%02x", p[i]);
        } else {
            grebe__text_append(text, (const char *)p, n);
        }
        p += n;
        length -= n;
    }
}

void grebe__text_append_duration(struct grebe__text *text, uint64_t ns)
{
    if (ns >= UINT64_C(1000000000))
        grebe__text_printf(text, "%" PRIu64 ".%03" PRIu64 "s", ns / 1000000000,
                           ns / 1000000 % 1000);
    else if (ns >= 1000000)
        grebe__text_printf(text, "%" PRIu64 "ms", ns / 1000000);
    else
        grebe__text_printf(text, "%" PRIu64 "us", ns / 1000);
}

int grebe__ascii_casecmp(const char *a, const char *b)
{
    while (*a != '\0' && grebe__ascii_lower(*a) == grebe__ascii_lower(*b)) {
        a++;
        b++;
    }
    return (unsigned char)grebe__ascii_lower(*a) - (unsigned char)grebe__ascii_lower(*b);
}

bool grebe__ascii_equal_fold(const char *a, size_t a_length, const char *b)
{
    for (size_t i = 0; i < a_length; i++)
        if (b[i] == '\0' || grebe__ascii_lower(a[i]) != grebe__ascii_lower(b[i]))
            return false;
    return b[a_length] == '\0';
}

bool grebe__parse_u64(const char *text, size_t length, uint64_t *out)
{
    uint64_t value = 0;

    if (length == 0)
        return false;
    for (size_t i = 0; i < length; i++) {
        uint64_t digit = (uint64_t)(text[i] - '0');

        if (!grebe__ascii_is_digit(text[i]) || value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

void grebe__text_put_point(char *text)
{
    static const char ours[] = "0123456789+-e";
    size_t before = strspn(text, ours);
    size_t foreign = strcspn(text + before, ours);

    if (foreign == 0)
        return;
    text[before] = '.';
    memmove(text + before + 1, text + before + foreign,
            strlen(text + before + foreign) + 1);
}

bool grebe__text_is_from(const char *text, char lowest)
{
    for (; *text != '\0'; text++)
        if (*text < lowest || *text > '~')
            return false;
    return true;
}
