/* SPDX-License-Identifier: Apache-2.0 */
/* h2/header_block.h -- the fields of one response header block, as they arrive.
 *
 * A block is collected field by field and judged when it is whole (h2/response.h).  Blocks
 * of a connection follow each other without overlap, so one collector serves all streams.
 *
 * Sources     gRPC over HTTP/2, "Responses" and "Custom-Metadata".
 */
#ifndef GREBE_H2_HEADER_BLOCK_H
#define GREBE_H2_HEADER_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <grebe/metadata.h>

enum {
    GREBE__ENCODING_MAX = 15,
    GREBE__QUOTE_MAX = 63, /* of a peer's text that goes into a message */
};

enum grebe__grpc_status_field {
    GREBE__GRPC_STATUS_ABSENT,
    GREBE__GRPC_STATUS_VALID,
    GREBE__GRPC_STATUS_MALFORMED,
};

struct grebe__header_block {
    const struct grebe_mem *mem;
    struct grebe_metadata *metadata; /* custom fields go here; NULL: nowhere */
    bool is_end;                     /* the frame has END_STREAM */
    bool is_out_of_memory;
    bool has_http_code; /* :status is there and a number */
    bool has_content_type;
    bool is_grpc; /* and it is application/grpc */
    bool has_message;
    enum grebe__grpc_status_field status_field;
    int32_t status;      /* valid if the field is */
    int http_code;       /* 0 if there is none */
    uint32_t n_details;  /* values of grpc-status-details-bin */
    uint32_t details_at; /* the first of them, in `metadata` */
    char *message;       /* of grpc-message, decoded; ours; NULL if there is none */
    size_t message_length;
    char encoding[GREBE__ENCODING_MAX + 1];  /* "" if there is none */
    char content_type[GREBE__QUOTE_MAX + 1]; /* if it is not gRPC's */
    char malformed[GREBE__QUOTE_MAX + 1];    /* key of a bad "-bin" value, or "" */
};

/* `metadata` gets the custom fields; NULL if nobody wants them. */
void grebe__header_block_begin(struct grebe__header_block *block,
                               const struct grebe_mem *mem,
                               struct grebe_metadata *metadata, bool is_end);
void grebe__header_block_fini(struct grebe__header_block *block);

/* Text is copied.  Nothing can go wrong here: what is wrong is noted. */
void grebe__header_block_field(struct grebe__header_block *block, const char *name,
                               size_t name_length, const char *value,
                               size_t value_length);

/* A field whose value HTTP does not allow, and which is therefore dropped. */
void grebe__header_block_invalid_field(struct grebe__header_block *block,
                                       const char *name, size_t name_length);

static inline bool
grebe__header_block_is_informational(const struct grebe__header_block *block)
{
    return block->has_http_code && block->http_code >= 100 && block->http_code < 200;
}

#endif
