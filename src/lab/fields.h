/* SPDX-License-Identifier: Apache-2.0 */
/* lab/fields.h -- the fields of a line of a script.
 *
 * A service config ignores what it does not know; a script does not, because what is
 * spelled wrong would silently do nothing.  Names are exact, too.  Otherwise the rules are
 * those of grebe/json.h, its errors too: "address: expected a string, found a number".
 *
 * All functions return GREBE_OK or GREBE_ERR_CONFIG, and then `diag` says what to mend, in
 * words that a path may stand in front of (grebe_diag_prefix()).
 */
#ifndef GREBE_LAB_FIELDS_H
#define GREBE_LAB_FIELDS_H

#include <stdbool.h>
#include <stdint.h>

#include <grebe/connectivity.h>
#include <grebe/json.h>
#include <grebe/status.h>

/* One line of JSON.  Errors name columns: lines are numbered better by the caller.  *out is
 * the caller's to free; GREBE_ERR_NOMEM as well. */
int lab_fields_parse(const char *text, size_t length, struct grebe_diag *diag,
                     const struct grebe_json **out);

/* Has `object` no other members than these?  `names` ends with NULL. */
int lab_fields_check(const struct grebe_json *object, const char *const *names,
                     struct grebe_diag *diag);

/* Text that must be there. */
int lab_fields_text(const struct grebe_json *object, const char *name, const char **out,
                    struct grebe_diag *diag);

/* A connectivity state by its name.  SHUTDOWN is none: it answers the policy's request. */
int lab_fields_state(const struct grebe_json *object, enum grebe_connectivity *out,
                     struct grebe_diag *diag);

/* "UNAVAILABLE", 14, or {"code": either, "message": "..."}; left alone if it is absent. */
int lab_fields_status(const struct grebe_json *object, struct grebe_status *out,
                      struct grebe_diag *diag);

/* Milliseconds from 0 to `max_ms`, decimals allowed, rounded to whole microseconds and
 * given in nanoseconds.  `out` is left alone if it is absent; *is_there says so. */
int lab_fields_ms(const struct grebe_json *object, const char *name, double max_ms,
                  uint64_t *out, bool *is_there, struct grebe_diag *diag);

#endif
