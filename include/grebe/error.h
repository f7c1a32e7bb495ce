/* SPDX-License-Identifier: Apache-2.0 */
/* grebe/error.h -- why this library could not do what it was asked.
 *
 * Two vocabularies never mix.  An `int` result is GREBE_OK or a negative GREBE_ERR_*: the
 * library could not.  A `struct grebe_status` (grebe/status.h) says how a call ended.
 *
 * Threading   Any thread.
 */
#ifndef GREBE_ERROR_H
#define GREBE_ERROR_H

#include <stddef.h>

#include <grebe/attr.h>

GREBE_BEGIN_DECLS

/* One list gives the enum, the names and the texts. */
#define GREBE_ERROR_MAP(X)                                                               \
    X(NOMEM, -1, "out of memory")                                                        \
    X(INVALID, -2, "invalid argument")                                                   \
    X(CLOSED, -3, "the object is closed")                                                \
    X(BAD_RESOLVER_STATE, -4, "bad resolver state")                                      \
    X(TIMEOUT, -5, "timed out")                                                          \
    X(DEADLOCK, -6, "a blocking function was called on the thread that runs the loop")   \
    X(FORKED, -7, "the object was made before fork(); make a new one in the child")      \
    X(CONFIG, -8, "invalid configuration")                                               \
    X(TARGET, -9, "invalid target")                                                      \
    X(TLS, -10, "TLS error")                                                             \
    X(SYSTEM, -11, "operating system error")                                             \
    X(BUSY, -12, "another thread runs the loop")                                         \
    X(UNSUPPORTED, -13, "not supported")                                                 \
    X(TOO_LARGE, -14, "a limit was exceeded")                                            \
    X(NOT_FOUND, -15, "there is no such object")

enum grebe_error {
    GREBE_OK = 0,
#define GREBE_ERROR_ENUM(name, number, text) GREBE_ERR_##name = (number),
    GREBE_ERROR_MAP(GREBE_ERROR_ENUM)
#undef GREBE_ERROR_ENUM
};

/* A sentence fragment for `error`, lower case, no full stop; never NULL. */
GREBE_API const char *grebe_strerror(int error);

/* "GREBE_ERR_NOMEM" and so on; "GREBE_ERR_UNKNOWN" for a number that is none. */
GREBE_API const char *grebe_error_name(int error);

/* Where and why: the text that goes with a GREBE_ERR_* result.  The caller's memory; a
 * function that takes one writes it whenever it fails, and only then.  NULL is accepted
 * everywhere. */
struct grebe_diag {
    char text[512]; /* NUL-terminated, cut where it does not fit */
};

/* Writes the text of `diag`.  For parsers in plug-ins. */
GREBE_API void grebe_diag_set(struct grebe_diag *diag, const char *format, ...)
    GREBE_PRINTF(2, 3);

/* Puts a path element in front: "maxAttempts: 1 is less than 2" becomes
 * "retryPolicy.maxAttempts: 1 is less than 2"; what
 * starts with '[' or ':' is joined without the dot. */
GREBE_API void grebe_diag_prefix(struct grebe_diag *diag, const char *format, ...)
    GREBE_PRINTF(2, 3);

GREBE_END_DECLS

#endif
