/* SPDX-License-Identifier: Apache-2.0 */
/* h2/response.h -- what the answer to a call means, step by step.
 *
 *   WAIT_HEADERS --gRPC headers--> OPEN --trailers--> DONE
 *        |  \----trailers only-------------------------^
 *        \--not gRPC--> NON_GRPC --body, or its end----^
 *
 * Each function takes one thing that arrived and gives a verdict.  Nothing here knows of
 * frames or sessions.  A stream that is DONE is not asked again.
 *
 * Sources     gRPC over HTTP/2, "Responses"; "HTTP to gRPC status code mapping".  Where
 *             they leave room, grpc-go decides, except: 1xx is looked at before the
 *             content-type, the first of repeated fields counts, ill-formed UTF-8 is
 *             repaired, and a Trailers-Only answer without grpc-status uses :status.
 */
#ifndef GREBE_H2_RESPONSE_H
#define GREBE_H2_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"
#include "h2/header_block.h"

enum grebe__response_state {
    GREBE__RESPONSE_WAIT_HEADERS,
    GREBE__RESPONSE_OPEN,
    GREBE__RESPONSE_NON_GRPC,
    GREBE__RESPONSE_DONE,
};

/* Of an HTTP answer so much is kept, for people to recognise it. */
enum { GREBE__BODY_MAX = 1024 };

struct grebe__http_body; /* the beginning of what an HTTP server said */

struct grebe__response {
    enum grebe__response_state state;
    uint16_t n_informational;
    char encoding[GREBE__ENCODING_MAX + 1]; /* of grpc-encoding; "" if absent */
    struct grebe__http_body *body;          /* in NON_GRPC */
};

enum grebe__response_action {
    GREBE__RESPONSE_NOTHING,
    GREBE__RESPONSE_HEADERS, /* initial metadata is complete */
    GREBE__RESPONSE_END,     /* the call ends with `status` */
};

struct grebe__verdict {
    enum grebe__response_action action;
    bool has_reset;      /* RST_STREAM is due ... */
    uint32_t reset_code; /* ... with this HTTP/2 error code */
    bool is_from_server; /* `status` is what the server said, word for word */
    struct grebe__status status;
};

/* Bytes of a message that is not from the server, its NUL included, at most. */
enum { GREBE__VERDICT_TEXT_MAX = 256 + 4 * GREBE__QUOTE_MAX + 4 * GREBE__BODY_MAX };

void grebe__verdict_init(struct grebe__verdict *verdict, const struct grebe_mem *mem);
void grebe__verdict_fini(struct grebe__verdict *verdict);

void grebe__response_init(struct grebe__response *response);
void grebe__response_fini(struct grebe__response *response, const struct grebe_mem *mem);

/* A whole header block.  In a verdict, the details of a status are borrowed from
 * block->metadata. */
void grebe__response_block(struct grebe__response *response,
                           const struct grebe__header_block *block,
                           struct grebe__verdict *verdict);

/* Bytes of DATA in NON_GRPC; those of OPEN are for the deframer. */
void grebe__response_body(struct grebe__response *response, const void *bytes,
                          size_t length, struct grebe__verdict *verdict);

/* DATA with END_STREAM: no trailers will come. */
void grebe__response_data_end(struct grebe__response *response,
                              struct grebe__verdict *verdict);

#endif
