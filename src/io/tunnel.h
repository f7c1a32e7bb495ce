/* SPDX-License-Identifier: Apache-2.0 */
/* io/tunnel.h -- asking an HTTP proxy for a tunnel: what is said, and what the answer means.
 *
 *   CONNECT host:443 HTTP/1.1        -->
 *                                    <--   HTTP/1.1 200 Connection established
 *   from here on bytes of the other end, in both directions
 *
 * No I/O.  The answer is read as it comes, and nothing of it is kept but its status.
 *
 * Bounds      16 KiB of answer, interim answers included; time is the caller's business.
 * Sources     RFC 9110 9.3.6 (CONNECT), 15.2 (1xx); RFC 9112 4 (the status line).
 */
#ifndef GREBE_IO_TUNNEL_H
#define GREBE_IO_TUNNEL_H

#include <stdbool.h>
#include <stddef.h>

#include <grebe/mem.h>

enum {
    GREBE__TUNNEL_ANSWER_MAX = 16 * 1024,
    GREBE__TUNNEL_ERROR_BYTES = 160,
};

struct grebe__tunnel {
    bool has_authorization; /* was sent */
    size_t n_bytes;         /* of the answer, so far */
    bool is_in_fields;      /* the status line is complete */
    char line[128];         /* of the status; what does not fit is not kept */
    size_t line_length;     /* what it would be; of a field: whether there was any byte */
    int code;
    char error[GREBE__TUNNEL_ERROR_BYTES];
};

enum grebe__tunnel_result {
    GREBE__TUNNEL_WANTS_INPUT,
    GREBE__TUNNEL_OPEN,
    GREBE__TUNNEL_FAILED, /* `error` says why */
};

/* The request, with its length; the caller's to free.  `destination` is "host:port" and
 * must have passed grebe__tunnel_is_destination(); `authorization` may be NULL.  NULL: out
 * of memory. */
char *grebe__tunnel_request(const struct grebe_mem *mem, const char *destination,
                            const char *authorization, const char *user_agent,
                            size_t *length);

/* Nothing in it could be taken for the end of the request line. */
bool grebe__tunnel_is_destination(const char *text);

void grebe__tunnel_init(struct grebe__tunnel *tunnel, bool has_authorization);

/* Bytes of the answer; *used of them belong to it, the others came through the tunnel. */
enum grebe__tunnel_result grebe__tunnel_read(struct grebe__tunnel *tunnel,
                                             const void *bytes, size_t length,
                                             size_t *used);

#endif
