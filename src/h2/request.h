/* SPDX-License-Identifier: Apache-2.0 */
/* h2/request.h -- the header fields that open a stream.
 *
 * Text is borrowed wherever it outlives the HEADERS frame: from the stream, from the
 * session, from static storage.  Only what is made for the occasion (a timeout, base64)
 * stands in the request's own memory, which nghttp2 copies.
 *
 * Sources     gRPC over HTTP/2, "Requests"; the order is that of the text.
 */
#ifndef GREBE_H2_REQUEST_H
#define GREBE_H2_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <nghttp2/nghttp2.h>

#include "base/pool.h"
#include "core/transport.h"

enum { GREBE__REQUEST_FIELDS = 24, GREBE__REQUEST_TEXT = 256 };

struct grebe__request {
    struct grebe__pool *pool;
    nghttp2_nv *fields; /* `usual_fields` unless there are more */
    char *text;         /* likewise */
    size_t n_fields;
    size_t n_text;
    size_t list_bytes; /* RFC 9113 6.5.2: names, values, and 32 for each field */
    nghttp2_nv usual_fields[GREBE__REQUEST_FIELDS];
    char usual_text[GREBE__REQUEST_TEXT];
};

/* What all requests of a connection have in common; outlives their HEADERS. */
struct grebe__request_base {
    const char *authority;
    const char *user_agent;
    size_t authority_length;
    size_t user_agent_length;
    bool is_tls;
};

/* GREBE_ERR_NOMEM.  `left_ns` is what is left of the deadline, UINT64_MAX if there is
 * none; never 0. */
int grebe__request_init(struct grebe__request *request, struct grebe__pool *pool,
                        const struct grebe__request_base *base,
                        const struct grebe__stream *stream, uint64_t left_ns);
void grebe__request_fini(struct grebe__request *request);

#endif
