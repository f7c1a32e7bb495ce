/* SPDX-License-Identifier: Apache-2.0 */
#include "h2/guard.h"

#include <string.h>

#include "h2/codes.h"

/* RFC 9113 section 6. */
enum frame_type {
    FRAME_DATA = 0,
    FRAME_HEADERS = 1,
    FRAME_RST_STREAM = 3,
    FRAME_SETTINGS = 4,
    FRAME_PUSH_PROMISE = 5,
    FRAME_PING = 6,
    FRAME_GOAWAY = 7,
    FRAME_WINDOW_UPDATE = 8,
    FRAME_CONTINUATION = 9,
};
enum { FLAG_ACK = 0x1 };

static const uint64_t period_ns = UINT64_C(10000000000);
static const char http_1[] = "HTTP/1.";

void grebe__guard_init(struct grebe__guard *guard, uint64_t now_ns)
{
    *guard = (struct grebe__guard){.period_ns = now_ns};
}

static const char *count_frame(struct grebe__guard *guard, unsigned char type,
                               uint32_t length)
{
    switch (type) {
    case FRAME_DATA:
        if (length > 0)
            guard->n_control = 0;
        else if (++guard->n_empty_data > GREBE__EMPTY_DATA_MAX)
            return "too many DATA frames without data";
        return NULL;
    case FRAME_HEADERS:
        guard->n_control = 0;
        guard->n_continuations = 0;
        guard->block_bytes = length;
        return NULL;
    case FRAME_CONTINUATION:
        guard->block_bytes += length;
        if (++guard->n_continuations > GREBE__CONTINUATIONS_MAX)
            return "too many CONTINUATION frames in one header block";
        if (guard->block_bytes > GREBE__BLOCK_BYTES_MAX)
            return "a header block that is too large";
        return NULL;
    case FRAME_SETTINGS:
    case FRAME_PING:
        if (++guard->n_control > GREBE__CONTROL_FRAMES_MAX)
            return "too many PING and SETTINGS frames";
        return NULL;
    /* As many as there are calls, or a matter of the session. */
    case FRAME_RST_STREAM:
    case FRAME_WINDOW_UPDATE:
    case FRAME_GOAWAY:
    case FRAME_PUSH_PROMISE:
        return NULL;
    default:
        if (++guard->n_ignored > GREBE__IGNORED_FRAMES_MAX)
            return "too many frames of unknown types";
        return NULL;
    }
}

static bool refuse(struct grebe__guard_fault *fault, uint32_t error_code,
                   const char *text)
{
    fault->error_code = error_code;
    fault->text = text;
    return false;
}

/* An HTTP/1 server that does not understand the preface says so in its own way. */
static bool begin(struct grebe__guard *guard, struct grebe__guard_fault *fault)
{
    size_t n = sizeof http_1 - 1;

    if (memcmp(guard->header, http_1, n) == 0)
        return refuse(fault, GREBE__H2_PROTOCOL_ERROR, "peer speaks HTTP/1.x");
    if (guard->header[3] != FRAME_SETTINGS || (guard->header[4] & FLAG_ACK) != 0)
        return refuse(fault, GREBE__H2_PROTOCOL_ERROR, "first frame is not SETTINGS");
    guard->has_begun = true;
    return true;
}

static bool admit_frame(struct grebe__guard *guard, struct grebe__guard_fault *fault)
{
    const unsigned char *header = guard->header;
    const char *text;

    if (!guard->has_begun && !begin(guard, fault))
        return false;
    guard->payload_left =
        (uint32_t)header[0] << 16 | (uint32_t)header[1] << 8 | header[2];
    text = count_frame(guard, header[3], guard->payload_left);
    return text == NULL || refuse(fault, GREBE__H2_ENHANCE_YOUR_CALM, text);
}

/* A TLS server that got a plaintext preface: the record of its alert (RFC 8446 section 5.1)
 * may be shorter than a frame's header, and cannot be the beginning of one. */
static bool is_tls_alert(const struct grebe__guard *guard)
{
    return !guard->has_begun && guard->n_header >= 2 && guard->header[0] == 0x15 &&
           guard->header[1] == 0x03;
}

bool grebe__guard_admits(struct grebe__guard *guard, const void *bytes, size_t length,
                         uint64_t now_ns, struct grebe__guard_fault *fault)
{
    const unsigned char *at = bytes;

    if (now_ns - guard->period_ns >= period_ns) {
        guard->period_ns = now_ns;
        guard->n_control = 0;
        guard->n_ignored = 0;
    }
    while (length > 0) {
        size_t n;

        if (guard->payload_left > 0) {
            n = length < guard->payload_left ? length : guard->payload_left;
            guard->payload_left -= (uint32_t)n;
        } else {
            n = GREBE__FRAME_HEADER_BYTES - (size_t)guard->n_header;
            n = length < n ? length : n;
            memcpy(guard->header + guard->n_header, at, n);
            guard->n_header = (unsigned char)(guard->n_header + n);
            if (is_tls_alert(guard))
                return refuse(fault, GREBE__H2_PROTOCOL_ERROR,
                              "peer speaks TLS, and this channel is plaintext");
            if (guard->n_header == GREBE__FRAME_HEADER_BYTES) {
                guard->n_header = 0;
                if (!admit_frame(guard, fault))
                    return false;
            }
        }
        at += n;
        length -= n;
    }
    return true;
}
