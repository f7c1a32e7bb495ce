/* SPDX-License-Identifier: Apache-2.0 */
/* grebe/connectivity.h -- the five states of a channel and of a subconn.
 *
 * Sources     gRPC connectivity semantics; the numbers are grpc-go's.
 */
#ifndef GREBE_CONNECTIVITY_H
#define GREBE_CONNECTIVITY_H

#include <grebe/attr.h>

GREBE_BEGIN_DECLS

enum grebe_connectivity {
    GREBE_IDLE = 0,
    GREBE_CONNECTING = 1,
    GREBE_READY = 2,
    GREBE_TRANSIENT_FAILURE = 3,
    GREBE_SHUTDOWN = 4, /* terminal */
};

/* "READY" and so on; "INVALID_STATE" for anything else.  Threading: any. */
GREBE_API const char *grebe_connectivity_name(enum grebe_connectivity state);

GREBE_END_DECLS

#endif
