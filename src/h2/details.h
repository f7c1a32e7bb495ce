/* SPDX-License-Identifier: Apache-2.0 */
/* h2/details.h -- the part of google.rpc.Status that the transport has to look at.
 *
 * grpc-status-details-bin repeats code and message of the trailers, and its copy of the
 * message is the better one.  The list of details stays unread: it is the application's.
 */
#ifndef GREBE_H2_DETAILS_H
#define GREBE_H2_DETAILS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct grebe__details {
    int32_t code;
    const char *message; /* into the bytes; not terminated */
    size_t message_length;
};

/* False if the bytes are not a google.rpc.Status, `out` then being untouched. */
bool grebe__details_read(const void *bytes, size_t length, struct grebe__details *out);

#endif
