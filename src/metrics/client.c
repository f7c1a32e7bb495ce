/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics/client.h"

#include "base/assert.h"

/* ---- Buckets (gRFC A66, A96) ------------------------------------------------------- */

static const double seconds[] = {
    0,     0.00001, 0.00005, 0.0001, 0.0003, 0.0006, 0.0008, 0.001, 0.002, 0.003, 0.004,
    0.005, 0.006,   0.008,   0.01,   0.013,  0.016,  0.02,   0.025, 0.03,  0.04,  0.05,
    0.065, 0.08,    0.1,     0.13,   0.16,   0.2,    0.25,   0.3,   0.4,   0.5,   0.65,
    0.8,   1,       2,       5,      10,     20,     50,     100,
};

static const double bytes[] = {
    0,       1024,    2048,     4096,     16384,     65536,      262144,
    1048576, 4194304, 16777216, 67108864, 268435456, 1073741824, 4294967296,
};

static const double transparent_retries[] = {1, 2, 3, 4, 5, 10};

/* ---- Labels -------------------------------------------------------------------------- */

#define BACKEND_SERVICE "grpc.lb.backend_service"
#define CUSTOM          "grpc.client.call.custom"
#define LOCALITY        "grpc.lb.locality"
#define METHOD          "grpc.method"
#define STATUS          "grpc.status"
#define TARGET          "grpc.target"

static const char *const of_started[] = {METHOD, TARGET};
static const char *const of_ended[] = {METHOD, TARGET, STATUS};
static const char *const of_subchannel[] = {TARGET};

static const char *const also_of_call[] = {CUSTOM};
static const char *const also_of_attempt[] = {LOCALITY, BACKEND_SERVICE, CUSTOM};
static const char *const also_of_subchannel[] = {BACKEND_SERVICE, LOCALITY};
static const char *const also_of_disconnection[] = {BACKEND_SERVICE, LOCALITY,
                                                    "grpc.disconnect_error"};
static const char *const also_of_connection[] = {BACKEND_SERVICE, LOCALITY,
                                                 "grpc.security_level"};

#define LABELS(required, optional)                                                       \
    .labels = (required), .n_labels = GREBE_ARRAY_LEN(required),                         \
    .optional_labels = (optional), .n_optional_labels = GREBE_ARRAY_LEN(optional)
#define BOUNDS(array) .bounds = (array), .n_bounds = GREBE_ARRAY_LEN(array)

/* ---- Attempts and calls --------------------------------------------------------------- */

const struct grebe_instrument grebe__attempt_started = {
    .api = GREBE_METRICS_API,
    .kind = GREBE_INSTRUMENT_COUNTER,
    .name = "grpc.client.attempt.started",
    .description = "Attempts that have begun, ended or not",
    .unit = "{attempt}",
    LABELS(of_started, also_of_call),
    .is_on_by_default = true,
};

const struct grebe_instrument grebe__attempt_duration = {
    .api = GREBE_METRICS_API,
    .kind = GREBE_INSTRUMENT_HISTOGRAM,
    .name = "grpc.client.attempt.duration",
    .description = "Time of an attempt from before its pick to its status",
    .unit = "s",
    BOUNDS(seconds),
    LABELS(of_ended, also_of_attempt),
    .is_on_by_default = true,
};

const struct grebe_instrument grebe__attempt_sent = {
    .api = GREBE_METRICS_API,
    .kind = GREBE_INSTRUMENT_HISTOGRAM,
    .name = "grpc.client.attempt.sent_total_compressed_message_size",
    .description =
        "Bytes of all request messages of an attempt, compressed, without framing",
    .unit = "By",
    BOUNDS(bytes),
    LABELS(of_ended, also_of_attempt),
    .is_on_by_default = true,
};

const struct grebe_instrument grebe__attempt_received = {
    .api = GREBE_METRICS_API,
    .kind = GREBE_INSTRUMENT_HISTOGRAM,
    .name = "grpc.client.attempt.rcvd_total_compressed_message_size",
    .description =
        "Bytes of all response messages of an attempt, compressed, without framing",
    .unit = "By",
    BOUNDS(bytes),
    LABELS(of_ended, also_of_attempt),
    .is_on_by_default = true,
};

const struct grebe_instrument grebe__call_duration = {
    .api = GREBE_METRICS_API,
    .kind = GREBE_INSTRUMENT_HISTOGRAM,
    .name = "grpc.client.call.duration",
    .description = "Time of a call as its caller sees it",
    .unit = "s",
    BOUNDS(seconds),
    LABELS(of_ended, also_of_call),
    .is_on_by_default = true,
};

const struct grebe_instrument grebe__call_transparent_retries = {
    .api = GREBE_METRICS_API,
    .kind = GREBE_INSTRUMENT_HISTOGRAM,
    .name = "grpc.client.call.transparent_retries",
    .description = "Transparent retries of a call that had any",
    .unit = "{transparent_retry}",
    BOUNDS(transparent_retries),
    LABELS(of_started, also_of_call),
};

/* ---- Subchannels ---------------------------------------------------------------------- */

const struct grebe_instrument grebe__subchannel_succeeded = {
    .api = GREBE_METRICS_API,
    .kind = GREBE_INSTRUMENT_COUNTER,
    .name = "grpc.subchannel.connection_attempts_succeeded",
    .description = "Attempts to connect that succeeded",
    .unit = "{attempt}",
    LABELS(of_subchannel, also_of_subchannel),
};

const struct grebe_instrument grebe__subchannel_failed = {
    .api = GREBE_METRICS_API,
    .kind = GREBE_INSTRUMENT_COUNTER,
    .name = "grpc.subchannel.connection_attempts_failed",
    .description = "Attempts to connect that failed",
    .unit = "{attempt}",
    LABELS(of_subchannel, also_of_subchannel),
};

const struct grebe_instrument grebe__subchannel_disconnections = {
    .api = GREBE_METRICS_API,
    .kind = GREBE_INSTRUMENT_COUNTER,
    .name = "grpc.subchannel.disconnections",
    .description = "Connections that were lost or given up",
    .unit = "{disconnection}",
    LABELS(of_subchannel, also_of_disconnection),
};

const struct grebe_instrument grebe__subchannel_open = {
    .api = GREBE_METRICS_API,
    .kind = GREBE_INSTRUMENT_UP_DOWN_COUNTER,
    .name = "grpc.subchannel.open_connections",
    .description = "Connections that are open",
    .unit = "{connection}",
    LABELS(of_subchannel, also_of_connection),
};

const struct grebe_instrument *const grebe__client_instruments[] = {
    &grebe__attempt_started,
    &grebe__attempt_duration,
    &grebe__attempt_sent,
    &grebe__attempt_received,
    &grebe__call_duration,
    &grebe__call_transparent_retries,
    &grebe__subchannel_succeeded,
    &grebe__subchannel_failed,
    &grebe__subchannel_disconnections,
    &grebe__subchannel_open,
    NULL,
};
