/* SPDX-License-Identifier: Apache-2.0 */
/* base/json_line.h -- a line of JSON, written down member by member.
 *
 * What comes out depends on the values alone: no locale, no hash order, no more digits than
 * a number needs.  Text that is no UTF-8 is repaired, so that every line is JSON.
 *
 * When memory is short the line is cut, and has_failed says so.
 */
#ifndef GREBE_BASE_JSON_LINE_H
#define GREBE_BASE_JSON_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <grebe/mem.h>

struct grebe__line {
    const struct grebe_mem *mem;
    char *buf;
    size_t length, size;
    bool needs_comma; /* before the next member or element */
    bool has_failed;
};

void grebe__line_init(struct grebe__line *out, const struct grebe_mem *mem);
void grebe__line_fini(struct grebe__line *out);
/* Empty again; the memory stays. */
void grebe__line_reset(struct grebe__line *out);

/* `key` NULL: an element of a list, or the one value of a line. */
void grebe__line_open_object(struct grebe__line *out, const char *key);
void grebe__line_close_object(struct grebe__line *out);
void grebe__line_open_list(struct grebe__line *out, const char *key);
void grebe__line_close_list(struct grebe__line *out);
void grebe__line_text(struct grebe__line *out, const char *key, const char *text);
void grebe__line_bytes(struct grebe__line *out, const char *key, const char *text,
                       size_t length);
void grebe__line_bool(struct grebe__line *out, const char *key, bool value);
void grebe__line_number(struct grebe__line *out, const char *key, uint64_t value);
/* As text: readers of JSON make a double of a number, and lose what is beyond 2^53. */
void grebe__line_u64(struct grebe__line *out, const char *key, uint64_t value);
void grebe__line_integer(struct grebe__line *out, const char *key, int64_t value);
/* With as many digits as it takes to read the same number back; null if it is none. */
void grebe__line_double(struct grebe__line *out, const char *key, double value);
/* Milliseconds, with as many of three decimals as are not zero. */
void grebe__line_ms(struct grebe__line *out, const char *key, uint64_t ns);

/* Text in pieces that need no escapes: put them there with grebe__line_raw(). */
void grebe__line_open_text(struct grebe__line *out, const char *key);
void grebe__line_close_text(struct grebe__line *out);
/* A value that is JSON already. */
void grebe__line_value(struct grebe__line *out, const char *key, const char *json);

/* As it is, without quotes or commas: the newline of a line. */
void grebe__line_raw(struct grebe__line *out, const char *bytes, size_t length);

#endif
