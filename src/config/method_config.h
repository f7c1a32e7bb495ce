/* SPDX-License-Identifier: Apache-2.0 */
/* config/method_config.h -- what a service config says about the calls of some methods.
 *
 * Sources     grpc.service_config.MethodConfig; gRFC A6 (retries, hedging).
 */
#ifndef GREBE_CONFIG_METHOD_CONFIG_H
#define GREBE_CONFIG_METHOD_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include <grebe/json.h>

/* A set of status codes: bit n stands for code n. */
static inline bool grebe__code_set_has(uint32_t set, int code)
{
    return code >= 0 && code < 32 && (set >> code & 1) != 0;
}

struct grebe__retry_policy {
    uint32_t max_attempts; /* at least 2; 0: no policy.  The channel has its own limit */
    uint32_t retryable_codes;
    int64_t initial_backoff_ns; /* > 0; may be more than the maximum */
    int64_t max_backoff_ns;     /* > 0 */
    double backoff_multiplier;  /* > 0; may be less than 1 */
};

struct grebe__hedging_policy {
    uint32_t max_attempts; /* likewise */
    uint32_t non_fatal_codes;
    int64_t hedging_delay_ns; /* >= 0; 0: all at once */
};

/* Zeroed, it says nothing. */
struct grebe__method_config {
    bool has_wait_for_ready, wait_for_ready;
    bool has_timeout;
    bool has_max_request_bytes, has_max_response_bytes;
    uint32_t max_request_bytes, max_response_bytes;
    int64_t timeout_ns; /* >= 0; 0: over before it begins */
    struct grebe__retry_policy retry;
    struct grebe__hedging_policy hedging; /* not both have max_attempts */
};

/* The fields of one entry of "methodConfig", but not its names.  The fields of an entry
 * that names no method (`is_unused`) need only be well-formed, as in grpc-go. */
int grebe__method_config_parse(const struct grebe_json *entry, bool is_unused,
                               struct grebe_diag *diag, struct grebe__method_config *out);

#endif
