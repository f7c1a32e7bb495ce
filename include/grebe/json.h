/* SPDX-License-Identifier: Apache-2.0 */
/* grebe/json.h -- how a policy reads its part of a service config.
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

GREBE_BEGIN_DECLS

struct grebe_json;

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
