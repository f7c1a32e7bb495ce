/* SPDX-License-Identifier: Apache-2.0 */
/* grebe/json.h -- how a policy reads its part of a service config, and a resolver what it
 * was given as JSON.
 *
 * The rules are proto3 JSON as grpc-go applies them: a member is found under its
 * lowerCamelCase name, under its proto name (snake_case), or without regard to case;
 * null counts as absent; unknown members are ignored; a known member of the wrong type
 * is an error, and `diag` then names its path and the reason.
 *
 * Each getter returns GREBE_OK and sets *out, or returns GREBE_OK and leaves *out alone
 * when the member is absent (so put the default there first), or GREBE_ERR_CONFIG.
 *
 * Threading   Any thread; values are borrowed and live as long as the document.
 */
#ifndef GREBE_JSON_H
#define GREBE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <grebe/attr.h>
#include <grebe/error.h>
#include <grebe/mem.h>

GREBE_BEGIN_DECLS

struct grebe_json;

/* ---- Documents ---------------------------------------------------------------------- */

/* RFC 8259, but a name may not come twice in an object, not even in different case; 64
 * levels of objects and lists at most.  A document takes many times the memory of its
 * text: it is the caller who limits that.  GREBE_ERR_CONFIG, with line and column in
 * `diag` where they are known, or GREBE_ERR_NOMEM.  *out is the caller's to free. */
GREBE_API int grebe_json_parse(const char *text, size_t length, struct grebe_diag *diag,
                               const struct grebe_json **out) GREBE_MUST_CHECK;
/* `document` is what grebe_json_parse() gave.  NULL: no-op. */
GREBE_API void grebe_json_free(const struct grebe_json *document);

/* `value` as text again, without spaces, members in their order.  The caller's to free;
 * NULL when out of memory. */
GREBE_API char *grebe_json_dump(const struct grebe_mem *mem,
                                const struct grebe_json *value);

/* ---- Values ------------------------------------------------------------------------- */

enum grebe_json_type {
    GREBE_JSON_NULL,
    GREBE_JSON_BOOL,
    GREBE_JSON_NUMBER,
    GREBE_JSON_STRING,
    GREBE_JSON_ARRAY,
    GREBE_JSON_OBJECT,
};

/* NULL is GREBE_JSON_NULL. */
GREBE_API enum grebe_json_type grebe_json_type(const struct grebe_json *value);

/* The member, or NULL if absent, null, or `object` is not an object. */
GREBE_API const struct grebe_json *grebe_json_member(const struct grebe_json *object,
                                                     const char *name);
GREBE_API size_t grebe_json_length(const struct grebe_json *array); /* 0 if no array */
GREBE_API const struct grebe_json *grebe_json_element(const struct grebe_json *array,
                                                      size_t i);
GREBE_API const char *grebe_json_string(const struct grebe_json *value); /* or NULL */

/* The members one by one, in their order: `after` is NULL for the first, then the name
 * that *name was set to, borrowed.  NULL: there are no more. */
GREBE_API const struct grebe_json *grebe_json_next_member(const struct grebe_json *object,
                                                          const char *after,
                                                          const char **name);
/* Whether a member called `written` is what grebe_json_member() finds as `name`: for those
 * who do not ignore what they do not know. */
GREBE_API bool grebe_json_is_name(const char *written, const char *name);

/* ---- Members of a type ---------------------------------------------------------------- */

GREBE_API int grebe_json_get_bool(const struct grebe_json *object, const char *name,
                                  bool *out, struct grebe_diag *diag) GREBE_MUST_CHECK;
GREBE_API int grebe_json_get_string(const struct grebe_json *object, const char *name,
                                    const char **out,
                                    struct grebe_diag *diag) GREBE_MUST_CHECK;
/* Numbers with a fraction or an exponent, and strings, are errors; so is a value outside
 * the type. */
GREBE_API int grebe_json_get_uint32(const struct grebe_json *object, const char *name,
                                    uint32_t *out,
                                    struct grebe_diag *diag) GREBE_MUST_CHECK;
GREBE_API int grebe_json_get_int64(const struct grebe_json *object, const char *name,
                                   int64_t *out,
                                   struct grebe_diag *diag) GREBE_MUST_CHECK;
GREBE_API int grebe_json_get_double(const struct grebe_json *object, const char *name,
                                    double *out,
                                    struct grebe_diag *diag) GREBE_MUST_CHECK;
/* "1.5s" in nanoseconds; values beyond 64 bits saturate. */
GREBE_API int grebe_json_get_duration(const struct grebe_json *object, const char *name,
                                      int64_t *out,
                                      struct grebe_diag *diag) GREBE_MUST_CHECK;
/* An object or array member; GREBE_ERR_CONFIG when it has another type. */
GREBE_API int grebe_json_get_object(const struct grebe_json *object, const char *name,
                                    const struct grebe_json **out,
                                    struct grebe_diag *diag) GREBE_MUST_CHECK;
GREBE_API int grebe_json_get_array(const struct grebe_json *object, const char *name,
                                   const struct grebe_json **out,
                                   struct grebe_diag *diag) GREBE_MUST_CHECK;

GREBE_END_DECLS

#endif
