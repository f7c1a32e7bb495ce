/* SPDX-License-Identifier: Apache-2.0 */
/* What happens to a policy in the kit, line by line, and what it did. */
#include "lab/kit_stage.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "core/picker.h"

/* ---- Facts ---------------------------------------------------------------------------- */

static struct kit_subconn *facts_of(struct kit_stage *stage,
                                    const struct lab_subconn *subconn)
{
    static struct kit_subconn beyond; /* a policy that makes subconns without end */

    return subconn->id < KIT_SUBCONNS ? &stage->subconns[subconn->id] : &beyond;
}

static void note_pick(struct kit_stage *stage, const struct lab_event *event)
{
    const struct grebe_status *status = event->pick.status;
    const struct lab_subconn *chosen = event->pick.subconn;

    stage->kind = event->pick.kind;
    stage->chosen = stage->kind == GREBE_PICK_COMPLETE ? chosen : NULL;
    stage->code = GREBE_STATUS_OK;
    stage->message[0] = '\0';
    if (stage->kind == GREBE_PICK_FAIL || stage->kind == GREBE_PICK_DROP) {
        stage->code = status->code;
        snprintf(stage->message, sizeof stage->message, "%.*s",
                 (int)status->message_length, status->message);
    }
    if (stage->chosen == NULL ||
        (chosen->base.delivered == GREBE_READY && !chosen->base.is_shutting_down))
        return;
    if (stage->n_unfit++ == 0)
        snprintf(stage->unfit, sizeof stage->unfit, "a call to %s, which is %s",
                 lab_subconn_name(chosen),
                 chosen->base.is_shutting_down
                     ? "shut down"
                     : grebe_connectivity_name(chosen->base.delivered));
}

static void note_violation(struct kit_stage *stage, const struct lab_event *event)
{
    enum lab_rule rule = event->violation.rule;
    const struct lab_subconn *subconn = event->violation.subconn;

    if (stage->n_broken[rule]++ == 0)
        snprintf(stage->first_broken[rule], sizeof stage->first_broken[rule], "%s%s%s",
                 event->violation.message, subconn == NULL ? "" : ": ",
                 subconn == NULL ? "" : lab_subconn_name(subconn));
}

static void note(struct kit_stage *stage, const struct lab_event *event)
{
    switch (event->kind) {
    case LAB_UPDATE:
        stage->update_result = event->update.result;
        break;
    case LAB_CONNECT:
        stage->n_connects++;
        facts_of(stage, event->subconn)->is_asked = true;
        break;
    case LAB_SHUTDOWN:
        stage->n_shutdowns++;
        break;
    case LAB_WATCH_HEALTH:
        facts_of(stage, event->subconn)->wants_health = true;
        break;
    case LAB_STATE:
        stage->n_states++;
        break;
    case LAB_PICK:
        note_pick(stage, event);
        break;
    case LAB_VIOLATION:
        note_violation(stage, event);
        break;
    default:
        break;
    }
}

static void on_event(void *arg, const struct lab_event *event)
{
    struct kit_stage *stage = &((struct kit *)arg)->stage;

    while (atomic_flag_test_and_set_explicit(&stage->lock, memory_order_acquire))
        continue;
    note(stage, event);
    lab_writer_event(&stage->writer, event);
    atomic_flag_clear_explicit(&stage->lock, memory_order_release);
}

static void keep_trace(void *arg, const char *line, size_t length)
{
    struct kit *kit = arg;
    struct kit_stage *stage = &kit->stage;
    size_t size = stage->trace_size == 0 ? 65536 : stage->trace_size * 2;
    char *moved;

    if (stage->trace_size - stage->trace_length < length) {
        while (size - stage->trace_length < length)
            size *= 2;
        moved = realloc(stage->trace, size);
        if (moved == NULL) {
            kit->is_short_of_memory = true;
            return;
        }
        stage->trace = moved;
        stage->trace_size = size;
    }
    memcpy(stage->trace + stage->trace_length, line, length);
    stage->trace_length += length;
}

/* ---- Life ------------------------------------------------------------------------------ */

void kit_open(struct kit *kit, bool checks_health, int n_lines)
{
    struct kit_stage *stage = &kit->stage;

    kit_close(kit);
    *stage = (struct kit_stage){.n_left = KIT_ALL, .lock = ATOMIC_FLAG_INIT};
    lab_reader_init(&stage->reader, &(struct lab_options){
                                        .keeps_freed = true,
                                        .on_event = on_event,
                                        .arg = kit,
                                    });
    lab_writer_init(&stage->writer, NULL, keep_trace, kit);
    kit->is_open = true;
    if (kit->options->on_start != NULL)
        kit->options->on_start(kit->options->arg);
    kit_say(kit, "{\"do\": \"start\", \"seed\": 1%s}",
            checks_health ? ", \"health_checks\": true" : "");
    stage->n_left = n_lines;
}

/* The trace stays until somebody takes it, or the next stage is opened. */
void kit_close(struct kit *kit)
{
    struct kit_stage *stage = &kit->stage;

    if (!kit->is_open)
        return;
    kit->is_open = false;
    lab_reader_fini(&stage->reader);
    if (lab_writer_has_failed(&stage->writer))
        kit->is_short_of_memory = true;
    lab_writer_fini(&stage->writer);
    free(stage->trace);
    stage->trace = NULL;
}

/* ---- Lines ----------------------------------------------------------------------------- */

/* True if the next line may be done: not after the last, and only some after the end of
 * the policy. */
static bool may_say(struct kit_stage *stage, const char *line)
{
    if (stage->reader.closed_on > 0 && strstr(line, "\"do\": \"done\"") == NULL &&
        strstr(line, "\"do\": \"advance\"") == NULL)
        return false;
    if (stage->n_left == 0)
        return false;
    if (stage->n_left > 0)
        stage->n_left--;
    return true;
}

/* In between the policy may be on its way to another state. */
static void note_state(struct kit *kit)
{
    const struct lab *lab = kit_lab(kit);
    enum grebe_pick_kind answer;

    if (lab->picker != NULL && lab->state == GREBE_READY &&
        grebe__picker_is_constant(lab->picker, &answer) && answer != GREBE_PICK_COMPLETE)
        kit->stage.n_hollow++;
}

void kit_say(struct kit *kit, const char *format, ...)
{
    struct kit_stage *stage = &kit->stage;
    struct grebe_diag diag = {""};
    char line[8192];
    va_list args;
    int length, error;

    va_start(args, format);
    length = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (!may_say(stage, line))
        return;
    if (length < 0 || (size_t)length >= sizeof line) {
        kit_expect(kit, false, "a script without lines of more than 8191 bytes",
                   "the configuration is too long");
        return;
    }
    if (kit->options->on_line != NULL)
        kit->options->on_line(kit->options->arg, line, (size_t)length);
    error = lab_reader_line(&stage->reader, line, (size_t)length, &diag);
    if (error == GREBE_ERR_NOMEM)
        kit->is_short_of_memory = true;
    else if (error != GREBE_OK)
        kit_expect(kit, false, "a script that the lab takes", "%s", diag.text);
    note_state(kit);
}

/* ---- The resolver ----------------------------------------------------------------------- */

void kit_update(struct kit *kit, const char *endpoints)
{
    struct kit_stage *stage = &kit->stage;
    char list[4096];
    struct grebe__text text = grebe__text_init(list, sizeof list);

    for (const char *name = endpoints; *name != '\0'; name++) {
        int number = *name - 'A' + 1;

        grebe__text_printf(&text,
                           "%s{\"addresses\": [\"10.0.0.%d:80\"], \"weight\": %d, "
                           "\"path\": [\"kit\"], \"locality\": {\"region\": \"kit\", "
                           "\"zone\": \"kit\"}}",
                           name == endpoints ? "" : ", ", number, number);
    }
    if (stage->has_config) {
        kit_say(kit, "{\"do\": \"update\", \"endpoints\": [%s]}", list);
        return;
    }
    kit_say(kit, "{\"do\": \"update\", \"endpoints\": [%s], \"config\": [{\"%s\": %s}]}",
            list, kit->options->policy, kit->config);
    stage->has_config = true;
}

void kit_resolver_error(struct kit *kit, const char *error)
{
    kit_say(kit, "{\"do\": \"resolver_error\", \"error\": \"%s\"}", error);
}

/* ---- Calls ------------------------------------------------------------------------------ */

/* Hashes go all around the ring, keys are few: so policies of both kinds see the same keys
 * again and new ones. */
static void call(struct kit *kit, bool stays_open)
{
    uint64_t n = kit->stage.n_calls++, hash = n * UINT64_C(0x9e3779b97f4a7c15);

    kit_say(kit,
            "{\"do\": \"pick\", \"hash\": \"%llu\", \"metadata\": {\"kit\": \"%u\"}%s}",
            (unsigned long long)hash, (unsigned)(n % 16),
            stays_open ? ", \"done\": \"hold\"" : "");
}

void kit_pick(struct kit *kit)
{
    call(kit, false);
}

void kit_picks(struct kit *kit, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        kit_pick(kit);
}

void kit_hold(struct kit *kit)
{
    struct kit_stage *stage = &kit->stage;
    uint64_t id = kit_lab(kit)->n_picks;

    if (stage->n_held == KIT_HELD)
        return;
    call(kit, true);
    if (kit_lab(kit)->n_picks == id + 1 && stage->kind == GREBE_PICK_COMPLETE)
        stage->held[stage->n_held++] = id;
}

void kit_done(struct kit *kit, const char *status)
{
    struct kit_stage *stage = &kit->stage;
    uint64_t id = stage->held[0];

    if (stage->n_held == 0)
        return;
    memmove(stage->held, stage->held + 1, --stage->n_held * sizeof stage->held[0]);
    kit_say(kit,
            "{\"do\": \"done\", \"id\": %llu, \"status\": \"%s\", \"load\": "
            "{\"application_utilization\": 0.5, \"rps_fractional\": 100}}",
            (unsigned long long)id, status);
}

void kit_done_all(struct kit *kit)
{
    while (kit->stage.n_held > 0)
        kit_done(kit, "OK");
}

void kit_ask(struct grebe_picker *picker, uint64_t n, uint64_t now_ns,
             struct grebe_explanation *explanation, struct grebe_pick *out)
{
    uint64_t hash = n * UINT64_C(0x9e3779b97f4a7c15);
    const struct grebe_pick_args args = {
        .method = "/kit.Kit/Call",
        .now_ns = now_ns,
        .deadline_ns = UINT64_MAX,
        .random = hash ^ hash >> 32,
        .hash = &hash,
        .explanation = explanation,
    };

    grebe_pick_init(out);
    grebe_picker_pick(picker, &args, out);
}

void kit_end(const struct grebe_pick *pick, uint64_t now_ns)
{
    const struct grebe_status status = grebe_status_of(GREBE_STATUS_OK, "");
    const struct grebe_done_info info = {
        .status = &status,
        .now_ns = now_ns,
        .latency_ns = 1000000,
        .bytes_sent = true,
        .bytes_received = true,
    };

    if (pick->kind == GREBE_PICK_COMPLETE)
        grebe_pick_end(pick, &info);
}

/* ---- Connections ------------------------------------------------------------------------ */

static const struct lab_subconn *next_on(const struct grebe__list *list,
                                         const struct lab_subconn *after)
{
    struct grebe__list *link = after == NULL ? list->next : after->link.next;

    while (link != list) {
        const struct lab_subconn *subconn =
            grebe_container_of(link, struct lab_subconn, link);

        if (!subconn->base.is_shutting_down)
            return subconn;
        link = link->next;
    }
    return NULL;
}

const struct lab_subconn *kit_next_subconn(struct kit *kit,
                                           const struct lab_subconn *after)
{
    return kit->stage.reader.has_lab ? next_on(&kit_lab(kit)->live, after) : NULL;
}

uint32_t kit_n_ready(struct kit *kit)
{
    uint32_t n = 0;

    for (const struct lab_subconn *subconn = kit_next_subconn(kit, NULL); subconn != NULL;
         subconn = kit_next_subconn(kit, subconn))
        if (subconn->base.delivered == GREBE_READY)
            n++;
    return n;
}

void kit_subconn(struct kit *kit, const struct lab_subconn *subconn, const char *state)
{
    bool fails = strcmp(state, "TRANSIENT_FAILURE") == 0;

    facts_of(&kit->stage, subconn)->is_asked = false;
    facts_of(&kit->stage, subconn)->wants_health = false;
    kit_say(kit, "{\"do\": \"subconn\", \"address\": \"%s\", \"state\": \"%s\"%s}",
            lab_subconn_name(subconn), state,
            fails ? ", \"error\": \"the kit refuses\"" : "");
}

static void tell_health(struct kit *kit, const struct lab_subconn *subconn)
{
    facts_of(&kit->stage, subconn)->wants_health = false;
    kit_say(kit, "{\"do\": \"health\", \"address\": \"%s\", \"state\": \"READY\"}",
            lab_subconn_name(subconn));
}

/* What comes next for this subconn; false: it stays as it is.  Of two with one address a
 * script reaches only the newer. */
static bool drive_one(struct kit *kit, const struct lab_subconn *subconn,
                      enum kit_aim aim)
{
    const struct kit_subconn *facts = facts_of(&kit->stage, subconn);

    if (lab_find_subconn(kit_lab(kit), lab_subconn_name(subconn)) != subconn)
        return false;
    switch (subconn->base.delivered) {
    case GREBE_IDLE:
        if (facts->is_asked)
            kit_subconn(kit, subconn, "CONNECTING");
        return facts->is_asked || subconn->base.delivered != GREBE_IDLE;
    case GREBE_CONNECTING:
        if (aim != KIT_CONNECTING)
            kit_subconn(kit, subconn, aim == KIT_UP ? "READY" : "TRANSIENT_FAILURE");
        return aim != KIT_CONNECTING;
    case GREBE_READY:
        if (aim == KIT_DOWN)
            kit_subconn(kit, subconn, "IDLE");
        else if (facts->wants_health && kit_lab(kit)->options.checks_health)
            tell_health(kit, subconn);
        else
            return false;
        return true;
    case GREBE_TRANSIENT_FAILURE:
        if (aim == KIT_UP)
            kit_subconn(kit, subconn, "IDLE");
        return aim == KIT_UP;
    default:
        return false;
    }
}

/* In rounds, each subconn once in each, as connections progress side by side. */
static void drive_all(struct kit *kit, enum kit_aim aim)
{
    for (int round = 0; round < 100 && kit->stage.n_left != 0; round++) {
        bool has_moved = false;

        for (uint32_t id = 0; id < kit_lab(kit)->n_subconns; id++) {
            const struct lab_subconn *subconn = lab_subconn_at(kit_lab(kit), id);

            if (subconn != NULL && !subconn->base.is_shutting_down)
                has_moved |= drive_one(kit, subconn, aim);
        }
        if (!has_moved)
            return;
    }
}

static bool is_there(struct kit *kit, enum kit_aim aim)
{
    if (aim == KIT_CONNECTING)
        return kit->stage.n_connects > 0;
    return kit_lab(kit)->state == (aim == KIT_UP ? GREBE_READY : GREBE_TRANSIENT_FAILURE);
}

/* A policy may wait for calls before it connects, or for a timer before it goes on. */
static void nudge(struct kit *kit, int nth)
{
    switch (nth % 3) {
    case 0:
        kit_say(kit, "{\"do\": \"exit_idle\"}");
        break;
    case 1:
        kit_picks(kit, 8);
        break;
    default:
        kit_say(kit, "{\"do\": \"advance\", \"ms\": %d}", nth < 3 ? 300 : 10000);
        break;
    }
}

void kit_drive(struct kit *kit, enum kit_aim aim)
{
    drive_all(kit, aim);
    for (int i = 0; i < 9 && !is_there(kit, aim); i++) {
        nudge(kit, i);
        drive_all(kit, aim);
    }
}

void kit_lose_one(struct kit *kit)
{
    const struct lab_subconn *subconn = kit_next_subconn(kit, NULL);

    while (subconn != NULL && subconn->base.delivered != GREBE_READY)
        subconn = kit_next_subconn(kit, subconn);
    if (subconn != NULL)
        kit_subconn(kit, subconn, "IDLE");
}

void kit_lose_all(struct kit *kit)
{
    for (uint32_t id = 0, n = kit_lab(kit)->n_subconns; id < n; id++) {
        const struct lab_subconn *subconn = lab_subconn_at(kit_lab(kit), id);

        if (subconn != NULL && !subconn->base.is_shutting_down &&
            subconn->base.delivered == GREBE_READY)
            kit_subconn(kit, subconn, "IDLE");
    }
}

void kit_destroy_policy(struct kit *kit)
{
    kit_say(kit, "{\"do\": \"close\"}");
}

/* ---- A whole life ------------------------------------------------------------------------ */

static void childhood(struct kit *kit)
{
    kit_update(kit, "");
    kit_resolver_error(kit, "the kit knows no such name");
    kit_pick(kit);
    kit_update(kit, "ABC");
    kit_pick(kit);
    kit_drive(kit, KIT_CONNECTING);
    kit_pick(kit);
    kit_resolver_error(kit, "the kit is slow today");
    kit_drive(kit, KIT_UP);
    kit_picks(kit, 5);
}

static void prime(struct kit *kit)
{
    for (int i = 0; i < 4; i++)
        kit_hold(kit);
    kit_update(kit, "DBCA");
    kit_drive(kit, KIT_UP);
    kit_picks(kit, 5);
    kit_hold(kit);
    kit_hold(kit);
    kit_done(kit, "OK");
    kit_done(kit, "UNAVAILABLE");
    kit_lose_one(kit);
    kit_picks(kit, 5);
    kit_drive(kit, KIT_UP);
    kit_say(kit, "{\"do\": \"advance\", \"ms\": 11000}");
    kit_update(kit, "AE");
    kit_drive(kit, KIT_UP);
    kit_done(kit, "CANCELLED");
    kit_picks(kit, 5);
}

static void trouble(struct kit *kit)
{
    kit_drive(kit, KIT_DOWN);
    kit_pick(kit);
    kit_resolver_error(kit, "the kit lost its memory");
    kit_pick(kit);
    kit_drive(kit, KIT_UP);
    kit_picks(kit, 5);
    kit_update(kit, "AFAF");
    kit_drive(kit, KIT_UP);
    kit_lose_all(kit);
    kit_pick(kit);
    kit_say(kit, "{\"do\": \"exit_idle\"}");
    kit_say(kit, "{\"do\": \"advance\", \"ms\": 60000}");
    kit_drive(kit, KIT_UP);
    kit_picks(kit, 5);
    kit_update(kit, "");
    kit_pick(kit);
}

static void old_age(struct kit *kit)
{
    kit_update(kit, "AB");
    kit_drive(kit, KIT_UP);
    kit_hold(kit);
    kit_hold(kit);
    kit_picks(kit, 5);
}

void kit_live(struct kit *kit)
{
    childhood(kit);
    prime(kit);
    trouble(kit);
    old_age(kit);
}

void kit_die(struct kit *kit)
{
    kit_destroy_policy(kit);
    kit_done_all(kit);
    kit_say(kit, "{\"do\": \"advance\", \"ms\": 3600000}");
}

void kit_tour(struct kit *kit)
{
    kit_live(kit);
    kit_die(kit);
}

/* ---- Verdict ---------------------------------------------------------------------------- */

bool kit_expect(struct kit *kit, bool holds, const char *expected, const char *format,
                ...)
{
    struct kit_result *result = kit->result;
    va_list args;

    if (holds || result->verdict == KIT_BROKEN)
        return holds;
    result->verdict = KIT_BROKEN;
    snprintf(result->expected, sizeof result->expected, "%s", expected);
    va_start(args, format);
    vsnprintf(result->seen, sizeof result->seen, format, args);
    va_end(args);
    return false;
}

bool kit_expect_clean(struct kit *kit, uint32_t mask)
{
    const struct kit_stage *stage = &kit->stage;

    for (int rule = 0; rule < LAB_N_RULES; rule++)
        if ((mask & UINT32_C(1) << rule) != 0 &&
            !kit_expect(kit, stage->n_broken[rule] == 0, "no violation of the contract",
                        "%s: %s", lab_rule_name((enum lab_rule)rule),
                        stage->first_broken[rule]))
            return false;
    return true;
}

static const char *const kind_names[] = {
    [GREBE_PICK_QUEUE] = "it waits",
    [GREBE_PICK_COMPLETE] = "it is sent",
    [GREBE_PICK_FAIL] = "it fails",
    [GREBE_PICK_DROP] = "it is dropped",
};

/* A policy may connect for a call: as in a channel it waits then, and is asked again. */
static void pick_with_patience(struct kit *kit)
{
    kit_pick(kit);
    if (kit->stage.kind != GREBE_PICK_QUEUE)
        return;
    kit_drive(kit, KIT_UP);
    kit->stage.n_calls--; /* the same call */
    kit_pick(kit);
}

bool kit_expect_served(struct kit *kit, unsigned n)
{
    struct kit_stage *stage = &kit->stage;

    for (unsigned i = 0; i < n; i++) {
        pick_with_patience(kit);
        if (!kit_expect(kit, stage->chosen != NULL, "calls that are sent to a backend",
                        "%s%s%s", kind_names[stage->kind],
                        stage->message[0] == '\0' ? "" : ": ", stage->message) ||
            !kit_expect(kit, stage->n_unfit == 0, "calls to READY backends only", "%s",
                        stage->unfit))
            return false;
    }
    return true;
}

void kit_pass_over(struct kit *kit, const char *why)
{
    if (kit->result->verdict == KIT_BROKEN)
        return;
    kit->result->verdict = KIT_NOT_APPLICABLE;
    snprintf(kit->result->expected, sizeof kit->result->expected, "%s", why);
}
