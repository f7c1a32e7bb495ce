/* SPDX-License-Identifier: Apache-2.0 */
/* lab/json_out.h -- JSON written down, member by member.
 *
 * What comes out depends on the values alone: no locale, no hash order, no more digits than
 * a number needs.  Text that is no UTF-8 is repaired, so that every line is JSON.
 *
 * When memory is short the line is cut, and has_failed says so.
 */
#ifndef GREBE_LAB_JSON_OUT_H
#define GREBE_LAB_JSON_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <grebe/mem.h>

struct lab_json {
    const struct grebe_mem *mem;
    char *buf;
    size_t length, size;
    bool needs_comma; /* before the next member or element */
    bool has_failed;
};

void lab_json_init(struct lab_json *out, const struct grebe_mem *mem);
void lab_json_fini(struct lab_json *out);
/* Empty again; the memory stays. */
void lab_json_reset(struct lab_json *out);

/* `key` NULL: an element of a list, or the one value of a line. */
void lab_json_open_object(struct lab_json *out, const char *key);
void lab_json_close_object(struct lab_json *out);
void lab_json_open_list(struct lab_json *out, const char *key);
void lab_json_close_list(struct lab_json *out);
void lab_json_text(struct lab_json *out, const char *key, const char *text);
void lab_json_bytes(struct lab_json *out, const char *key, const char *text,
                    size_t length);
void lab_json_bool(struct lab_json *out, const char *key, bool value);
void lab_json_number(struct lab_json *out, const char *key, uint64_t value);
void lab_json_integer(struct lab_json *out, const char *key, int64_t value);
/* With as many digits as it takes to read the same number back; null if it is none. */
void lab_json_double(struct lab_json *out, const char *key, double value);
/* Milliseconds, with as many of three decimals as are not zero. */
void lab_json_ms(struct lab_json *out, const char *key, uint64_t ns);

/* As it is, without quotes or commas: the newline of a line. */
void lab_json_raw(struct lab_json *out, const char *bytes, size_t length);

#endif
