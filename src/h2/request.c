/* SPDX-License-Identifier: Apache-2.0 */
#include "h2/request.h"

#include <string.h>

#include <grebe/error.h>

#include "base/base64.h"
#include "base/text.h"
#include "core/metadata.h"
#include "h2/codes.h"
#include "h2/grpc_timeout.h"

enum {
    OWN_FIELDS = 9,   /* at most: of the library itself */
    DECIMAL_MAX = 10, /* digits of a uint32_t */

    COPY_NONE = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE,
    COPY_VALUE = NGHTTP2_NV_FLAG_NO_COPY_NAME,
    /* A value that is different in every call would only push the others out of the
     * header table; a secret one must not enter it (RFC 7541 7.1.3). */
    NEVER_INDEX = NGHTTP2_NV_FLAG_NO_INDEX,
};

static const char grpc_content_type[] = "application/grpc";

/* ---- Names ------------------------------------------------------------------------- */

static bool is(const char *name, const char *expected, size_t length)
{
    return memcmp(name, expected, length) == 0;
}

/* What the application may not set: dropped without a word, as other gRPC libraries do. */
static bool is_reserved(const char *name, size_t length)
{
    if (length > 0 && name[0] == ':')
        return true;
    switch (length) {
    case 2:
        return is(name, "te", 2);
    case 10:
        return is(name, "user-agent", 10);
    case 11:
        return is(name, "grpc-status", 11);
    case 12:
        return is(name, "content-type", 12) || is(name, "grpc-message", 12) ||
               is(name, "grpc-timeout", 12);
    case 13:
        return is(name, "grpc-encoding", 13);
    case 17:
        return is(name, "grpc-message-type", 17);
    case 20:
        return is(name, "grpc-accept-encoding", 20);
    case 26:
        return is(name, "grpc-previous-rpc-attempts", 26);
    default:
        return false;
    }
}

static bool is_sensitive_or_unique(const char *name, size_t length)
{
    switch (length) {
    case 6:
        return is(name, "cookie", 6);
    case 11:
        return is(name, "traceparent", 11);
    case 12:
        return is(name, "x-request-id", 12);
    case 13:
        return is(name, "authorization", 13) || is(name, "grpc-tags-bin", 13);
    case 14:
        return is(name, "grpc-trace-bin", 14);
    default:
        return false;
    }
}

/* ---- Fields ------------------------------------------------------------------------ */

static void add(struct grebe__request *request, const char *name, size_t name_length,
                const char *value, size_t value_length, unsigned flags)
{
    request->list_bytes += name_length + value_length + GREBE__FIELD_OVERHEAD;
    request->fields[request->n_fields++] = (nghttp2_nv){
        .name = (uint8_t *)(uintptr_t)name,
        .value = (uint8_t *)(uintptr_t)value,
        .namelen = name_length,
        .valuelen = value_length,
        .flags = (uint8_t)flags,
    };
}

static inline void add_own(struct grebe__request *request, const char *name,
                           const char *value, size_t value_length, unsigned flags)
{
    add(request, name, strlen(name), value, value_length, flags);
}

static inline void add_static(struct grebe__request *request, const char *name,
                              const char *value)
{
    add(request, name, strlen(name), value, strlen(value), COPY_NONE);
}

static void add_timeout(struct grebe__request *request, uint64_t left_ns)
{
    char *value = request->text + request->n_text;
    size_t length;

    if (left_ns == UINT64_MAX)
        return;
    length = grebe__grpc_timeout_encode(left_ns, value);
    request->n_text += length;
    add_own(request, "grpc-timeout", value, length, COPY_VALUE | NEVER_INDEX);
}

static void add_content_type(struct grebe__request *request, const char *subtype)
{
    char *value = request->text + request->n_text;
    size_t length = sizeof grpc_content_type - 1;

    if (subtype == NULL || subtype[0] == '\0') {
        add_static(request, "content-type", grpc_content_type);
        return;
    }
    memcpy(value, grpc_content_type, length);
    value[length++] = '+';
    for (size_t i = 0; subtype[i] != '\0'; i++)
        value[length++] = grebe__ascii_lower(subtype[i]);
    request->n_text += length;
    add_own(request, "content-type", value, length, COPY_VALUE);
}

static void add_previous_attempts(struct grebe__request *request, uint32_t n)
{
    char *value = request->text + request->n_text;
    char digits[DECIMAL_MAX];
    size_t length = 0, n_digits = 0;

    if (n == 0)
        return;
    for (; n > 0; n /= 10)
        digits[n_digits++] = (char)('0' + n % 10);
    while (n_digits > 0)
        value[length++] = digits[--n_digits];
    request->n_text += length;
    add_own(request, "grpc-previous-rpc-attempts", value, length,
            COPY_VALUE | NEVER_INDEX);
}

static void add_entry(struct grebe__request *request,
                      const struct grebe_metadata_entry *entry)
{
    unsigned flags =
        is_sensitive_or_unique(entry->key, entry->key_length) ? NEVER_INDEX : 0u;

    if (grebe__metadata_key_is_binary(entry->key, entry->key_length)) {
        size_t length = grebe__base64_encoded_length(entry->value_length);
        char *value = request->text + request->n_text;

        grebe__base64_encode(entry->value, entry->value_length, value);
        request->n_text += length;
        add(request, entry->key, entry->key_length, value, length, COPY_VALUE | flags);
    } else {
        add(request, entry->key, entry->key_length, entry->value, entry->value_length,
            COPY_NONE | flags);
    }
}

static void add_metadata(struct grebe__request *request,
                         const struct grebe_metadata *metadata)
{
    for (size_t i = 0; i < grebe_metadata_count(metadata); i++) {
        const struct grebe_metadata_entry *entry = &metadata->entries[i];

        if (!is_reserved(entry->key, entry->key_length))
            add_entry(request, entry);
    }
}

static void add_authority(struct grebe__request *request,
                          const struct grebe__request_base *base,
                          const struct grebe__stream *stream)
{
    const char *authority = grebe__stream_authority(stream);

    if (authority != NULL)
        add_own(request, ":authority", authority, strlen(authority), COPY_NONE);
    else
        add_own(request, ":authority", base->authority, base->authority_length,
                COPY_NONE);
}

/* ---- Memory ------------------------------------------------------------------------ */

static size_t text_of(const struct grebe_metadata *metadata)
{
    size_t n = 0;

    for (size_t i = 0; i < grebe_metadata_count(metadata); i++) {
        const struct grebe_metadata_entry *entry = &metadata->entries[i];

        if (grebe__metadata_key_is_binary(entry->key, entry->key_length))
            n += grebe__base64_encoded_length(entry->value_length);
    }
    return n;
}

static size_t text_needed(const struct grebe__stream *stream)
{
    size_t n = GREBE__GRPC_TIMEOUT_MAX + DECIMAL_MAX;

    if (stream->content_subtype != NULL)
        n += sizeof grpc_content_type + strlen(stream->content_subtype);
    return n + text_of(stream->metadata) + text_of(stream->additional) +
           text_of(stream->of_address);
}

static int reserve(struct grebe__request *request, size_t n_fields, size_t n_text)
{
    request->fields = request->usual_fields;
    request->text = request->usual_text;
    if (n_fields > GREBE__REQUEST_FIELDS) {
        request->fields =
            grebe__pool_alloc(request->pool, n_fields * sizeof *request->fields);
        if (request->fields == NULL)
            return GREBE_ERR_NOMEM;
    }
    if (n_text > GREBE__REQUEST_TEXT) {
        request->text = grebe__pool_alloc(request->pool, n_text);
        if (request->text == NULL) {
            request->text = request->usual_text;
            grebe__request_fini(request);
            return GREBE_ERR_NOMEM;
        }
    }
    return GREBE_OK;
}

int grebe__request_init(struct grebe__request *request, struct grebe__pool *pool,
                        const struct grebe__request_base *base,
                        const struct grebe__stream *stream, uint64_t left_ns)
{
    size_t n_fields = OWN_FIELDS + grebe_metadata_count(stream->metadata) +
                      grebe_metadata_count(stream->additional) +
                      grebe_metadata_count(stream->of_address);

    request->pool = pool;
    request->n_fields = 0;
    request->n_text = 0;
    request->list_bytes = 0;
    if (reserve(request, n_fields, text_needed(stream)) != GREBE_OK)
        return GREBE_ERR_NOMEM;
    add_static(request, ":method", "POST");
    add_static(request, ":scheme", base->is_tls ? "https" : "http");
    add_own(request, ":path", stream->path, strlen(stream->path), COPY_NONE);
    add_authority(request, base, stream);
    add_timeout(request, left_ns);
    add_static(request, "te", "trailers");
    add_content_type(request, stream->content_subtype);
    add_own(request, "user-agent", base->user_agent, base->user_agent_length, COPY_NONE);
    add_previous_attempts(request, stream->n_previous_attempts);
    add_metadata(request, stream->metadata);
    add_metadata(request, stream->additional);
    add_metadata(request, stream->of_address);
    return GREBE_OK;
}

void grebe__request_fini(struct grebe__request *request)
{
    if (request->fields != request->usual_fields)
        grebe__pool_free(request->pool, request->fields);
    if (request->text != request->usual_text)
        grebe__pool_free(request->pool, request->text);
}
