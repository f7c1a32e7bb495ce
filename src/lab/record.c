/* SPDX-License-Identifier: Apache-2.0 */
#include "lab/record.h"

#include <string.h>

#include <grebe/error.h>

#include "base/base64.h"
#include "base/diag.h"
#include "base/text.h"
#include "config/json.h"
#include "core/metadata.h"
#include "core/record.h"
#include "lab/fields.h"

static const struct {
    const char *name;
    enum lab_record_kind kind;
} kinds[] = {
    {"pick", LAB_RECORD_PICK},
    {"done", LAB_RECORD_DONE},
    {"build", LAB_RECORD_BUILD},
    {"close", LAB_RECORD_CLOSE},
    {"update", LAB_RECORD_UPDATE},
    {"resolver_error", LAB_RECORD_RESOLVER_ERROR},
    {"exit_idle", LAB_RECORD_EXIT_IDLE},
    {"subconn", LAB_RECORD_SUBCONN},
    {"health", LAB_RECORD_HEALTH},
    {"timer", LAB_RECORD_TIMER},
    {"feed_open", LAB_RECORD_FEED_OPEN},
    {"feed_message", LAB_RECORD_FEED_MESSAGE},
    {"feed_end", LAB_RECORD_FEED_END},
    {"new_subconn", LAB_RECORD_NEW_SUBCONN},
    {"start_feed", LAB_RECORD_START_FEED},
    {"connect", LAB_RECORD_REQUEST},
    {"shutdown", LAB_RECORD_REQUEST},
    {"update_addresses", LAB_RECORD_REQUEST},
    {"watch_health", LAB_RECORD_REQUEST},
    {"ignore_health", LAB_RECORD_REQUEST},
    {"state", LAB_RECORD_REQUEST},
    {"resolve_now", LAB_RECORD_REQUEST},
    {"start_timer", LAB_RECORD_REQUEST},
    {"refused", LAB_RECORD_REQUEST},
    {"lost", LAB_RECORD_LOST},
    {"end", LAB_RECORD_END},
};

/* ---- Members ------------------------------------------------------------------------ */

static int lacks(const char *name, struct grebe_diag *diag)
{
    grebe_diag_set(diag, "%s is missing", name);
    return GREBE_ERR_CONFIG;
}

int lab_record_optional(const struct lab_record *record, const char *name, uint64_t *out,
                        struct grebe_diag *diag)
{
    int64_t value = -1;
    int error = grebe_json_get_int64(record->json, name, &value, diag);

    if (error != GREBE_OK || grebe_json_member(record->json, name) == NULL)
        return error;
    if (value < 0) {
        grebe_diag_set(diag, "%s: a number from 0 on is expected", name);
        return GREBE_ERR_CONFIG;
    }
    *out = (uint64_t)value;
    return GREBE_OK;
}

int lab_record_number(const struct lab_record *record, const char *name, uint64_t *out,
                      struct grebe_diag *diag)
{
    int error = lab_record_optional(record, name, out, diag);

    if (error == GREBE_OK && grebe_json_member(record->json, name) == NULL)
        return lacks(name, diag);
    return error;
}

int lab_record_text(const struct lab_record *record, const char *name, const char **out,
                    struct grebe_diag *diag)
{
    int error;

    *out = NULL;
    error = grebe_json_get_string(record->json, name, out, diag);
    return error == GREBE_OK && *out == NULL ? lacks(name, diag) : error;
}

int lab_record_flag(const struct lab_record *record, const char *name, bool *out,
                    struct grebe_diag *diag)
{
    *out = false;
    return grebe_json_get_bool(record->json, name, out, diag);
}

int lab_record_u64(const struct lab_record *record, const char *name, uint64_t *out,
                   bool *is_there, struct grebe_diag *diag)
{
    const char *text = NULL;
    int error = grebe_json_get_string(record->json, name, &text, diag);

    *is_there = text != NULL;
    if (error != GREBE_OK || text == NULL || grebe__parse_u64(text, strlen(text), out))
        return error;
    grebe_diag_set(diag, "%s: a number of 64 bits in quotes is expected", name);
    return GREBE_ERR_CONFIG;
}

int lab_record_status(const struct lab_record *record, struct grebe_status *out,
                      bool *is_there, struct grebe_diag *diag)
{
    const char *name = NULL, *message = "";
    int code, error = grebe_json_get_string(record->json, "code", &name, diag);

    if (error == GREBE_OK)
        error = grebe_json_get_string(record->json, "message", &message, diag);
    *is_there = name != NULL;
    if (error != GREBE_OK || name == NULL)
        return error;
    code = grebe_status_code_parse(name);
    if (code < 0) {
        grebe__diag_quote(diag, name, strlen(name), "code: there is no status code");
        return GREBE_ERR_CONFIG;
    }
    *out = grebe_status_of(code, message);
    return GREBE_OK;
}

int lab_record_state(const struct lab_record *record, enum grebe_connectivity *out,
                     struct grebe_diag *diag)
{
    const char *text;
    int error = lab_record_text(record, "state", &text, diag);

    if (error != GREBE_OK)
        return error;
    for (int i = GREBE_IDLE; i <= GREBE_SHUTDOWN; i++) {
        if (strcmp(grebe_connectivity_name((enum grebe_connectivity)i), text) == 0) {
            *out = (enum grebe_connectivity)i;
            return GREBE_OK;
        }
    }
    grebe__diag_quote(diag, text, strlen(text), "state: there is no state");
    return GREBE_ERR_CONFIG;
}

static int decode(const struct grebe_mem *mem, const char *text, unsigned char **out,
                  size_t *length)
{
    size_t n = strlen(text);

    *out = grebe_mem_alloc(mem, n + 3);
    if (*out == NULL)
        return GREBE_ERR_NOMEM;
    if (grebe__base64_decode(text, n, *out, length))
        return GREBE_OK;
    grebe_mem_free(mem, *out);
    return GREBE_ERR_CONFIG;
}

int lab_record_bytes(const struct lab_record *record, const struct grebe_mem *mem,
                     const char *name, unsigned char **out, size_t *length,
                     struct grebe_diag *diag)
{
    const char *text;
    int error = lab_record_text(record, name, &text, diag);

    if (error != GREBE_OK)
        return error;
    error = decode(mem, text, out, length);
    if (error == GREBE_ERR_CONFIG)
        grebe_diag_set(diag, "%s: base64 is expected", name);
    return error;
}

/* [name, value]; a secret's value is null, and comes back empty. */
static int add_entry(struct grebe_metadata *metadata, const struct grebe_mem *mem,
                     const struct grebe_json *pair)
{
    const char *name = grebe_json_string(grebe_json_element(pair, 0));
    const char *value = grebe_json_string(grebe_json_element(pair, 1));
    unsigned char *bytes;
    size_t length;
    int error;

    if (name == NULL || grebe_json_length(pair) != 2)
        return GREBE_ERR_CONFIG;
    if (value == NULL)
        value = "";
    if (!grebe__metadata_key_is_binary(name, strlen(name)))
        return grebe_metadata_add(metadata, name, value, strlen(value));
    error = decode(mem, value, &bytes, &length);
    if (error != GREBE_OK)
        return error;
    error = grebe_metadata_add(metadata, name, bytes, length);
    grebe_mem_free(mem, bytes);
    return error;
}

int lab_record_metadata(const struct lab_record *record, const struct grebe_mem *mem,
                        const char *name, struct grebe_metadata **out,
                        struct grebe_diag *diag)
{
    const struct grebe_json *list = NULL;
    struct grebe_metadata *metadata;
    int error = grebe_json_get_array(record->json, name, &list, diag);

    *out = NULL;
    if (error != GREBE_OK || list == NULL)
        return error;
    metadata = grebe_metadata_new(mem);
    if (metadata == NULL)
        return GREBE_ERR_NOMEM;
    for (size_t i = 0; error == GREBE_OK && i < grebe_json_length(list); i++) {
        error = add_entry(metadata, mem, grebe_json_element(list, i));
        if (error == GREBE_OK || error == GREBE_ERR_NOMEM)
            continue;
        grebe_diag_set(diag, "%s[%zu]: a name and a value, fit for a call, are expected",
                       name, i);
        error = GREBE_ERR_CONFIG;
    }
    if (error == GREBE_OK)
        *out = metadata;
    else
        grebe_metadata_unref(metadata);
    return error;
}

/* ---- Lines -------------------------------------------------------------------------- */

static int read_header(struct lab_record *record, struct grebe_diag *diag)
{
    uint64_t version = 0;
    int error = lab_record_number(record, "grebe_recording", &version, diag);

    record->kind = LAB_RECORD_HEADER;
    if (error != GREBE_OK || version == GREBE__RECORD_VERSION)
        return error;
    grebe_diag_set(diag, "a recording of version %llu: this grebe reads version %d",
                   (unsigned long long)version, GREBE__RECORD_VERSION);
    return GREBE_ERR_CONFIG;
}

static int read_kind(struct lab_record *record, struct grebe_diag *diag)
{
    const char *name;
    int error = lab_record_text(record, "ev", &name, diag);

    if (error != GREBE_OK)
        return error;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            record->kind = kinds[i].kind;
            return GREBE_OK;
        }
    }
    grebe__diag_quote(diag, name, strlen(name), "ev: there is no event");
    return GREBE_ERR_CONFIG;
}

static int read_line(struct lab_record *record, struct grebe_diag *diag)
{
    uint64_t after = 0;
    int error;

    if (grebe_json_type(record->json) != GREBE_JSON_OBJECT) {
        grebe_diag_set(diag, "an object is expected, and this is %s",
                       grebe__json_type_text(record->json));
        return GREBE_ERR_CONFIG;
    }
    if (grebe_json_member(record->json, "grebe_recording") != NULL)
        return read_header(record, diag);
    error = read_kind(record, diag);
    if (error == GREBE_OK)
        error = lab_record_number(record, "ns", &record->ns, diag);
    if (error == GREBE_OK)
        error = lab_record_optional(record, "after", &after, diag);
    record->after = after > UINT32_MAX ? UINT32_MAX : (uint32_t)after;
    return error;
}

int lab_record_parse(const char *text, size_t length, struct grebe_diag *diag,
                     struct lab_record *out)
{
    int error;

    *out = (struct lab_record){.kind = LAB_RECORD_HEADER};
    error = lab_fields_parse(text, length, diag, &out->json);
    if (error != GREBE_OK)
        return error;
    error = read_line(out, diag);
    if (error != GREBE_OK)
        lab_record_free(out);
    return error;
}

void lab_record_free(struct lab_record *record)
{
    if (record->json != NULL)
        grebe_json_free(record->json);
    record->json = NULL;
}

static int copy_text(const struct lab_record *record, const struct grebe_mem *mem,
                     const char *name, char **out, struct grebe_diag *diag)
{
    const char *text;
    int error = lab_record_text(record, name, &text, diag);

    if (error != GREBE_OK)
        return error;
    *out = grebe_mem_strdup(mem, text);
    return *out == NULL ? GREBE_ERR_NOMEM : GREBE_OK;
}

int lab_record_header(const struct lab_record *record, const struct grebe_mem *mem,
                      struct lab_record_header *out, struct grebe_diag *diag)
{
    int error = lab_record_number(record, "clock_ns", &out->clock_ns, diag);

    if (error == GREBE_OK)
        error = lab_record_number(record, "happy_eyeballs_delay_ns",
                                  &out->options.happy_eyeballs_delay_ns, diag);
    if (error == GREBE_OK)
        error = copy_text(record, mem, "target", &out->target, diag);
    if (error == GREBE_OK)
        error = copy_text(record, mem, "authority", &out->authority, diag);
    if (error == GREBE_OK)
        error = copy_text(record, mem, "user_agent", &out->user_agent, diag);
    out->options.target = out->target;
    out->options.authority = out->authority;
    out->options.user_agent = out->user_agent;
    return error;
}

void lab_record_header_free(struct lab_record_header *header, const struct grebe_mem *mem)
{
    grebe_mem_free(mem, header->target);
    grebe_mem_free(mem, header->authority);
    grebe_mem_free(mem, header->user_agent);
}

int lab_record_check_order(const struct lab_record *record, bool has_header, bool has_end,
                           uint64_t *now_ns, struct grebe_diag *diag)
{
    bool is_header = record->kind == LAB_RECORD_HEADER;

    if (is_header == has_header) {
        grebe_diag_set(diag, "%s",
                       is_header ? "a second first line: these are two recordings"
                                 : "this is no recording: its first line has to say "
                                   "\"grebe_recording\"");
        return GREBE_ERR_CONFIG;
    }
    if (has_end) {
        grebe_diag_set(diag, "it stands behind the end of the recording");
        return GREBE_ERR_CONFIG;
    }
    if (record->ns < *now_ns) {
        grebe_diag_set(diag, "ns: the line above is from a later moment");
        return GREBE_ERR_CONFIG;
    }
    *now_ns = record->ns;
    return GREBE_OK;
}
