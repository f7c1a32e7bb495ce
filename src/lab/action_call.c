/* SPDX-License-Identifier: Apache-2.0 */
/* Lines about calls: what they ask for, and how they end. */
#include "lab/actions.h"

#include <string.h>

#include "base/base64.h"
#include "base/diag.h"
#include "base/text.h"
#include "lab/fields.h"
#include "lab/load.h"

static int add_metadata(struct grebe_metadata *metadata, const char *key,
                        const char *value, struct grebe_diag *diag)
{
    size_t key_length = strlen(key), length = strlen(value);
    unsigned char *bytes;
    int error;

    if (key_length < 4 || strcmp(key + key_length - 4, "-bin") != 0) {
        error = grebe_metadata_add(metadata, key, value, length);
    } else {
        bytes = grebe_mem_alloc(NULL, length + 1);
        if (bytes == NULL)
            return GREBE_ERR_NOMEM;
        error = grebe__base64_decode(value, length, bytes, &length)
                    ? grebe_metadata_add(metadata, key, bytes, length)
                    : GREBE_ERR_INVALID;
        grebe_mem_free(NULL, bytes);
    }
    if (error != GREBE_ERR_INVALID)
        return error;
    grebe__diag_quote(diag, key, key_length,
                      "metadata: not fit for a call, key or value (that of a key in -bin "
                      "is base64)");
    return GREBE_ERR_CONFIG;
}

/* *out is NULL if the line has none; else a reference. */
static int read_metadata(const struct grebe_mem *mem, const struct grebe_json *line,
                         struct grebe_metadata **out, struct grebe_diag *diag)
{
    const struct grebe_json *object = NULL, *value;
    struct grebe_metadata *metadata;
    const char *key = NULL;
    int error = grebe_json_get_object(line, "metadata", &object, diag);

    *out = NULL;
    if (error != GREBE_OK || object == NULL)
        return error;
    metadata = grebe_metadata_new(mem);
    if (metadata == NULL)
        return GREBE_ERR_NOMEM;
    while (error == GREBE_OK &&
           (value = grebe_json_next_member(object, key, &key)) != NULL) {
        if (grebe_json_string(value) == NULL) {
            grebe__diag_quote(diag, key, strlen(key), "metadata: expected text under");
            error = GREBE_ERR_CONFIG;
        } else {
            error = add_metadata(metadata, key, grebe_json_string(value), diag);
        }
    }
    if (error == GREBE_OK)
        *out = metadata;
    else
        grebe_metadata_unref(metadata);
    return error;
}

/* `load` is what out->load points into: the caller's to free, unless this fails. */
static int read_outcome(const struct lab_reader *reader, const struct grebe_json *line,
                        struct lab_load *load, struct lab_outcome *out,
                        struct grebe_diag *diag)
{
    bool has_headers;
    int error;

    *out = (struct lab_outcome){.status = grebe_status_of(GREBE_STATUS_OK, "")};
    error = lab_fields_status(line, &out->status, diag);
    if (error == GREBE_OK)
        error = lab_fields_ms(line, "latency_ms", LAB_TIME_MAX_MS, &out->latency_ns,
                              &out->has_latency, diag);
    if (error == GREBE_OK)
        error = lab_fields_ms(line, "headers_ms", LAB_TIME_MAX_MS, &out->headers_ns,
                              &has_headers, diag);
    if (error == GREBE_OK)
        error = grebe_json_get_bool(line, "streaming", &out->is_streaming, diag);
    if (error == GREBE_OK)
        error = lab_load_parse(reader->options.mem, line, diag, load);
    if (error == GREBE_OK)
        out->load = lab_load_report(load);
    return error;
}

static int read_n(const struct grebe_json *line, uint32_t *out, struct grebe_diag *diag)
{
    int64_t n = 1;
    int error = grebe_json_get_int64(line, "n", &n, diag);

    if (error != GREBE_OK)
        return error;
    if (n < 1 || n > LAB_N_MAX) {
        grebe_diag_set(diag, "n: expected a number from 1 to %d", LAB_N_MAX);
        return GREBE_ERR_CONFIG;
    }
    *out = (uint32_t)n;
    return GREBE_OK;
}

/* "now" or "hold". */
static int read_when(const struct grebe_json *line, bool *holds, struct grebe_diag *diag)
{
    const char *when = "now";
    int error = grebe_json_get_string(line, "done", &when, diag);

    if (error != GREBE_OK)
        return error;
    *holds = strcmp(when, "hold") == 0;
    if (*holds || strcmp(when, "now") == 0)
        return GREBE_OK;
    grebe__diag_quote(diag, when, strlen(when),
                      "done: expected \"now\" or \"hold\", found");
    return GREBE_ERR_CONFIG;
}

static int read_hash(const struct grebe_json *line, struct lab_call *call,
                     struct grebe_diag *diag)
{
    const char *text = NULL;
    int error = grebe_json_get_string(line, "hash", &text, diag);

    if (error != GREBE_OK || text == NULL)
        return error;
    if (grebe__parse_u64(text, strlen(text), &call->hash)) {
        call->has_hash = true;
        return GREBE_OK;
    }
    grebe__diag_quote(diag, text, strlen(text),
                      "hash: expected a string with a number of 64 bits, found");
    return GREBE_ERR_CONFIG;
}

/* An outcome belongs to the end of a call: a call that stays open has none yet. */
static int check_hold(const struct grebe_json *line, struct grebe_diag *diag)
{
    static const char *const names[] = {"status", "load", "latency_ms", "headers_ms",
                                        "streaming"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (grebe_json_member(line, names[i]) != NULL) {
            grebe_diag_set(diag,
                           "%s goes with the line that ends the call, not with "
                           "\"done\": \"hold\"",
                           names[i]);
            return GREBE_ERR_CONFIG;
        }
    }
    return GREBE_OK;
}

/* What a line says of the calls it makes, but for how they end. */
static int read_calls(const struct grebe_json *line, struct lab_call *call, uint32_t *n,
                      bool *holds, struct grebe_diag *diag)
{
    int error = grebe_json_get_string(line, "method", &call->method, diag);

    if (error == GREBE_OK)
        error = read_n(line, n, diag);
    if (error == GREBE_OK)
        error = read_hash(line, call, diag);
    if (error == GREBE_OK)
        error = read_when(line, holds, diag);
    if (error == GREBE_OK && *holds)
        error = check_hold(line, diag);
    return error;
}

int lab__do_pick(struct lab_reader *reader, const struct grebe_json *line,
                 struct grebe_diag *diag)
{
    struct lab_call call = {.method = "/lab.Lab/Call"};
    struct grebe_metadata *metadata;
    struct lab_outcome outcome;
    struct lab_load load;
    bool holds = false;
    uint32_t n = 1;
    int error = read_calls(line, &call, &n, &holds, diag);

    if (error == GREBE_OK)
        error = read_metadata(reader->lab.host.mem, line, &metadata, diag);
    if (error != GREBE_OK)
        return error;
    error = read_outcome(reader, line, &load, &outcome, diag);
    if (error == GREBE_OK) {
        call.metadata = metadata;
        error = lab_pick(&reader->lab, &call, n, holds ? NULL : &outcome);
        lab_load_free(&load);
    }
    grebe_metadata_unref(metadata);
    return error;
}

static int find_id(const struct grebe_json *line, int64_t *out, struct grebe_diag *diag)
{
    int error = grebe_json_get_int64(line, "id", out, diag);

    if (error == GREBE_OK && grebe_json_member(line, "id") == NULL) {
        grebe_diag_set(diag, "id is missing");
        return GREBE_ERR_CONFIG;
    }
    return error;
}

int lab__do_done(struct lab_reader *reader, const struct grebe_json *line,
                 struct grebe_diag *diag)
{
    struct lab_outcome outcome;
    struct lab_load load;
    int64_t id = -1;
    bool has_ended;
    int error = find_id(line, &id, diag);

    if (error == GREBE_OK)
        error = read_outcome(reader, line, &load, &outcome, diag);
    if (error != GREBE_OK)
        return error;
    has_ended = id >= 0 && lab_done(&reader->lab, (uint64_t)id, &outcome) == GREBE_OK;
    lab_load_free(&load);
    if (has_ended)
        return GREBE_OK;
    grebe_diag_set(diag,
                   "no call is open under id %lld: ids are those of picks with "
                   "\"done\": \"hold\" that were completed",
                   (long long)id);
    return GREBE_ERR_CONFIG;
}
