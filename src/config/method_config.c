/* SPDX-License-Identifier: Apache-2.0 */
/* config/method_config.c -- in two passes: read_x() takes a field's JSON apart and fails
 * when it is ill-formed, check_x() fails when its value is not allowed.
 */
#include "config/method_config.h"

#include <inttypes.h>

#include <grebe/status.h>

#include "config/json.h"

enum { MAX_CODE = GREBE_STATUS_UNAUTHENTICATED };

/* ---- Reading ----------------------------------------------------------------------- */

struct attempts {
    const struct grebe_json *json; /* the policy's object; NULL: none */
    int64_t max_attempts;
    uint32_t codes;
};

struct raw {
    bool wait_for_ready;
    int64_t timeout_ns; /* negative: none */
    int64_t max_request_bytes, max_response_bytes;
    struct attempts retry, hedging;
    int64_t initial_backoff_ns, max_backoff_ns, hedging_delay_ns;
    double backoff_multiplier;
};

/* By name, in any case, or by number. */
static bool read_code(const struct grebe_json *json, int64_t *out)
{
    const char *name = grebe_json_string(json);

    if (name != NULL)
        *out = grebe_status_code_parse(name);
    else if (!grebe__json_integer(json, out))
        return false;
    return *out >= 0 && *out <= MAX_CODE;
}

static int read_codes(const struct grebe_json *object, const char *name, uint32_t *out,
                      struct grebe_diag *diag)
{
    const struct grebe_json *list = NULL;
    int error = grebe_json_get_array(object, name, &list, diag);
    int64_t code;

    if (error != GREBE_OK)
        return error;
    for (size_t i = 0; i < grebe_json_length(list); i++) {
        if (!read_code(grebe_json_element(list, i), &code)) {
            grebe_diag_set(diag, "%s[%zu]: not a status code", name, i);
            return GREBE_ERR_CONFIG;
        }
        *out |= UINT32_C(1) << code;
    }
    return GREBE_OK;
}

static int read_attempts(const struct grebe_json *json, const char *codes_name,
                         struct attempts *out, struct grebe_diag *diag)
{
    int error = grebe_json_get_int64(json, "maxAttempts", &out->max_attempts, diag);

    out->json = json;
    return error != GREBE_OK ? error : read_codes(json, codes_name, &out->codes, diag);
}

static int read_retry(const struct grebe_json *json, struct raw *out,
                      struct grebe_diag *diag)
{
    int error = read_attempts(json, "retryableStatusCodes", &out->retry, diag);

    if (error == GREBE_OK)
        error = grebe_json_get_duration(json, "initialBackoff", &out->initial_backoff_ns,
                                        diag);
    if (error == GREBE_OK)
        error = grebe_json_get_duration(json, "maxBackoff", &out->max_backoff_ns, diag);
    if (error == GREBE_OK)
        error = grebe_json_get_double(json, "backoffMultiplier", &out->backoff_multiplier,
                                      diag);
    return error;
}

static int read_hedging(const struct grebe_json *json, struct raw *out,
                        struct grebe_diag *diag)
{
    int error = read_attempts(json, "nonFatalStatusCodes", &out->hedging, diag);

    if (error == GREBE_OK)
        error =
            grebe_json_get_duration(json, "hedgingDelay", &out->hedging_delay_ns, diag);
    return error;
}

/* An object that may be absent. */
static int read_policy(const struct grebe_json *entry, const char *name,
                       int (*read)(const struct grebe_json *json, struct raw *out,
                                   struct grebe_diag *diag),
                       struct raw *out, struct grebe_diag *diag)
{
    const struct grebe_json *json = NULL;
    int error = grebe_json_get_object(entry, name, &json, diag);

    if (error != GREBE_OK || json == NULL)
        return error;
    error = read(json, out, diag);
    if (error != GREBE_OK)
        grebe_diag_prefix(diag, "%s", name);
    return error;
}

static int read_limits(const struct grebe_json *entry, struct raw *out,
                       struct grebe_diag *diag)
{
    int error = grebe_json_get_int64(entry, "maxRequestMessageBytes",
                                     &out->max_request_bytes, diag);

    if (error == GREBE_OK)
        error = grebe_json_get_int64(entry, "maxResponseMessageBytes",
                                     &out->max_response_bytes, diag);
    return error;
}

static int read_entry(const struct grebe_json *entry, struct raw *out,
                      struct grebe_diag *diag)
{
    int error = grebe_json_get_bool(entry, "waitForReady", &out->wait_for_ready, diag);

    if (error == GREBE_OK)
        error = grebe_json_get_duration(entry, "timeout", &out->timeout_ns, diag);
    if (error == GREBE_OK)
        error = read_limits(entry, out, diag);
    if (error == GREBE_OK)
        error = read_policy(entry, "retryPolicy", read_retry, out, diag);
    if (error == GREBE_OK)
        error = read_policy(entry, "hedgingPolicy", read_hedging, out, diag);
    return error;
}

/* ---- Checking ---------------------------------------------------------------------- */

/* A message's length travels in 32 bits and is an int to most languages: more than that
 * is no limit. */
static int check_limit(const struct grebe_json *entry, const char *name, int64_t bytes,
                       bool *is_set, uint32_t *out, struct grebe_diag *diag)
{
    if (bytes < 0) {
        grebe_diag_set(diag, "%s: %" PRId64 " is less than 0", name, bytes);
        return GREBE_ERR_CONFIG;
    }
    *is_set = grebe_json_member(entry, name) != NULL;
    *out = bytes > INT32_MAX ? INT32_MAX : (uint32_t)bytes;
    return GREBE_OK;
}

static int check_attempts(const struct attempts *attempts, uint32_t *out,
                          struct grebe_diag *diag)
{
    if (grebe_json_member(attempts->json, "maxAttempts") == NULL) {
        grebe_diag_set(diag, "maxAttempts: missing");
        return GREBE_ERR_CONFIG;
    }
    if (attempts->max_attempts < 2) {
        grebe_diag_set(diag, "maxAttempts: %" PRId64 " is less than 2",
                       attempts->max_attempts);
        return GREBE_ERR_CONFIG;
    }
    *out = attempts->max_attempts > UINT32_MAX ? UINT32_MAX
                                               : (uint32_t)attempts->max_attempts;
    return GREBE_OK;
}

static int check_backoff(const struct grebe_json *json, const char *name,
                         int64_t backoff_ns, struct grebe_diag *diag)
{
    if (backoff_ns > 0)
        return GREBE_OK;
    grebe_diag_set(diag, "%s: %s", name,
                   grebe_json_member(json, name) == NULL ? "missing" : "not more than 0");
    return GREBE_ERR_CONFIG;
}

/* All five fields are needed (gRFC A6). */
static int check_retry(const struct raw *raw, struct grebe__retry_policy *out,
                       struct grebe_diag *diag)
{
    const struct grebe_json *json = raw->retry.json;
    int error = check_attempts(&raw->retry, &out->max_attempts, diag);

    if (error == GREBE_OK)
        error = check_backoff(json, "initialBackoff", raw->initial_backoff_ns, diag);
    if (error == GREBE_OK)
        error = check_backoff(json, "maxBackoff", raw->max_backoff_ns, diag);
    if (error != GREBE_OK)
        return error;
    if (!(raw->backoff_multiplier > 0)) {
        grebe_diag_set(diag, "backoffMultiplier: missing, or not more than 0");
        return GREBE_ERR_CONFIG;
    }
    if (raw->retry.codes == 0) {
        grebe_diag_set(diag, "retryableStatusCodes: missing, or empty");
        return GREBE_ERR_CONFIG;
    }
    out->initial_backoff_ns = raw->initial_backoff_ns;
    out->max_backoff_ns = raw->max_backoff_ns;
    out->backoff_multiplier = raw->backoff_multiplier;
    out->retryable_codes = raw->retry.codes;
    return GREBE_OK;
}

static int check_hedging(const struct raw *raw, struct grebe__hedging_policy *out,
                         struct grebe_diag *diag)
{
    int error = check_attempts(&raw->hedging, &out->max_attempts, diag);

    if (error != GREBE_OK)
        return error;
    if (raw->hedging_delay_ns < 0) {
        grebe_diag_set(diag, "hedgingDelay: less than 0");
        return GREBE_ERR_CONFIG;
    }
    out->hedging_delay_ns = raw->hedging_delay_ns;
    out->non_fatal_codes = raw->hedging.codes;
    return GREBE_OK;
}

static int check_policies(const struct raw *raw, struct grebe__method_config *out,
                          struct grebe_diag *diag)
{
    int error = GREBE_OK;

    if (raw->retry.json != NULL && raw->hedging.json != NULL) {
        grebe_diag_set(diag, "hedgingPolicy: there is a retryPolicy too");
        return GREBE_ERR_CONFIG;
    }
    if (raw->retry.json != NULL) {
        error = check_retry(raw, &out->retry, diag);
        if (error != GREBE_OK)
            grebe_diag_prefix(diag, "retryPolicy");
    } else if (raw->hedging.json != NULL) {
        error = check_hedging(raw, &out->hedging, diag);
        if (error != GREBE_OK)
            grebe_diag_prefix(diag, "hedgingPolicy");
    }
    return error;
}

int grebe__method_config_parse(const struct grebe_json *entry, bool is_unused,
                               struct grebe_diag *diag, struct grebe__method_config *out)
{
    struct raw raw = {.timeout_ns = -1};
    struct grebe__method_config made = {0};
    int error = read_entry(entry, &raw, diag);

    if (error != GREBE_OK || is_unused)
        return error;
    error = check_limit(entry, "maxRequestMessageBytes", raw.max_request_bytes,
                        &made.has_max_request_bytes, &made.max_request_bytes, diag);
    if (error == GREBE_OK)
        error = check_limit(entry, "maxResponseMessageBytes", raw.max_response_bytes,
                            &made.has_max_response_bytes, &made.max_response_bytes, diag);
    if (error == GREBE_OK)
        error = check_policies(&raw, &made, diag);
    if (error != GREBE_OK)
        return error;
    made.has_wait_for_ready = grebe_json_member(entry, "waitForReady") != NULL;
    made.wait_for_ready = raw.wait_for_ready;
    /* A negative timeout is none, as in grpc-go. */
    made.has_timeout = raw.timeout_ns >= 0;
    made.timeout_ns = made.has_timeout ? raw.timeout_ns : 0;
    *out = made;
    return GREBE_OK;
}
