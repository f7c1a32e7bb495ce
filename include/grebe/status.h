/* SPDX-License-Identifier: Apache-2.0 */
/* grebe/status.h -- how a call ended, and why.
 *
 * Threading   A status is immutable once it is visible; read it from any thread.
 * Sources     gRPC status codes; gRFC A54 (codes the control plane may not use).
 */
#ifndef GREBE_STATUS_H
#define GREBE_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <grebe/attr.h>
#include <grebe/connectivity.h>

GREBE_BEGIN_DECLS

/* One list gives the enum and the names.  CANCELLED has two L's wherever it is text. */
#define GREBE_STATUS_MAP(X)                                                              \
    X(OK, 0)                                                                             \
    X(CANCELLED, 1)                                                                      \
    X(UNKNOWN, 2)                                                                        \
    X(INVALID_ARGUMENT, 3)                                                               \
    X(DEADLINE_EXCEEDED, 4)                                                              \
    X(NOT_FOUND, 5)                                                                      \
    X(ALREADY_EXISTS, 6)                                                                 \
    X(PERMISSION_DENIED, 7)                                                              \
    X(RESOURCE_EXHAUSTED, 8)                                                             \
    X(FAILED_PRECONDITION, 9)                                                            \
    X(ABORTED, 10)                                                                       \
    X(OUT_OF_RANGE, 11)                                                                  \
    X(UNIMPLEMENTED, 12)                                                                 \
    X(INTERNAL, 13)                                                                      \
    X(UNAVAILABLE, 14)                                                                   \
    X(DATA_LOSS, 15)                                                                     \
    X(UNAUTHENTICATED, 16)

/* A peer may send numbers beyond 16: they are kept as they came. */
enum grebe_status_code {
#define GREBE_STATUS_ENUM(name, number) GREBE_STATUS_##name = (number),
    GREBE_STATUS_MAP(GREBE_STATUS_ENUM)
#undef GREBE_STATUS_ENUM
};

/* "UNAVAILABLE"; for a number without a name "CODE(n)", written to `buf`. */
GREBE_API const char *grebe_status_code_name(int code, char buf[24]);

/* The number of a canonical name, compared without case; -1 if there is none. */
GREBE_API int grebe_status_code_parse(const char *name);

struct grebe_failure;

struct grebe_status {
    int code;              /* a grebe_status_code, or a peer's own number */
    const char *message;   /* NUL-terminated, never NULL; may hold NULs of its own */
    size_t message_length; /* without the terminator */
    const void *details;   /* grpc-status-details-bin as it came, or NULL */
    size_t details_length;
    const struct grebe_failure
        *failure; /* what the channel knew; NULL unless it failed */
};

/* A status that borrows `message`.  For policies and resolvers. */
static inline struct grebe_status grebe_status_of(int code, const char *message)
{
    struct grebe_status status = {code, message, strlen(message), NULL, 0, NULL};

    return status;
}

/* What the channel knew when a call failed for want of a backend: the state of name
 * resolution and, for each address, its last error and when it is tried again. */
struct grebe_failure_resolver {
    bool has_result;        /* an update was accepted */
    uint64_t result_age_ns; /* valid if has_result */
    size_t n_endpoints;     /* in that update */
    const char *last_error; /* or why it found no endpoints; NULL if it went well */
    uint64_t error_age_ns;  /* valid if last_error */
    bool has_next_attempt;  /* it is known when the resolver asks again */
    uint64_t
        next_attempt_ns; /* from the moment of the failure; valid if has_next_attempt */
};

struct grebe_failure_address {
    const char *address;
    enum grebe_connectivity state;
    const char *last_error; /* NULL if it never failed */
    uint64_t error_age_ns;  /* valid if last_error */
    bool has_next_attempt;  /* a backoff timer runs */
    uint64_t
        next_attempt_ns; /* from the moment of the failure; valid if has_next_attempt */
    /* What its health service says: "NOT_SERVING", "no answer yet", "unimplemented", or
     * why it could not be asked; NULL: it is not asked. */
    const char *health;
};

/* Borrowed from `failure`. */
GREBE_API const struct grebe_failure_resolver *
grebe_failure_resolver(const struct grebe_failure *failure);

/* How many addresses are described; at most 64.  `omitted` (may be NULL) says how many
 * more there were. */
GREBE_API size_t grebe_failure_n_addresses(const struct grebe_failure *failure,
                                           size_t *omitted);

/* `i` counts from 0; NULL beyond the end.  Borrowed from `failure`. */
GREBE_API const struct grebe_failure_address *
grebe_failure_address(const struct grebe_failure *failure, size_t i);

/* The same as one paragraph of text, cut to `size` bytes with a NUL.  Returns the length
 * it would have had, as snprintf does. */
GREBE_API size_t grebe_failure_format(const struct grebe_failure *failure, char *buf,
                                      size_t size);

GREBE_END_DECLS

#endif
