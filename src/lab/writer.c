/* SPDX-License-Identifier: Apache-2.0 */
#include "lab/writer.h"

#include <string.h>

#include "lab/lab.h"

/* ---- Parts -------------------------------------------------------------------------- */

static const char *const answers[LAB_N_ANSWERS] = {
    [GREBE_PICK_COMPLETE] = "complete",
    [GREBE_PICK_QUEUE] = "queue",
    [GREBE_PICK_FAIL] = "fail",
    [GREBE_PICK_DROP] = "drop",
};

static void write_subconn(struct grebe__line *out, const struct lab_subconn *subconn)
{
    grebe__line_number(out, "id", subconn->id);
    grebe__line_text(out, "address", lab_subconn_name(subconn));
}

static void write_addresses(struct grebe__line *out, const struct lab_subconn *subconn)
{
    grebe__line_number(out, "id", subconn->id);
    grebe__line_open_list(out, "addresses");
    for (size_t i = 0; i < subconn->n_addresses; i++)
        grebe__line_text(out, NULL, grebe_address_text(subconn->addresses[i]));
    grebe__line_close_list(out);
}

static void write_status(struct grebe__line *out, const struct grebe_status *status)
{
    char name[24];

    grebe__line_open_object(out, "status");
    grebe__line_text(out, "code", grebe_status_code_name(status->code, name));
    grebe__line_bytes(out, "message", status->message, status->message_length);
    grebe__line_close_object(out);
}

/* ---- Events ------------------------------------------------------------------------- */

static void write_update(struct grebe__line *out, const struct lab_event *event)
{
    grebe__line_text(out, "result", event->update.error == NULL ? "ok" : "error");
    if (event->update.error != NULL)
        grebe__line_text(out, "error", event->update.error);
}

static void write_producer(struct grebe__line *out, const struct lab_event *event)
{
    grebe__line_number(out, "id", event->producer.subconn->id);
    grebe__line_text(out, "kind", event->producer.kind);
    grebe__line_bool(out, "on", event->producer.is_on);
    if (event->producer.interval_ns > 0)
        grebe__line_ms(out, "interval_ms", event->producer.interval_ns);
}

static void write_state(struct grebe__line *out, const struct lab_event *event)
{
    grebe__line_text(out, "state", grebe_connectivity_name(event->state.state));
    if (event->state.is_answer_known)
        grebe__line_text(out, "picks", answers[event->state.answer]);
}

static void write_pick(struct grebe__line *out, const struct lab_event *event)
{
    grebe__line_number(out, "id", event->pick.id);
    grebe__line_text(out, "kind", answers[event->pick.kind]);
    if (event->pick.kind == GREBE_PICK_COMPLETE)
        grebe__line_text(out, "address", lab_subconn_name(event->pick.subconn));
    if (event->pick.kind == GREBE_PICK_FAIL || event->pick.kind == GREBE_PICK_DROP)
        write_status(out, event->pick.status);
}

static void write_kinds(struct grebe__line *out, const struct lab_tally *tally)
{
    static const enum grebe_pick_kind order[LAB_N_ANSWERS] = {
        GREBE_PICK_COMPLETE, GREBE_PICK_QUEUE, GREBE_PICK_FAIL, GREBE_PICK_DROP};

    grebe__line_open_object(out, "kinds");
    for (size_t i = 0; i < LAB_N_ANSWERS; i++)
        if (tally->n_of_kind[order[i]] > 0)
            grebe__line_number(out, answers[order[i]], tally->n_of_kind[order[i]]);
    grebe__line_close_object(out);
}

static void write_tally(struct grebe__line *out, const struct lab_tally *tally)
{
    struct grebe__map_entry *entry = NULL;

    grebe__line_number(out, "id", tally->first_id);
    grebe__line_number(out, "n", tally->n);
    write_kinds(out, tally);
    grebe__line_open_object(out, "counts");
    while ((entry = grebe__map_next(&tally->counts, entry)) != NULL)
        grebe__line_number(out, entry->key, lab_tally_count(entry));
    grebe__line_close_object(out);
    grebe__line_open_list(out, "sequence");
    for (uint32_t i = 0; i < tally->n_sequence; i++)
        grebe__line_text(out, NULL, tally->sequence[i]);
    grebe__line_close_list(out);
}

static void write_violation(struct grebe__line *out, const struct lab_event *event)
{
    grebe__line_text(out, "rule", lab_rule_name(event->violation.rule));
    grebe__line_text(out, "message", event->violation.message);
    if (event->violation.subconn != NULL)
        write_subconn(out, event->violation.subconn);
}

static void write_metric(struct grebe__line *out, const struct lab_metric *metric)
{
    const struct grebe_instrument *instrument = metric->instrument;
    const char *const *value = metric->values;

    grebe__line_text(out, "name", instrument->name);
    if (metric->is_integer)
        grebe__line_integer(out, "value", metric->integer);
    else
        grebe__line_double(out, "value", metric->number);
    grebe__line_open_object(out, "labels");
    for (size_t i = 0; i < instrument->n_labels; i++)
        grebe__line_text(out, instrument->labels[i], *value++);
    for (size_t i = 0; i < instrument->n_optional_labels; i++)
        grebe__line_text(out, instrument->optional_labels[i], *value++);
    grebe__line_close_object(out);
}

/* NULL: not a line of the format. */
static const char *name_of(enum lab_event_kind kind)
{
    switch (kind) {
    case LAB_UPDATE:
        return "update";
    case LAB_NEW_SUBCONN:
        return "new_subconn";
    case LAB_CONNECT:
        return "connect";
    case LAB_UPDATE_ADDRESSES:
        return "update_addresses";
    case LAB_SHUTDOWN:
        return "shutdown";
    case LAB_WATCH_HEALTH:
        return NULL;
    case LAB_PRODUCER:
        return "producer";
    case LAB_STATE:
        return "state";
    case LAB_RESOLVE_NOW:
        return "resolve_now";
    case LAB_PICK:
    case LAB_PICKS:
        return "pick";
    case LAB_METRIC:
        return "metric";
    case LAB_LOG:
        return "log";
    case LAB_CLOSE:
        return "close";
    case LAB_VIOLATION:
        return "violation";
    }
    return NULL;
}

static void write_rest(struct grebe__line *out, const struct lab_event *event)
{
    switch (event->kind) {
    case LAB_UPDATE:
        write_update(out, event);
        break;
    case LAB_NEW_SUBCONN:
    case LAB_UPDATE_ADDRESSES:
        write_addresses(out, event->subconn);
        break;
    case LAB_CONNECT:
    case LAB_SHUTDOWN:
        write_subconn(out, event->subconn);
        break;
    case LAB_PRODUCER:
        write_producer(out, event);
        break;
    case LAB_STATE:
        write_state(out, event);
        break;
    case LAB_PICK:
        write_pick(out, event);
        break;
    case LAB_PICKS:
        write_tally(out, event->tally);
        break;
    case LAB_METRIC:
        write_metric(out, &event->metric);
        break;
    case LAB_LOG:
        grebe__line_text(out, "level", grebe_log_level_name(event->log.level));
        grebe__line_text(out, "message", event->log.message);
        break;
    case LAB_VIOLATION:
        write_violation(out, event);
        break;
    case LAB_RESOLVE_NOW:
    case LAB_CLOSE:
    case LAB_WATCH_HEALTH:
        break;
    }
}

void lab_writer_event(void *arg, const struct lab_event *event)
{
    struct lab_writer *writer = arg;
    struct grebe__line *out = &writer->line;
    const char *name = name_of(event->kind);

    if (name == NULL)
        return;
    grebe__line_reset(out);
    grebe__line_open_object(out, NULL);
    grebe__line_ms(out, "t", event->at_ns);
    grebe__line_text(out, "ev", name);
    write_rest(out, event);
    grebe__line_close_object(out);
    grebe__line_raw(out, "\n", 1);
    if (!out->has_failed)
        writer->write(writer->arg, out->buf, out->length);
}

void lab_writer_init(struct lab_writer *writer, const struct grebe_mem *mem,
                     void (*write)(void *arg, const char *line, size_t length), void *arg)
{
    grebe__line_init(&writer->line, mem);
    writer->write = write;
    writer->arg = arg;
}

void lab_writer_fini(struct lab_writer *writer)
{
    grebe__line_fini(&writer->line);
}
