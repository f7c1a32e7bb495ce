/* SPDX-License-Identifier: Apache-2.0 */
/* h2/grpc_message.h -- the text in the grpc-message trailer.
 *
 * Sources     gRPC over HTTP/2, "Status-Message": UTF-8, percent-encoded.
 */
#ifndef GREBE_H2_GRPC_MESSAGE_H
#define GREBE_H2_GRPC_MESSAGE_H

#include <stddef.h>

#include <grebe/mem.h>

/* Decodes; never an error: what is no escape stays as it is, what is not UTF-8 becomes
 * U+FFFD.  The result is NUL-terminated and the caller's to free with `mem`, but may hold
 * NULs of its own.  NULL when out of memory. */
char *grebe__grpc_message_decode(const struct grebe_mem *mem, const char *value,
                                 size_t length, size_t *out_length);

#endif
