/* SPDX-License-Identifier: Apache-2.0 */
/* config/json.h -- what service configs need beside grebe/json.h.
 *
 * Only this folder knows which JSON library is used: a `struct grebe_json` is one of its
 * values under another name.
 *
 * Limits      64 KiB of text; 64 levels of objects and lists; integers of 64 bits.
 */
#ifndef GREBE_CONFIG_JSON_H
#define GREBE_CONFIG_JSON_H

#include <grebe/json.h>

enum { GREBE__JSON_TEXT_MAX = 64 * 1024, GREBE__JSON_DEPTH_MAX = 64 };

/* grebe_json_parse() for text from outside: too much of it is GREBE_ERR_CONFIG. */
int grebe__json_parse(const char *text, size_t length, struct grebe_diag *diag,
                      const struct grebe_json **out);

/* "a string", "an object": for explanations. */
const char *grebe__json_type_text(const struct grebe_json *value);

/* 0 if it is no object. */
size_t grebe__json_n_members(const struct grebe_json *object);

/* The first member of an object that has one. */
const struct grebe_json *grebe__json_first_member(const struct grebe_json *object,
                                                  const char **name);

/* `value` as grebe_json_get_int64 takes it, for elements of lists.  False: not one. */
bool grebe__json_integer(const struct grebe_json *value, int64_t *out);

/* Any number. */
bool grebe__json_real(const struct grebe_json *value, double *out);

#endif
