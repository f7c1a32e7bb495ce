/* SPDX-License-Identifier: Apache-2.0 */
#include "h2/response.h"

#include <string.h>

#include "base/assert.h"
#include "base/text.h"
#include "core/metadata.h"
#include "h2/codes.h"
#include "h2/details.h"

/* More than these is no server, but a flood. */
enum { INFORMATIONAL_MAX = 16 };

struct grebe__http_body {
    int http_code;
    bool has_content_type;
    char content_type[GREBE__QUOTE_MAX + 1];
    size_t length;
    unsigned char bytes[GREBE__BODY_MAX];
};

void grebe__verdict_init(struct grebe__verdict *verdict, const struct grebe_mem *mem)
{
    verdict->action = GREBE__RESPONSE_NOTHING;
    verdict->has_reset = false;
    verdict->is_from_server = false;
    grebe__status_init(&verdict->status, mem);
}

void grebe__verdict_fini(struct grebe__verdict *verdict)
{
    grebe__status_fini(&verdict->status);
}

void grebe__response_init(struct grebe__response *response)
{
    response->state = GREBE__RESPONSE_WAIT_HEADERS;
    response->n_informational = 0;
    response->encoding[0] = '\0';
    response->body = NULL;
}

void grebe__response_fini(struct grebe__response *response, const struct grebe_mem *mem)
{
    grebe_mem_free(mem, response->body);
    response->body = NULL;
}

static void end(struct grebe__response *response, struct grebe__verdict *verdict)
{
    response->state = GREBE__RESPONSE_DONE;
    verdict->action = GREBE__RESPONSE_END;
}

static void end_with_reset(struct grebe__response *response,
                           struct grebe__verdict *verdict, uint32_t reset_code)
{
    end(response, verdict);
    verdict->has_reset = true;
    verdict->reset_code = reset_code;
}

static void reset(struct grebe__response *response, struct grebe__verdict *verdict)
{
    end_with_reset(response, verdict, GREBE__H2_PROTOCOL_ERROR);
}

/* ---- HTTP instead of gRPC ---------------------------------------------------------- */

static void describe_code(struct grebe__text *text, int http_code)
{
    grebe__text_printf(text, "unexpected HTTP status code received from server: %d",
                       http_code);
    if (grebe__http_reason(http_code)[0] != '\0')
        grebe__text_printf(text, " (%s)", grebe__http_reason(http_code));
}

static void describe_answer(struct grebe__text *text, int http_code,
                            bool has_content_type, const char *content_type)
{
    describe_code(text, http_code);
    if (has_content_type) {
        grebe__text_printf(text, "; unexpected content-type \"");
        grebe__text_append_escaped(text, content_type, strlen(content_type));
        grebe__text_printf(text, "\"");
    } else {
        grebe__text_printf(text, "; no content-type");
    }
}

static void set_http_status(struct grebe__verdict *verdict, int http_code,
                            const struct grebe__text *text)
{
    struct grebe_status view = {
        .code = grebe__http_status(http_code),
        .message = text->buf,
        .message_length = text->length,
    };

    grebe__status_copy(&verdict->status, &view);
}

static void finish_http(struct grebe__response *response, bool is_over,
                        struct grebe__verdict *verdict)
{
    const struct grebe__http_body *body = response->body;
    char buf[GREBE__VERDICT_TEXT_MAX];
    struct grebe__text text = grebe__text_init(buf, sizeof buf);

    describe_answer(&text, body->http_code, body->has_content_type, body->content_type);
    grebe__text_printf(&text, "\ndata: \"");
    grebe__text_append_escaped(&text, body->bytes, body->length);
    grebe__text_printf(&text, "\"");
    set_http_status(verdict, body->http_code, &text);
    if (is_over)
        end(response, verdict);
    else
        reset(response, verdict);
}

/* The body may say who answers in the server's place: wait for some of it. */
static void begin_http(struct grebe__response *response,
                       const struct grebe__header_block *block,
                       struct grebe__verdict *verdict)
{
    struct grebe__http_body *body = NULL;
    char buf[GREBE__VERDICT_TEXT_MAX];
    struct grebe__text text = grebe__text_init(buf, sizeof buf);

    if (block->metadata != NULL)
        grebe__metadata_clear(block->metadata);
    if (!block->has_http_code) {
        grebe__status_set_static(&verdict->status, GREBE_STATUS_INTERNAL,
                                 "the response has no HTTP status code");
        reset(response, verdict);
        return;
    }
    if (!block->is_end)
        body = grebe_mem_alloc(block->mem, sizeof *body);
    if (body != NULL) {
        body->http_code = block->http_code;
        body->has_content_type = block->has_content_type;
        memcpy(body->content_type, block->content_type, sizeof body->content_type);
        body->length = 0;
        response->body = body;
        response->state = GREBE__RESPONSE_NON_GRPC;
        return;
    }
    describe_answer(&text, block->http_code, block->has_content_type,
                    block->content_type);
    set_http_status(verdict, block->http_code, &text);
    if (block->is_end)
        end(response, verdict);
    else
        reset(response, verdict);
}

void grebe__response_body(struct grebe__response *response, const void *bytes,
                          size_t length, struct grebe__verdict *verdict)
{
    struct grebe__http_body *body = response->body;
    size_t n;

    GREBE_ASSERT(response->state == GREBE__RESPONSE_NON_GRPC);
    n = length < GREBE__BODY_MAX - body->length ? length : GREBE__BODY_MAX - body->length;
    memcpy(body->bytes + body->length, bytes, n);
    body->length += n;
    if (body->length == GREBE__BODY_MAX)
        finish_http(response, false, verdict);
}

void grebe__response_data_end(struct grebe__response *response,
                              struct grebe__verdict *verdict)
{
    if (response->state == GREBE__RESPONSE_NON_GRPC) {
        finish_http(response, true, verdict);
        return;
    }
    grebe__status_set_static(&verdict->status, GREBE_STATUS_INTERNAL,
                             "server closed the stream without sending trailers");
    end(response, verdict);
}

/* ---- Trailers ---------------------------------------------------------------------- */

/* Code and message of the details must be those of the trailers; their message is not
 * limited by what a header can carry, and wins.  Details that cannot be read, or that
 * come twice, count for nothing. */
static bool apply_details(const struct grebe__header_block *block,
                          struct grebe_status *status)
{
    const struct grebe_metadata_entry *entry =
        block->n_details == 1 ? grebe_metadata_at(block->metadata, block->details_at)
                              : NULL;
    struct grebe__details details;

    if (entry == NULL ||
        !grebe__details_read(entry->value, entry->value_length, &details))
        return true;
    if (details.code != status->code)
        return false;
    status->message = details.message;
    status->message_length = details.message_length;
    status->details = entry->value;
    status->details_length = entry->value_length;
    return true;
}

static void read_trailers(const struct grebe__header_block *block,
                          struct grebe__verdict *verdict)
{
    struct grebe_status status = grebe_status_of(GREBE_STATUS_UNKNOWN, "");

    if (block->status_field == GREBE__GRPC_STATUS_VALID)
        status.code = block->status;
    if (block->message != NULL) {
        status.message = block->message;
        status.message_length = block->message_length;
    }
    if (!apply_details(block, &status)) {
        grebe__status_set_static(
            &verdict->status, GREBE_STATUS_INTERNAL,
            "details mismatch: grpc-status-details-bin has another code than grpc-status");
        return;
    }
    verdict->is_from_server = true;
    grebe__status_copy(&verdict->status, &status);
}

/* A proxy that speaks for a gRPC server but does not know gRPC's own codes. */
static bool is_proxy_error(const struct grebe__response *response,
                           const struct grebe__header_block *block)
{
    return response->state == GREBE__RESPONSE_WAIT_HEADERS &&
           block->status_field == GREBE__GRPC_STATUS_ABSENT && block->http_code != 200;
}

static void finish_trailers(struct grebe__response *response,
                            const struct grebe__header_block *block,
                            struct grebe__verdict *verdict)
{
    if (is_proxy_error(response, block)) {
        char buf[128];
        struct grebe__text text = grebe__text_init(buf, sizeof buf);

        describe_code(&text, block->http_code);
        set_http_status(verdict, block->http_code, &text);
    } else {
        read_trailers(block, verdict);
    }
    end(response, verdict);
}

/* ---- Blocks ------------------------------------------------------------------------ */

static void skip_informational(struct grebe__response *response,
                               const struct grebe__header_block *block,
                               struct grebe__verdict *verdict)
{
    if (block->is_end) {
        grebe__status_set(&verdict->status, GREBE_STATUS_INTERNAL,
                          "the response ends with informational HTTP status %d",
                          block->http_code);
        reset(response, verdict);
    } else if (++response->n_informational > INFORMATIONAL_MAX) {
        grebe__status_set(&verdict->status, GREBE_STATUS_INTERNAL,
                          "more than %d informational responses", INFORMATIONAL_MAX);
        reset(response, verdict);
    }
}

/* What is wrong with the fields themselves; true if something is. */
static bool is_malformed(struct grebe__response *response,
                         const struct grebe__header_block *block,
                         struct grebe__verdict *verdict)
{
    if (block->is_out_of_memory) {
        grebe__status_set_static(&verdict->status, GREBE_STATUS_RESOURCE_EXHAUSTED,
                                 "out of memory for response metadata");
        end_with_reset(response, verdict, GREBE__H2_CANCEL);
        return true;
    }
    if (block->malformed[0] != '\0')
        grebe__status_set(&verdict->status, GREBE_STATUS_INTERNAL, "malformed %s",
                          block->malformed);
    else if (block->status_field == GREBE__GRPC_STATUS_MALFORMED)
        grebe__status_set_static(&verdict->status, GREBE_STATUS_UNKNOWN,
                                 "malformed grpc-status");
    else
        return false;
    reset(response, verdict);
    return true;
}

void grebe__response_block(struct grebe__response *response,
                           const struct grebe__header_block *block,
                           struct grebe__verdict *verdict)
{
    bool is_first = response->state == GREBE__RESPONSE_WAIT_HEADERS;

    GREBE_ASSERT(response->state != GREBE__RESPONSE_DONE);
    if (response->state == GREBE__RESPONSE_NON_GRPC) {
        if (block->is_end)
            finish_http(response, true, verdict);
    } else if (!is_first && !block->is_end) {
        grebe__status_set_static(&verdict->status, GREBE_STATUS_INTERNAL,
                                 "HEADERS in the middle of a stream");
        reset(response, verdict);
    } else if (is_first && grebe__header_block_is_informational(block)) {
        skip_informational(response, block, verdict);
    } else if (is_first && !block->is_grpc) {
        begin_http(response, block, verdict);
    } else if (is_malformed(response, block, verdict)) {
        return;
    } else if (block->is_end) {
        finish_trailers(response, block, verdict);
    } else {
        memcpy(response->encoding, block->encoding, sizeof response->encoding);
        response->state = GREBE__RESPONSE_OPEN;
        verdict->action = GREBE__RESPONSE_HEADERS;
    }
}
