/* SPDX-License-Identifier: Apache-2.0 */
#include "support/h2_peer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nghttp2/nghttp2.h>

enum { FRAME_HEADER = 9, PREFACE = 24, FRAME_MAX = 16384, FIELDS_MAX = 4096 };

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

struct bytes {
    unsigned char *at;
    size_t length, capacity;
};

/* A frame, its payload and its fields are allocated one by one: what is handed out must
 * not move. */
struct kept {
    struct kept *next;
    struct h2_frame frame;
};

struct h2_peer {
    nghttp2_hd_inflater *inflater;
    nghttp2_hd_deflater *deflater;
    struct bytes input;  /* not yet a whole frame */
    struct bytes output; /* for the client */
    struct bytes block;
    struct bytes log;
    struct kept *frames, **frames_end;
    struct kept *unseen;
    bool has_preface;
};

static void *must(void *memory)
{
    if (memory == NULL) {
        fputs("h2_peer: out of memory\n", stderr);
        abort();
    }
    return memory;
}

static void append(struct bytes *bytes, const void *more, size_t length)
{
    if (bytes->length + length + 1 > bytes->capacity) {
        bytes->capacity = 2 * (bytes->length + length) + 64;
        bytes->at = must(realloc(bytes->at, bytes->capacity));
    }
    if (length > 0)
        memcpy(bytes->at + bytes->length, more, length);
    bytes->length += length;
    bytes->at[bytes->length] = '\0';
}

struct h2_peer *h2_peer_new(void)
{
    struct h2_peer *peer = must(calloc(1, sizeof *peer));

    peer->frames_end = &peer->frames;
    nghttp2_hd_inflate_new(&peer->inflater);
    nghttp2_hd_deflate_new(&peer->deflater, 4096);
    must(peer->inflater);
    must(peer->deflater);
    return peer;
}

static void free_kept(struct kept *kept)
{
    for (size_t i = 0; i < kept->frame.n_fields; i++) {
        free((char *)(uintptr_t)kept->frame.fields[i].name);
        free((char *)(uintptr_t)kept->frame.fields[i].value);
    }
    free((struct h2_field *)(uintptr_t)kept->frame.fields);
    free((unsigned char *)(uintptr_t)kept->frame.payload);
    free(kept);
}

void h2_peer_free(struct h2_peer *peer)
{
    if (peer == NULL)
        return;
    for (struct kept *kept = peer->frames, *next; kept != NULL; kept = next) {
        next = kept->next;
        free_kept(kept);
    }
    nghttp2_hd_inflate_del(peer->inflater);
    nghttp2_hd_deflate_del(peer->deflater);
    free(peer->input.at);
    free(peer->output.at);
    free(peer->block.at);
    free(peer->log.at);
    free(peer);
}

/* ---- What the client wrote --------------------------------------------------------- */

static uint32_t read_u32(const unsigned char *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static char *copy_text(const uint8_t *bytes, size_t length)
{
    char *text = must(malloc(length + 1));

    memcpy(text, bytes, length);
    text[length] = '\0';
    return text;
}

static void inflate(struct h2_peer *peer, struct h2_frame *frame)
{
    struct h2_field *fields = must(calloc(FIELDS_MAX, sizeof *fields));
    const unsigned char *at = frame->payload;
    size_t left = frame->length, n = 0;
    int flags = 0;

    while ((flags & NGHTTP2_HD_INFLATE_FINAL) == 0) {
        nghttp2_nv nv;
        ssize_t used = nghttp2_hd_inflate_hd2(peer->inflater, &nv, &flags, at, left, 1);

        if (used < 0 || n == FIELDS_MAX) {
            fputs("h2_peer: the client's header block cannot be read\n", stderr);
            abort();
        }
        at += used;
        left -= (size_t)used;
        if ((flags & NGHTTP2_HD_INFLATE_EMIT) == 0)
            continue;
        fields[n++] = (struct h2_field){
            .name = copy_text(nv.name, nv.namelen),
            .value = copy_text(nv.value, nv.valuelen),
            .name_length = nv.namelen,
            .value_length = nv.valuelen,
            .is_never_indexed = (nv.flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0,
        };
    }
    nghttp2_hd_inflate_end_headers(peer->inflater);
    frame->fields = fields;
    frame->n_fields = n;
}

static void add_frame(struct h2_peer *peer, const struct h2_frame *frame)
{
    struct kept *kept = must(calloc(1, sizeof *kept));

    kept->frame = *frame;
    *peer->frames_end = kept;
    peer->frames_end = &kept->next;
    if (peer->unseen == NULL)
        peer->unseen = kept;
}

/* The list has HEADERS and its CONTINUATIONs as one frame. */
static void read_headers(struct h2_peer *peer, struct h2_frame *frame)
{
    struct kept *last = NULL;

    if (frame->type == H2_CONTINUATION) {
        struct bytes whole = {0};

        for (struct kept *kept = peer->frames; kept != NULL; kept = kept->next)
            last = kept;
        append(&whole, last->frame.payload, last->frame.length);
        append(&whole, frame->payload, frame->length);
        free((unsigned char *)(uintptr_t)last->frame.payload);
        free((unsigned char *)(uintptr_t)frame->payload);
        last->frame.payload = whole.at;
        last->frame.length = whole.length;
        last->frame.flags |= frame->flags;
        frame = &last->frame;
    }
    if ((frame->flags & H2_END_HEADERS) != 0)
        inflate(peer, frame);
    if (last == NULL)
        add_frame(peer, frame);
}

static void read_frame(struct h2_peer *peer, const unsigned char *at, size_t length)
{
    struct h2_frame frame = {
        .type = (enum h2_type)at[3],
        .flags = at[4],
        .stream = read_u32(at + 5),
        .payload = (const unsigned char *)copy_text(at + FRAME_HEADER, length),
        .length = length,
    };

    if (frame.type == H2_HEADERS || frame.type == H2_CONTINUATION) {
        read_headers(peer, &frame);
        return;
    }
    if (frame.type == H2_RST_STREAM)
        frame.error = read_u32(frame.payload);
    if (frame.type == H2_GOAWAY)
        frame.error = read_u32(frame.payload + 4);
    if (frame.type == H2_WINDOW_UPDATE)
        frame.increment = read_u32(frame.payload);
    add_frame(peer, &frame);
}

static bool take_frame(struct h2_peer *peer)
{
    struct bytes *input = &peer->input;
    size_t used;

    if (!peer->has_preface) {
        if (input->length < PREFACE)
            return false;
        if (memcmp(input->at, preface, PREFACE) != 0) {
            fputs("h2_peer: this is no HTTP/2 client\n", stderr);
            abort();
        }
        peer->has_preface = true;
        used = PREFACE;
    } else {
        if (input->length < FRAME_HEADER)
            return false;
        used = FRAME_HEADER + (size_t)(read_u32(input->at) >> 8);
        if (input->length < used)
            return false;
        read_frame(peer, input->at, used - FRAME_HEADER);
    }
    input->length -= used;
    memmove(input->at, input->at + used, input->length);
    return true;
}

void h2_peer_feed(struct h2_peer *peer, const void *bytes, size_t length)
{
    append(&peer->input, bytes, length);
    while (take_frame(peer))
        continue;
}

bool h2_peer_next(struct h2_peer *peer, struct h2_frame *out)
{
    if (peer->unseen == NULL)
        return false;
    *out = peer->unseen->frame;
    peer->unseen = peer->unseen->next;
    return true;
}

bool h2_peer_expect(struct h2_peer *peer, enum h2_type type, struct h2_frame *out)
{
    while (h2_peer_next(peer, out))
        if (out->type == type)
            return true;
    return false;
}

const char *h2_frame_field(const struct h2_frame *frame, const char *name)
{
    for (size_t i = 0; i < frame->n_fields; i++)
        if (strcmp(frame->fields[i].name, name) == 0)
            return frame->fields[i].value;
    return NULL;
}

/* ---- As text ----------------------------------------------------------------------- */

static void append_text(struct bytes *bytes, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void append_text(struct bytes *bytes, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    append(bytes, text, strlen(text));
}

static void log_settings(struct bytes *log, const struct h2_frame *frame)
{
    for (size_t i = 0; i + 6 <= frame->length; i += 6)
        append_text(log, " %u=%u", frame->payload[i] << 8 | frame->payload[i + 1],
                    (unsigned)read_u32(frame->payload + i + 2));
}

static void log_frame(struct bytes *log, const struct h2_frame *frame)
{
    static const char *const names[] = {
        "DATA", "HEADERS", "PRIORITY", "RST_STREAM",    "SETTINGS",
        "PUSH", "PING",    "GOAWAY",   "WINDOW_UPDATE", "CONTINUATION",
    };

    append_text(log, "%s%s", log->length == 0 ? "" : "; ",
                frame->type <= H2_CONTINUATION ? names[frame->type] : "UNKNOWN");
    if (frame->type == H2_WINDOW_UPDATE || frame->stream != 0)
        append_text(log, " %u", (unsigned)frame->stream);
    switch (frame->type) {
    case H2_DATA:
        append_text(log, " len=%zu", frame->length);
        break;
    case H2_SETTINGS:
        log_settings(log, frame);
        break;
    case H2_RST_STREAM:
        append_text(log, " %s", nghttp2_http2_strerror(frame->error));
        break;
    case H2_GOAWAY:
        append_text(log, " last=%u %s \"%.*s\"", (unsigned)read_u32(frame->payload),
                    nghttp2_http2_strerror(frame->error), (int)frame->length - 8,
                    (const char *)frame->payload + 8);
        break;
    case H2_WINDOW_UPDATE:
        append_text(log, " +%u", (unsigned)frame->increment);
        break;
    default:
        break;
    }
    if ((frame->type == H2_DATA || frame->type == H2_HEADERS) &&
        (frame->flags & H2_END_STREAM) != 0)
        append_text(log, " END_STREAM");
    if ((frame->type == H2_SETTINGS || frame->type == H2_PING) &&
        (frame->flags & H2_ACK) != 0)
        append_text(log, " ACK");
}

const char *h2_peer_log(struct h2_peer *peer)
{
    struct h2_frame frame;

    peer->log.length = 0;
    append(&peer->log, "", 0);
    while (h2_peer_next(peer, &frame))
        log_frame(&peer->log, &frame);
    return (const char *)peer->log.at;
}

/* ---- What the server writes -------------------------------------------------------- */

static void write_u32(unsigned char *at, uint32_t value)
{
    at[0] = (unsigned char)(value >> 24);
    at[1] = (unsigned char)(value >> 16);
    at[2] = (unsigned char)(value >> 8);
    at[3] = (unsigned char)value;
}

void h2_peer_raw(struct h2_peer *peer, const void *bytes, size_t length)
{
    append(&peer->output, bytes, length);
}

void h2_peer_frame(struct h2_peer *peer, unsigned type, unsigned flags, uint32_t stream,
                   const void *payload, size_t length)
{
    unsigned char header[FRAME_HEADER];

    write_u32(header, (uint32_t)length << 8 | type);
    header[4] = (unsigned char)flags;
    write_u32(header + 5, stream);
    append(&peer->output, header, sizeof header);
    append(&peer->output, payload, length);
}

void h2_peer_settings(struct h2_peer *peer, ...)
{
    unsigned char payload[6 * 64];
    size_t length = 0;
    va_list args;

    va_start(args, peer);
    for (int id = va_arg(args, int); id != 0; id = va_arg(args, int)) {
        payload[length] = (unsigned char)(id >> 8);
        payload[length + 1] = (unsigned char)id;
        write_u32(payload + length + 2, va_arg(args, uint32_t));
        length += 6;
    }
    va_end(args);
    h2_peer_frame(peer, H2_SETTINGS, 0, 0, payload, length);
}

void h2_peer_settings_ack(struct h2_peer *peer)
{
    h2_peer_frame(peer, H2_SETTINGS, H2_ACK, 0, NULL, 0);
}

const unsigned char *h2_peer_block(struct h2_peer *peer, const struct h2_field *fields,
                                   size_t n, size_t *length)
{
    nghttp2_nv *nva = must(calloc(n + 1, sizeof *nva));
    size_t bound;
    ssize_t used;

    for (size_t i = 0; i < n; i++)
        nva[i] = (nghttp2_nv){
            .name = (uint8_t *)(uintptr_t)fields[i].name,
            .value = (uint8_t *)(uintptr_t)fields[i].value,
            .namelen = fields[i].name_length,
            .valuelen = fields[i].value_length,
            .flags = fields[i].is_never_indexed ? NGHTTP2_NV_FLAG_NO_INDEX
                                                : NGHTTP2_NV_FLAG_NONE,
        };
    bound = nghttp2_hd_deflate_bound(peer->deflater, nva, n);
    peer->block.length = 0;
    peer->block.capacity = bound + 1;
    peer->block.at = must(realloc(peer->block.at, peer->block.capacity));
    used = nghttp2_hd_deflate_hd(peer->deflater, peer->block.at, bound, nva, n);
    free(nva);
    *length = used < 0 ? 0 : (size_t)used;
    return peer->block.at;
}

void h2_peer_headers(struct h2_peer *peer, uint32_t stream, unsigned flags, ...)
{
    struct h2_field *fields = must(calloc(FIELDS_MAX, sizeof *fields));
    const unsigned char *block;
    const char *name;
    size_t n = 0, length;
    va_list args;

    va_start(args, flags);
    while ((name = va_arg(args, const char *)) != NULL && n < FIELDS_MAX) {
        const char *value = va_arg(args, const char *);

        fields[n++] = (struct h2_field){name, value, strlen(name), strlen(value), false};
    }
    va_end(args);
    block = h2_peer_block(peer, fields, n, &length);
    free(fields);
    h2_peer_frame(peer, H2_HEADERS, flags | H2_END_HEADERS, stream, block, length);
}

void h2_peer_begin(struct h2_peer *peer, uint32_t stream)
{
    h2_peer_headers(peer, stream, 0, ":status", "200", "content-type", "application/grpc",
                    NULL);
}

void h2_peer_trailers(struct h2_peer *peer, uint32_t stream, const char *grpc_status)
{
    h2_peer_headers(peer, stream, H2_END_STREAM, "grpc-status", grpc_status, NULL);
}

void h2_peer_data(struct h2_peer *peer, uint32_t stream, unsigned flags,
                  const void *bytes, size_t length)
{
    h2_peer_frame(peer, H2_DATA, flags, stream, bytes, length);
}

void h2_peer_padded_data(struct h2_peer *peer, uint32_t stream, unsigned flags,
                         const void *bytes, size_t length, uint8_t padding)
{
    static const unsigned char zeros[255];
    struct bytes payload = {0};

    append(&payload, &padding, 1);
    append(&payload, bytes, length);
    append(&payload, zeros, padding);
    h2_peer_frame(peer, H2_DATA, flags | H2_PADDED, stream, payload.at, payload.length);
    free(payload.at);
}

void h2_peer_message(struct h2_peer *peer, uint32_t stream, unsigned flags,
                     const void *bytes, size_t length)
{
    unsigned char prefix[5] = {0};
    struct bytes whole = {0};
    size_t at = 0;

    write_u32(prefix + 1, (uint32_t)length);
    append(&whole, prefix, sizeof prefix);
    append(&whole, bytes, length);
    while (whole.length - at > FRAME_MAX) {
        h2_peer_data(peer, stream, 0, whole.at + at, FRAME_MAX);
        at += FRAME_MAX;
    }
    h2_peer_data(peer, stream, flags, whole.at + at, whole.length - at);
    free(whole.at);
}

void h2_peer_rst_stream(struct h2_peer *peer, uint32_t stream, uint32_t error)
{
    unsigned char payload[4];

    write_u32(payload, error);
    h2_peer_frame(peer, H2_RST_STREAM, 0, stream, payload, sizeof payload);
}

void h2_peer_ping(struct h2_peer *peer, unsigned flags, const char payload[8])
{
    h2_peer_frame(peer, H2_PING, flags, 0, payload, 8);
}

void h2_peer_goaway(struct h2_peer *peer, uint32_t last_stream, uint32_t error,
                    const char *debug)
{
    struct bytes payload = {0};
    unsigned char numbers[8];

    write_u32(numbers, last_stream);
    write_u32(numbers + 4, error);
    append(&payload, numbers, sizeof numbers);
    append(&payload, debug, strlen(debug));
    h2_peer_frame(peer, H2_GOAWAY, 0, 0, payload.at, payload.length);
    free(payload.at);
}

void h2_peer_window_update(struct h2_peer *peer, uint32_t stream, uint32_t increment)
{
    unsigned char payload[4];

    write_u32(payload, increment);
    h2_peer_frame(peer, H2_WINDOW_UPDATE, 0, stream, payload, sizeof payload);
}

const unsigned char *h2_peer_output(const struct h2_peer *peer, size_t *length)
{
    *length = peer->output.length;
    return peer->output.at;
}

void h2_peer_clear_output(struct h2_peer *peer)
{
    peer->output.length = 0;
}
