/* SPDX-License-Identifier: Apache-2.0 */
/* h2/guard.h -- how much nonsense a peer may send.
 *
 * HTTP/2 has frames that cost the sender nothing and the receiver something.  The guard
 * walks over the frame headers of what arrives, before anything else looks at it, and
 * counts.  It also knows what the very first bytes of a server have to be.
 *
 * Sources     RFC 9113 3.4 (SETTINGS comes first) and 10.5; CVE-2019-9512, -9515, -9518,
 *             CVE-2024-28182.
 */
#ifndef GREBE_H2_GUARD_H
#define GREBE_H2_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    GREBE__FRAME_HEADER_BYTES = 9,
    /* In one header block. */
    GREBE__CONTINUATIONS_MAX = 8,
    GREBE__BLOCK_BYTES_MAX = 256 * 1024,
    /* PING and SETTINGS with no answer of a call among them, in ten seconds. */
    GREBE__CONTROL_FRAMES_MAX = 2000,
    /* Frames that mean nothing to a client, in ten seconds. */
    GREBE__IGNORED_FRAMES_MAX = 10000,
    /* DATA without data, on one connection. */
    GREBE__EMPTY_DATA_MAX = 10000,
};

struct grebe__guard {
    uint64_t period_ns; /* when the ten seconds began */
    uint32_t payload_left;
    uint32_t n_continuations;
    uint32_t block_bytes;
    uint32_t n_control;
    uint32_t n_ignored;
    uint32_t n_empty_data;
    bool has_begun; /* the first frame header was good */
    unsigned char n_header;
    unsigned char header[GREBE__FRAME_HEADER_BYTES];
};

struct grebe__guard_fault {
    uint32_t error_code; /* HTTP/2's, for GOAWAY */
    const char *text;    /* static */
};

void grebe__guard_init(struct grebe__guard *guard, uint64_t now_ns);

/* Looks at the next bytes of the connection.  False if they must not be used. */
bool grebe__guard_admits(struct grebe__guard *guard, const void *bytes, size_t length,
                         uint64_t now_ns, struct grebe__guard_fault *fault);

#endif
