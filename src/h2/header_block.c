/* SPDX-License-Identifier: Apache-2.0 */
#include "h2/header_block.h"

#include <string.h>

#include <grebe/error.h>

#include "base/base64.h"
#include "base/text.h"
#include "core/metadata.h"
#include "h2/grpc_message.h"

enum { SMALL_VALUE = 512 };

void grebe__header_block_begin(struct grebe__header_block *block,
                               const struct grebe_mem *mem,
                               struct grebe_metadata *metadata, bool is_end)
{
    block->mem = mem;
    block->metadata = metadata;
    block->is_end = is_end;
    block->is_out_of_memory = false;
    block->has_http_code = false;
    block->has_content_type = false;
    block->is_grpc = false;
    block->has_message = false;
    block->status_field = GREBE__GRPC_STATUS_ABSENT;
    block->http_code = 0;
    block->n_details = 0;
    block->message = NULL;
    block->encoding[0] = '\0';
    block->content_type[0] = '\0';
    block->malformed[0] = '\0';
}

void grebe__header_block_fini(struct grebe__header_block *block)
{
    grebe_mem_free(block->mem, block->message);
    block->message = NULL;
}

static bool is(const char *name, const char *expected, size_t length)
{
    return memcmp(name, expected, length) == 0;
}

/* As much of a peer's text as fits, with a NUL. */
static void copy_cut(char *out, size_t max, const char *text, size_t length)
{
    size_t n = length < max ? length : max;

    memcpy(out, text, n);
    out[n] = '\0';
}

static void note(struct grebe__header_block *block, int result)
{
    if (result != GREBE_OK)
        block->is_out_of_memory = true;
}

/* ---- Fields with a meaning --------------------------------------------------------- */

static void read_http_code(struct grebe__header_block *block, const char *value,
                           size_t length)
{
    uint64_t code;

    if (!grebe__parse_u64(value, length, &code) || code > 999)
        return;
    block->has_http_code = true;
    block->http_code = (int)code;
    /* An informational answer leaves nothing behind (RFC 9110 15.2). */
    if (grebe__header_block_is_informational(block))
        block->metadata = NULL;
}

/* The first one counts.  At most INT32_MAX: the code is an int32 everywhere else. */
static void read_status(struct grebe__header_block *block, const char *value,
                        size_t length)
{
    uint64_t status;

    if (block->status_field != GREBE__GRPC_STATUS_ABSENT)
        return;
    if (!grebe__parse_u64(value, length, &status) || status > INT32_MAX) {
        block->status_field = GREBE__GRPC_STATUS_MALFORMED;
        return;
    }
    block->status_field = GREBE__GRPC_STATUS_VALID;
    block->status = (int32_t)status;
}

static void read_message(struct grebe__header_block *block, const char *value,
                         size_t length)
{
    if (block->has_message || block->metadata == NULL)
        return;
    block->has_message = true;
    if (length == 0)
        return;
    block->message =
        grebe__grpc_message_decode(block->mem, value, length, &block->message_length);
    if (block->message == NULL)
        block->is_out_of_memory = true;
}

static const char grpc_type[] = "application/grpc";

static bool is_grpc_type(const char *value, size_t length)
{
    const size_t n = sizeof grpc_type - 1;

    return length >= n && grebe__ascii_equal_fold(value, n, grpc_type) &&
           (length == n || value[n] == '+' || value[n] == ';');
}

static void read_content_type(struct grebe__header_block *block, const char *value,
                              size_t length)
{
    bool is_usual = length == sizeof grpc_type - 1 && is(value, grpc_type, length);

    if (block->has_content_type)
        return;
    block->has_content_type = true;
    block->is_grpc = is_usual || is_grpc_type(value, length);
    if (!block->is_grpc)
        copy_cut(block->content_type, GREBE__QUOTE_MAX, value, length);
    if (block->metadata == NULL)
        return;
    if (is_usual)
        note(block, grebe__metadata_append_static(block->metadata, "content-type", 12,
                                                  grpc_type, length));
    else
        note(block,
             grebe__metadata_append(block->metadata, "content-type", 12, value, length));
}

/* ---- Custom metadata --------------------------------------------------------------- */

static bool is_details(const char *name, size_t length)
{
    return length == 23 && is(name, "grpc-status-details-bin", 23);
}

/* One base64 value of a "-bin" key.  False if it is none. */
static bool append_binary(struct grebe__header_block *block, const char *name,
                          size_t name_length, const char *text, size_t length)
{
    unsigned char small[SMALL_VALUE], *bytes = small;
    size_t room = length / 4 * 3 + 3, n_bytes;
    bool is_valid;

    if (room > sizeof small)
        bytes = grebe_mem_alloc(block->mem, room);
    if (bytes == NULL) {
        block->is_out_of_memory = true;
        return true;
    }
    is_valid = grebe__base64_decode(text, length, bytes, &n_bytes);
    if (is_valid) {
        if (is_details(name, name_length) && block->n_details++ == 0)
            block->details_at = (uint32_t)grebe_metadata_count(block->metadata);
        note(block,
             grebe__metadata_append(block->metadata, name, name_length, bytes, n_bytes));
    }
    if (bytes != small)
        grebe_mem_free(block->mem, bytes);
    return is_valid;
}

/* A field of a "-bin" key may hold several values with commas between them. */
static void read_binary(struct grebe__header_block *block, const char *name,
                        size_t name_length, const char *value, size_t length)
{
    for (bool is_last = false; !is_last && block->malformed[0] == '\0';) {
        const char *comma = length == 0 ? NULL : memchr(value, ',', length);
        size_t n = comma == NULL ? length : (size_t)(comma - value);
        const char *start = value, *end = value + n;

        while (start < end && *start == ' ')
            start++;
        while (end > start && end[-1] == ' ')
            end--;
        if (!append_binary(block, name, name_length, start, (size_t)(end - start)))
            copy_cut(block->malformed, GREBE__QUOTE_MAX, name, name_length);
        is_last = comma == NULL;
        if (!is_last) {
            value += n + 1;
            length -= n + 1;
        }
    }
}

static void read_custom(struct grebe__header_block *block, const char *name,
                        size_t name_length, const char *value, size_t value_length)
{
    if (block->metadata == NULL)
        return;
    if (grebe__metadata_key_is_binary(name, name_length))
        read_binary(block, name, name_length, value, value_length);
    else
        note(block, grebe__metadata_append(block->metadata, name, name_length, value,
                                           value_length));
}

/* ---- All fields -------------------------------------------------------------------- */

void grebe__header_block_field(struct grebe__header_block *block, const char *name,
                               size_t name_length, const char *value, size_t value_length)
{
    switch (name_length) {
    case 2:
        if (is(name, "te", 2))
            return;
        break;
    case 7:
        if (is(name, ":status", 7)) {
            read_http_code(block, value, value_length);
            return;
        }
        break;
    case 11:
        if (is(name, "grpc-status", 11)) {
            read_status(block, value, value_length);
            return;
        }
        break;
    case 12:
        if (is(name, "content-type", 12)) {
            read_content_type(block, value, value_length);
            return;
        }
        if (is(name, "grpc-message", 12)) {
            read_message(block, value, value_length);
            return;
        }
        if (is(name, "grpc-timeout", 12))
            return;
        break;
    case 13:
        if (is(name, "grpc-encoding", 13)) {
            copy_cut(block->encoding, GREBE__ENCODING_MAX, value, value_length);
            return;
        }
        break;
    case 17:
        if (is(name, "grpc-message-type", 17))
            return;
        break;
    default:
        break;
    }
    if (name_length > 0 && name[0] != ':')
        read_custom(block, name, name_length, value, value_length);
}

void grebe__header_block_invalid_field(struct grebe__header_block *block,
                                       const char *name, size_t name_length)
{
    if (name_length == 11 && is(name, "grpc-status", 11) &&
        block->status_field == GREBE__GRPC_STATUS_ABSENT)
        block->status_field = GREBE__GRPC_STATUS_MALFORMED;
}
