/* SPDX-License-Identifier: Apache-2.0 */
/* support/h2_peer.h -- an HTTP/2 server in memory that does exactly what a test says.
 *
 *   h2_peer_feed(peer, what the client wrote);
 *   h2_peer_expect(peer, H2_HEADERS, &frame);
 *   h2_peer_headers(peer, frame.stream, 0, ":status", "200", NULL);
 *   h2_peer_message(peer, frame.stream, 0, "hello", 5);
 *   bytes = h2_peer_output(peer, &length);
 *
 * It has no opinions: any frame can be made, right or wrong, and nothing is answered by
 * itself.  What the client wrote is kept as a list of frames with decoded headers.
 * Header compression is nghttp2's; everything else is written by hand here, so that the
 * client's library does not test itself.
 *
 * Memory      Running out of it ends the program.
 */
#ifndef SUPPORT_H2_PEER_H
#define SUPPORT_H2_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* RFC 9113 section 6. */
enum h2_type {
    H2_DATA,
    H2_HEADERS,
    H2_PRIORITY,
    H2_RST_STREAM,
    H2_SETTINGS,
    H2_PUSH_PROMISE,
    H2_PING,
    H2_GOAWAY,
    H2_WINDOW_UPDATE,
    H2_CONTINUATION,
};

enum h2_flag {
    H2_ACK = 0x1,
    H2_END_STREAM = 0x1,
    H2_END_HEADERS = 0x4,
    H2_PADDED = 0x8,
};

struct h2_field {
    const char *name;
    const char *value; /* NUL-terminated; the lengths decide */
    size_t name_length, value_length;
    bool is_never_indexed;
};

/* A frame that the client wrote. */
struct h2_frame {
    enum h2_type type;
    uint8_t flags;
    uint32_t stream;
    uint32_t error;     /* RST_STREAM, GOAWAY */
    uint32_t increment; /* WINDOW_UPDATE */
    const unsigned char *payload;
    size_t length;
    const struct h2_field *fields; /* HEADERS */
    size_t n_fields;
};

struct h2_peer;

struct h2_peer *h2_peer_new(void);
void h2_peer_free(struct h2_peer *peer); /* NULL: no-op */

/* ---- What the client wrote --------------------------------------------------------- */

/* Any part of it.  The first 24 bytes have to be the preface. */
void h2_peer_feed(struct h2_peer *peer, const void *bytes, size_t length);

/* The next frame that was not looked at; false if there is none.  Valid as long as the
 * peer. */
bool h2_peer_next(struct h2_peer *peer, struct h2_frame *out);

/* The next frame of this type; those before it are dropped.  False if there is none, the
 * others then being dropped all the same. */
bool h2_peer_expect(struct h2_peer *peer, enum h2_type type, struct h2_frame *out);

/* What was not looked at yet, as text: "HEADERS 1; DATA 1 len=5 END_STREAM; PING".  Valid
 * until the next call. */
const char *h2_peer_log(struct h2_peer *peer);

/* The first value of a field, NULL if it is absent. */
const char *h2_frame_field(const struct h2_frame *frame, const char *name);

/* ---- What the server writes -------------------------------------------------------- */

void h2_peer_raw(struct h2_peer *peer, const void *bytes, size_t length);
void h2_peer_frame(struct h2_peer *peer, unsigned type, unsigned flags, uint32_t stream,
                   const void *payload, size_t length);

/* Identifier and value, any number of times; ended by 0. */
void h2_peer_settings(struct h2_peer *peer, ...);
void h2_peer_settings_ack(struct h2_peer *peer);

/* HEADERS with END_HEADERS.  Name and value, any number of times; ended by NULL. */
void h2_peer_headers(struct h2_peer *peer, uint32_t stream, unsigned flags, ...)
    __attribute__((sentinel));

/* A list of fields as a compressed block, to be sent by h2_peer_frame() in pieces.  Valid
 * until the next block is made. */
const unsigned char *h2_peer_block(struct h2_peer *peer, const struct h2_field *fields,
                                   size_t n, size_t *length);

/* What most answers begin and end with. */
void h2_peer_begin(struct h2_peer *peer, uint32_t stream);
void h2_peer_trailers(struct h2_peer *peer, uint32_t stream, const char *grpc_status);

void h2_peer_data(struct h2_peer *peer, uint32_t stream, unsigned flags,
                  const void *bytes, size_t length);
/* `length` bytes with as much padding. */
void h2_peer_padded_data(struct h2_peer *peer, uint32_t stream, unsigned flags,
                         const void *bytes, size_t length, uint8_t padding);
/* A gRPC message in DATA frames of at most 16384 bytes. */
void h2_peer_message(struct h2_peer *peer, uint32_t stream, unsigned flags,
                     const void *bytes, size_t length);
void h2_peer_rst_stream(struct h2_peer *peer, uint32_t stream, uint32_t error);
void h2_peer_ping(struct h2_peer *peer, unsigned flags, const char payload[8]);
void h2_peer_goaway(struct h2_peer *peer, uint32_t last_stream, uint32_t error,
                    const char *debug);
void h2_peer_window_update(struct h2_peer *peer, uint32_t stream, uint32_t increment);

/* What was written since h2_peer_clear_output(). */
const unsigned char *h2_peer_output(const struct h2_peer *peer, size_t *length);
void h2_peer_clear_output(struct h2_peer *peer);

#endif
