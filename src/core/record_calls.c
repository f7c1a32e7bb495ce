/* SPDX-License-Identifier: Apache-2.0 */
/* The lines about calls: what a picker was asked and answered, and how calls ended.
 *
 * These are two for each call, and the only ones on a path that is measured.
 */
#include <string.h>

#include <grebe/load_report.h>

#include "base/base64.h"
#include "core/metadata.h"
#include "core/record_line.h"

const char *grebe__record_kind(enum grebe_pick_kind kind)
{
    static const char *const names[] = {
        [GREBE_PICK_QUEUE] = "queue",
        [GREBE_PICK_COMPLETE] = "complete",
        [GREBE_PICK_FAIL] = "fail",
        [GREBE_PICK_DROP] = "drop",
    };

    return (unsigned)kind < sizeof names / sizeof names[0] ? names[kind] : "nonsense";
}

/* ---- Metadata ----------------------------------------------------------------------- */

void grebe__record_base64(struct grebe__line *line, const char *key, const void *bytes,
                          size_t length)
{
    const unsigned char *at = bytes;

    grebe__line_open_text(line, key);
    while (length > 0) {
        size_t n = length < 48 ? length : 48;
        char text[64];

        grebe__base64_encode(at, n, text);
        grebe__line_raw(line, text, grebe__base64_encoded_length(n));
        at += n;
        length -= n;
    }
    grebe__line_close_text(line);
}

/* What nobody should find in a file, whoever looked at it. */
static bool is_secret(const char *key)
{
    static const char *const names[] = {"authorization", "proxy-authorization", "cookie",
                                        "set-cookie", "x-api-key"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], key) == 0)
            return true;
    return false;
}

/* [name, value]; of a secret [name, null], of a name in -bin base64. */
static void write_entry(struct grebe__line *line,
                        const struct grebe_metadata_entry *entry)
{
    grebe__line_open_list(line, NULL);
    grebe__line_text(line, NULL, entry->key);
    if (is_secret(entry->key))
        grebe__line_value(line, NULL, "null");
    else if (grebe__metadata_key_is_binary(entry->key, entry->key_length))
        grebe__record_base64(line, NULL, entry->value, entry->value_length);
    else
        grebe__line_bytes(line, NULL, entry->value, entry->value_length);
    grebe__line_close_list(line);
}

static void write_reads(struct grebe__line *line, const char *name,
                        const struct grebe_metadata *metadata,
                        const struct grebe__reads *reads)
{
    if (reads->entries == 0)
        return;
    grebe__line_open_list(line, name);
    for (uint32_t i = 0; i < metadata->n && i < 64; i++)
        if (reads->entries & UINT64_C(1) << i)
            write_entry(line, &metadata->entries[i]);
    grebe__line_close_list(line);
    if (reads->is_incomplete)
        grebe__line_bool(line, "is_incomplete", true);
}

/* ---- Picks -------------------------------------------------------------------------- */

static void write_args(struct grebe__recording *recording,
                       const struct grebe__recorded_call *call,
                       const struct grebe_pick_args *args,
                       const struct grebe__reads *reads)
{
    struct grebe__line *line = &recording->line;

    grebe__line_number(line, "call", call->number);
    grebe__line_text(line, "method", args->method);
    grebe__line_u64(line, "random", args->random);
    if (args->hash != NULL)
        grebe__line_u64(line, "hash", *args->hash);
    if (args->deadline_ns != UINT64_MAX)
        grebe__line_integer(line, "deadline_ns",
                            (int64_t)(args->deadline_ns - recording->start_ns));
    if (call->waits_for_ready)
        grebe__line_bool(line, "wait_for_ready", true);
    write_reads(line, "metadata", args->metadata, reads);
}

static bool is_ours(const struct grebe__recording *recording,
                    const struct grebe_subconn *subconn)
{
    return subconn != NULL && subconn->owner->host == recording->host;
}

/* A picker of API 1 does not know that it may want a load report. */
static void write_answer(struct grebe__recording *recording, uint32_t api,
                         const struct grebe_pick *pick)
{
    struct grebe__line *line = &recording->line;

    grebe__line_text(line, "kind", grebe__record_kind(pick->kind));
    if (pick->kind == GREBE_PICK_FAIL || pick->kind == GREBE_PICK_DROP)
        grebe__record_status(line, pick->status);
    if (pick->kind != GREBE_PICK_COMPLETE)
        return;
    if (is_ours(recording, pick->subconn))
        grebe__record_subconn_name(line, pick->subconn);
    if (pick->on_done != NULL || pick->n_listeners > 0)
        grebe__line_number(line, "listeners",
                           (pick->on_done != NULL) + (uint64_t)pick->n_listeners);
    if (api >= 2 && pick->wants_load_report)
        grebe__line_bool(line, "wants_load", true);
    if (pick->metadata != NULL)
        grebe__line_number(line, "adds_metadata", grebe_metadata_count(pick->metadata));
}

static bool is_named(const char *names, const char *key)
{
    for (; names != NULL && *names != '\0'; names += strlen(names) + 1)
        if (strcmp(names, key) == 0)
            return true;
    return false;
}

/* What is written although nobody looked at it. */
static void add_wanted(const struct grebe__recording *recording,
                       const struct grebe_metadata *metadata, struct grebe__reads *reads)
{
    if (recording->names == NULL && !recording->writes_all_metadata)
        return;
    for (uint32_t i = 0; i < metadata->n && i < 64; i++)
        if (recording->writes_all_metadata ||
            is_named(recording->names, metadata->entries[i].key))
            reads->entries |= UINT64_C(1) << i;
}

void grebe__record_ask(struct grebe__recording *recording, struct grebe_picker *picker,
                       const struct grebe__recorded_call *call,
                       const struct grebe_pick_args *args, struct grebe_pick *out)
{
    struct grebe__reads reads = {0};
    struct grebe_metadata watched = grebe__metadata_watched(args->metadata, &reads);
    struct grebe_pick_args for_picker = *args;

    if (args->metadata != NULL)
        for_picker.metadata = &watched;
    grebe_picker_pick(picker, &for_picker, out);
    add_wanted(recording, &watched, &reads);
    if (!grebe__record_begin_input(recording, "pick"))
        return;
    write_args(recording, call, &for_picker, &reads);
    write_answer(recording, picker->api, out);
    grebe__record_end(recording);
}

/* ---- Ends --------------------------------------------------------------------------- */

/* A list of [name, number]: a backend may say a name twice, and an object must not. */
static void write_map(struct grebe__line *line, const char *name,
                      const struct grebe_load_metric *metrics, size_t n)
{
    if (n == 0)
        return;
    grebe__line_open_list(line, name);
    for (size_t i = 0; i < n; i++) {
        grebe__line_open_list(line, NULL);
        grebe__line_text(line, NULL, metrics[i].name);
        grebe__line_double(line, NULL, metrics[i].value);
        grebe__line_close_list(line);
    }
    grebe__line_close_list(line);
}

static void write_load(struct grebe__line *line, const struct grebe_load_report *load)
{
    const struct {
        const char *name;
        double value;
    } numbers[] = {
        {"cpu_utilization", load->cpu_utilization},
        {"mem_utilization", load->mem_utilization},
        {"application_utilization", load->application_utilization},
        {"rps_fractional", load->rps},
        {"eps", load->eps},
    };

    grebe__line_open_object(line, "load");
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (numbers[i].value != 0)
            grebe__line_double(line, numbers[i].name, numbers[i].value);
    write_map(line, "utilization", load->utilization, load->n_utilization);
    write_map(line, "request_cost", load->request_cost, load->n_request_cost);
    write_map(line, "named_metrics", load->named_metrics, load->n_named_metrics);
    grebe__line_close_object(line);
}

static void record_end(struct grebe__recording *recording,
                       const struct grebe__recorded_end *end,
                       const struct grebe_done_info *info,
                       const struct grebe__reads *reads)
{
    struct grebe__line *line = &recording->line;
    char name[24];

    if (!grebe__record_begin_input(recording, "done"))
        return;
    grebe__line_number(line, "call", end->call);
    grebe__line_text(line, "code", grebe_status_code_name(info->status->code, name));
    grebe__line_number(line, "latency_ns", info->latency_ns);
    if (info->headers_ns != 0)
        grebe__line_number(line, "headers_ns", info->headers_ns);
    if (info->is_streaming)
        grebe__line_bool(line, "streaming", true);
    if (end->is_declined)
        grebe__line_bool(line, "declined", true);
    if (info->bytes_sent)
        grebe__line_bool(line, "sent", true);
    if (info->bytes_received)
        grebe__line_bool(line, "received", true);
    if (info->is_discarded)
        grebe__line_bool(line, "discarded", true);
    write_reads(line, "trailers", info->trailers, reads);
    if (info->server_load != NULL)
        write_load(line, info->server_load);
    grebe__record_end(recording);
}

void grebe__record_tell(struct grebe__recording *recording,
                        const struct grebe__recorded_end *end,
                        const struct grebe_done_info *info)
{
    struct grebe__reads reads = {0};
    struct grebe_metadata watched = grebe__metadata_watched(info->trailers, &reads);
    struct grebe_done_info for_policy = *info;

    if (info->trailers != NULL)
        for_policy.trailers = &watched;
    if (end->on_done != NULL)
        end->on_done(end->arg, &for_policy);
    for (uint32_t i = 0; i < end->n_listeners; i++)
        end->listeners[i].on_done(end->listeners[i].arg, &for_policy);
    record_end(recording, end, &for_policy, &reads);
}
