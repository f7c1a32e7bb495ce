/* SPDX-License-Identifier: Apache-2.0 */
/* h2/grpc_timeout.h -- the value of the grpc-timeout header.
 *
 * Sources     gRPC over HTTP/2, "Timeout": at most eight digits and a unit.
 */
#ifndef GREBE_H2_GRPC_TIMEOUT_H
#define GREBE_H2_GRPC_TIMEOUT_H

#include <stddef.h>
#include <stdint.h>

enum { GREBE__GRPC_TIMEOUT_MAX = 9 };

/* Writes what is left of a deadline, rounded up in the finest unit that fits; no NUL.
 * Returns its length, 0 if nothing is left. */
size_t grebe__grpc_timeout_encode(uint64_t left_ns, char out[GREBE__GRPC_TIMEOUT_MAX]);

#endif
