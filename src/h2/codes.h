/* SPDX-License-Identifier: Apache-2.0 */
/* h2/codes.h -- what numbers of HTTP/2 and HTTP mean to gRPC.
 *
 * Sources     RFC 9113 section 7; gRPC over HTTP/2, "Errors"; "HTTP to gRPC status code
 *             mapping"; gRFC A94 (labels).  FLOW_CONTROL_ERROR and unknown codes follow
 *             grpc-go, which differs from the text.
 */
#ifndef GREBE_H2_CODES_H
#define GREBE_H2_CODES_H

#include <stdint.h>

/* One list gives the numbers (the position), the names, the labels, and the status of a
 * call whose stream was reset with this code. */
#define GREBE__H2_ERROR_MAP(X)                                                           \
    X(NO_ERROR, INTERNAL)                                                                \
    X(PROTOCOL_ERROR, INTERNAL)                                                          \
    X(INTERNAL_ERROR, INTERNAL)                                                          \
    X(FLOW_CONTROL_ERROR, RESOURCE_EXHAUSTED)                                            \
    X(SETTINGS_TIMEOUT, INTERNAL)                                                        \
    X(STREAM_CLOSED, INTERNAL)                                                           \
    X(FRAME_SIZE_ERROR, INTERNAL)                                                        \
    X(REFUSED_STREAM, UNAVAILABLE)                                                       \
    X(CANCEL, CANCELLED)                                                                 \
    X(COMPRESSION_ERROR, INTERNAL)                                                       \
    X(CONNECT_ERROR, INTERNAL)                                                           \
    X(ENHANCE_YOUR_CALM, RESOURCE_EXHAUSTED)                                             \
    X(INADEQUATE_SECURITY, PERMISSION_DENIED)                                            \
    X(HTTP_1_1_REQUIRED, INTERNAL)

enum grebe__h2_error {
#define GREBE__H2_ERROR_ENUM(name, status) GREBE__H2_##name,
    GREBE__H2_ERROR_MAP(GREBE__H2_ERROR_ENUM)
#undef GREBE__H2_ERROR_ENUM
};

/* What each field of a header list counts for besides its text (RFC 9113 6.5.2). */
enum { GREBE__FIELD_OVERHEAD = 32 };

/* "REFUSED_STREAM"; "UNKNOWN" for a number without a name. */
const char *grebe__h2_error_name(uint32_t error_code);

/* UNKNOWN for a number without a name. */
int grebe__h2_error_status(uint32_t error_code);

/* "GOAWAY ENHANCE_YOUR_CALM", static: the reason for losing a connection. */
const char *grebe__h2_goaway_label(uint32_t error_code);

/* The status of a call that an HTTP server answered. */
int grebe__http_status(int http_code);

/* "Not Found"; "" for a number without a name here. */
const char *grebe__http_reason(int http_code);

#endif
