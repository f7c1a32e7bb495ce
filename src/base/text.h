/* SPDX-License-Identifier: Apache-2.0 */
/* base/text.h -- building and reading text of known bounds. */
#ifndef GREBE_BASE_TEXT_H
#define GREBE_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <grebe/attr.h>

/* Text in the caller's memory: appends what fits, counts what would have.  Always
 * NUL-terminated when size > 0. */
struct grebe__text {
    char *buf;
    size_t size;
    size_t length; /* what it would be without the bound */
};

static inline struct grebe__text grebe__text_init(char *buf, size_t size)
{
    if (size > 0)
        buf[0] = '\0';
    return (struct grebe__text){.buf = buf, .size = size};
}

void grebe__text_append(struct grebe__text *text, const char *bytes, size_t length);
void grebe__text_printf(struct grebe__text *text, const char *format, ...)
    GREBE_PRINTF(2, 3);

/* Bytes from a peer, made safe for logs and terminals: C0, DEL, C1 controls, backslash,
 * quotes and ill-formed UTF-8 come out as \xNN. */
void grebe__text_append_escaped(struct grebe__text *text, const void *bytes,
                                size_t length);

/* "1.234s", "12ms", "345us": what a person wants to read of a duration. */
void grebe__text_append_duration(struct grebe__text *text, uint64_t ns);

/* snprintf() writes the locale's decimal point, which may be several bytes: puts a '.' in
 * its place. */
void grebe__text_put_point(char *text);

/* Only bytes from `lowest` to '~': what a header may hold with spaces (' '), or without
 * ('!').  RFC 9110 5.5. */
bool grebe__text_is_from(const char *text, char lowest);

/* ASCII only, without regard to locale. */
static inline char grebe__ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}
static inline bool grebe__ascii_is_digit(char c)
{
    return c >= '0' && c <= '9';
}
static inline bool grebe__ascii_is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
/* Of a hexadecimal digit; -1 if it is none. */
static inline int grebe__hex_value(char c)
{
    c = grebe__ascii_lower(c);
    if (grebe__ascii_is_digit(c))
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}
int grebe__ascii_casecmp(const char *a, const char *b);
bool grebe__ascii_equal_fold(const char *a, size_t a_length, const char *b); /* b: text */

/* Decimal digits only, no sign, no space, at least one; false if it does not fit. */
bool grebe__parse_u64(const char *text, size_t length, uint64_t *out);

#endif
