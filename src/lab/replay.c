/* SPDX-License-Identifier: Apache-2.0 */
#include "lab/replay.h"

#include <stdlib.h>
#include <string.h>

#include <grebe/registry.h>

#include "base/base64.h"
#include "core/record.h"
#include "lab/endpoints.h"
#include "lab/internal.h"
#include "lab/load.h"
#include "lab/record.h"

/* Lines that were produced and not yet compared. */
struct produced {
    char *bytes;
    size_t at, length, size;
};

struct lab_replay {
    const struct grebe_mem *mem;
    struct lab_replay_options options;
    struct lab lab;
    bool has_lab;
    struct grebe__record_sink sink;
    struct grebe__recording recording; /* of the replay */
    struct lab_record_header header;
    struct grebe_lb_config *config; /* in force: a reference; NULL before an update */
    struct produced produced;
    uint32_t line; /* the last that was read, from 1 */
    uint64_t seed; /* of the last build */
    bool has_header;
    bool is_adrift; /* what follows cannot be compared */
    bool is_short_of_memory;
    struct lab_replay_result result;
};

/* ---- What the replay writes -------------------------------------------------------------- */

static struct lab_replay *of(struct grebe__record_sink *sink)
{
    return grebe_container_of(sink, struct lab_replay, sink);
}

static bool make_room(struct lab_replay *replay, size_t length)
{
    struct produced *produced = &replay->produced;
    size_t size = produced->size == 0 ? 4096 : produced->size;
    char *bytes;

    if (produced->at == produced->length)
        produced->at = produced->length = 0;
    while (size < produced->length + length)
        size *= 2;
    if (size == produced->size)
        return true;
    bytes = grebe_mem_realloc(replay->mem, produced->bytes, size);
    if (bytes == NULL)
        return false;
    produced->bytes = bytes;
    produced->size = size;
    return true;
}

static bool on_write(struct grebe__record_sink *sink, const char *line, size_t length)
{
    struct lab_replay *replay = of(sink);

    if (!make_room(replay, length)) {
        replay->is_short_of_memory = true;
        return true;
    }
    memcpy(replay->produced.bytes + replay->produced.length, line, length);
    replay->produced.length += length;
    return true;
}

static bool has_produced(const struct lab_replay *replay)
{
    return replay->produced.at < replay->produced.length;
}

/* The oldest line, its newline replaced by a NUL; borrowed until the next is written. */
static const char *take(struct lab_replay *replay)
{
    struct produced *produced = &replay->produced;
    char *line = produced->bytes + produced->at;
    char *end = memchr(line, '\n', produced->length - produced->at);

    *end = '\0';
    produced->at = (size_t)(end + 1 - produced->bytes);
    return line;
}

/* ---- Differences ------------------------------------------------------------------------- */

static void tell(struct lab_replay *replay, bool is_pick, const char *recorded,
                 const char *now)
{
    const struct lab_difference difference = {
        .line = replay->line,
        .is_pick = is_pick,
        .recorded = recorded,
        .now = now,
    };

    replay->result.n_differences++;
    replay->options.on_difference(replay->options.arg, &difference);
}

/* From here on there is nothing to compare with. */
static void drift(struct lab_replay *replay, const char *recorded, const char *now)
{
    tell(replay, false, recorded, now);
    replay->is_adrift = true;
}

static bool step(struct lab_replay *replay)
{
    return replay->has_lab && grebe__env_step(&replay->lab.sim.env);
}

static bool is_same(const char *produced, const char *text, size_t length)
{
    return strlen(produced) == length && memcmp(produced, text, length) == 0;
}

/* A recorded request: the policy makes it now, or in an effect that is due. */
static void expect(struct lab_replay *replay, const char *text, size_t length,
                   const char *copy)
{
    while (!has_produced(replay) && step(replay))
        continue;
    if (!has_produced(replay)) {
        drift(replay, copy, "");
    } else {
        const char *now = take(replay);

        if (!is_same(now, text, length))
            drift(replay, copy, now);
    }
}

/* As many effects as had run before this input.  False: it cannot be so now. */
static bool come_to(struct lab_replay *replay, const struct lab_record *record,
                    const char *copy)
{
    struct grebe__recording *recording = &replay->recording;
    uint32_t wanted = recording->n_effects_told + record->after;

    while (recording->n_effects != wanted && step(replay))
        continue;
    if (has_produced(replay)) {
        drift(replay, "", take(replay));
        return false;
    }
    if (recording->n_effects != wanted) {
        drift(replay, copy, "");
        return false;
    }
    return true;
}

/* An input was given.  The first line that this made is its own. */
static void check_input(struct lab_replay *replay, const struct lab_record *record,
                        const char *text, size_t length, const char *copy)
{
    bool is_compared = record->kind == LAB_RECORD_PICK || record->kind == LAB_RECORD_DONE;
    const char *now;

    if (!has_produced(replay)) {
        drift(replay, copy, "");
        return;
    }
    now = take(replay);
    if (is_compared && !is_same(now, text, length))
        tell(replay, record->kind == LAB_RECORD_PICK, copy, now);
}

/* ---- Inputs ------------------------------------------------------------------------------ */

static void on_event(void *arg, const struct lab_event *event)
{
    (void)arg, (void)event; /* what matters is written down */
}

static void drop_lab(struct lab_replay *replay)
{
    if (replay->has_lab)
        lab_fini(&replay->lab);
    replay->has_lab = false;
    replay->produced.at = replay->produced.length = 0;
    grebe_lb_config_unref(replay->config);
    replay->config = NULL;
}

static int do_build(struct lab_replay *replay, const struct lab_record *record,
                    struct grebe_diag *diag)
{
    bool is_there;
    int error = lab_record_u64(record, "seed", &replay->seed, &is_there, diag);

    if (error != GREBE_OK)
        return error;
    if (!is_there) {
        grebe_diag_set(diag, "seed is missing");
        return GREBE_ERR_CONFIG;
    }
    drop_lab(replay);
    replay->recording.n_effects_told = replay->recording.n_effects;
    error = lab_init(&replay->lab, &(struct lab_options){
                                       .mem = replay->mem,
                                       .seed = 1,
                                       .target = replay->header.target,
                                       .builder = &grebe_graceful_switch,
                                       .on_event = on_event,
                                       .is_driven = true,
                                       .clock_ns = replay->header.clock_ns + record->ns,
                                       .build_options = &replay->header.options,
                                       .recording = &replay->recording,
                                   });
    replay->has_lab = error == GREBE_OK;
    return error;
}

static int do_close(struct lab_replay *replay, const struct lab_record *record,
                    struct grebe_diag *diag)
{
    (void)record, (void)diag;
    lab_close(&replay->lab);
    return GREBE_OK;
}

static int read_config(const struct lab_record *record, struct grebe_diag *diag,
                       struct grebe_lb_config **out)
{
    int error =
        grebe_lb_config_parse(grebe_json_member(record->json, "config"), diag, out);

    if (error != GREBE_OK)
        grebe_diag_prefix(diag, "config");
    return error;
}

static int do_update(struct lab_replay *replay, const struct lab_record *record,
                     struct grebe_diag *diag)
{
    struct grebe_lb_config *config, *before = replay->config;
    const struct grebe_json *list = NULL;
    struct grebe_balancer_update update = {.config = NULL};
    struct lab_endpoints endpoints;
    int error = grebe_json_get_array(record->json, "endpoints", &list, diag);

    if (error == GREBE_OK)
        error = lab_endpoints_parse(replay->lab.host.mem, list, diag, &endpoints);
    if (error != GREBE_OK)
        return error;
    error = read_config(record, diag, &config);
    if (error != GREBE_OK) {
        lab_endpoints_free(&endpoints);
        return error;
    }
    update.endpoints = endpoints.list;
    update.n_endpoints = endpoints.n;
    update.config = config;
    replay->config = config;
    replay->result.policy = grebe_lb_config_builder(config)->name;
    (void)lab_update(&replay->lab, &update); /* a refusal is a line of its own */
    grebe_lb_config_unref(before);
    lab_endpoints_free(&endpoints);
    return GREBE_OK;
}

static int do_resolver_error(struct lab_replay *replay, const struct lab_record *record,
                             struct grebe_diag *diag)
{
    struct grebe_status status = grebe_status_of(GREBE_STATUS_UNAVAILABLE, "");
    bool is_there;
    int error = lab_record_status(record, &status, &is_there, diag);

    if (error == GREBE_OK)
        lab_resolver_error(&replay->lab, &status);
    return error;
}

/* The wishes of pickers come in the order in which they were made; those of policies that
 * are gone are heard by nobody. */
static void exit_idle_of(struct lab_replay *replay, uint64_t id)
{
    struct grebe__task_queue *tasks = &replay->lab.sim.tasks;
    struct grebe__task *task;

    while ((task = grebe__task_queue_pop(tasks)) != NULL) {
        struct grebe_client_conn *cc = grebe__client_conn_of_exit(task);
        bool is_it = cc != NULL && cc->id == id && cc->balancer != NULL;

        task->run(task);
        if (is_it)
            return;
    }
}

static int do_exit_idle(struct lab_replay *replay, const struct lab_record *record,
                        struct grebe_diag *diag)
{
    uint64_t id = 0;
    int error = lab_record_optional(record, "policy", &id, diag);

    if (error != GREBE_OK)
        return error;
    if (id > 0)
        exit_idle_of(replay, id);
    else if (replay->lab.root != NULL)
        lab_exit_idle(&replay->lab);
    return GREBE_OK;
}

/* NULL: there is none with that id now. */
static int find_subconn(struct lab_replay *replay, const struct lab_record *record,
                        struct lab_subconn **out, struct grebe_diag *diag)
{
    uint64_t id = 0;
    int error = lab_record_number(record, "subconn", &id, diag);

    *out = error != GREBE_OK || id > UINT32_MAX
               ? NULL
               : lab_subconn_at(&replay->lab, (uint32_t)id);
    return error;
}

static int read_state(struct lab_replay *replay, const struct lab_record *record,
                      struct lab_subconn **subconn, enum grebe_connectivity *state,
                      struct grebe_status *status, bool *has_status,
                      struct grebe_diag *diag)
{
    int error = find_subconn(replay, record, subconn, diag);

    if (error == GREBE_OK)
        error = lab_record_state(record, state, diag);
    if (error == GREBE_OK)
        error = lab_record_status(record, status, has_status, diag);
    return error;
}

static int do_subconn(struct lab_replay *replay, const struct lab_record *record,
                      struct grebe_diag *diag)
{
    enum grebe_connectivity state;
    struct lab_subconn *subconn;
    struct grebe_status status;
    bool has_status;
    int error = read_state(replay, record, &subconn, &state, &status, &has_status, diag);

    if (error != GREBE_OK || subconn == NULL)
        return error;
    if (state == GREBE_SHUTDOWN)
        lab__retire_subconn(subconn);
    else
        lab_subconn(subconn, state, has_status ? &status : NULL);
    return GREBE_OK;
}

static int do_health(struct lab_replay *replay, const struct lab_record *record,
                     struct grebe_diag *diag)
{
    enum grebe_connectivity state;
    struct lab_subconn *subconn;
    struct grebe_status status;
    bool has_status;
    int error = read_state(replay, record, &subconn, &state, &status, &has_status, diag);

    if (error == GREBE_OK && subconn != NULL)
        (void)lab_health(subconn, state, has_status ? &status : NULL);
    return error;
}

static int read_id(const struct lab_record *record, uint32_t *out,
                   struct grebe_diag *diag)
{
    uint64_t id = 0;
    int error = lab_record_number(record, "id", &id, diag);

    *out = id > UINT32_MAX ? UINT32_MAX : (uint32_t)id;
    return error;
}

static int do_timer(struct lab_replay *replay, const struct lab_record *record,
                    struct grebe_diag *diag)
{
    uint32_t id;
    int error = read_id(record, &id, diag);

    if (error == GREBE_OK)
        (void)grebe__client_conn_fire(&replay->lab.host, id);
    return error;
}

static int find_feed(struct lab_replay *replay, const struct lab_record *record,
                     struct grebe_feed **out, struct grebe_diag *diag)
{
    uint32_t id;
    int error = read_id(record, &id, diag);

    *out = error == GREBE_OK ? grebe__feed_find(&replay->lab.host, id) : NULL;
    return error;
}

static int do_feed_open(struct lab_replay *replay, const struct lab_record *record,
                        struct grebe_diag *diag)
{
    struct grebe_feed *feed;
    int error = find_feed(replay, record, &feed, diag);

    if (feed != NULL)
        grebe__feed_drive_open(feed);
    return error;
}

static int do_feed_message(struct lab_replay *replay, const struct lab_record *record,
                           struct grebe_diag *diag)
{
    struct grebe_feed *feed;
    unsigned char *bytes;
    size_t length;
    int error = find_feed(replay, record, &feed, diag);

    if (error == GREBE_OK)
        error = lab_record_bytes(record, replay->mem, "bytes", &bytes, &length, diag);
    if (error != GREBE_OK)
        return error;
    if (feed != NULL)
        grebe__feed_drive_message(feed, bytes, length);
    grebe_mem_free(replay->mem, bytes);
    return GREBE_OK;
}

static int do_feed_end(struct lab_replay *replay, const struct lab_record *record,
                       struct grebe_diag *diag)
{
    struct grebe_status status = grebe_status_of(GREBE_STATUS_UNKNOWN, "");
    struct grebe_feed_end end = {.status = &status};
    struct grebe_feed *feed;
    bool is_there;
    int error = find_feed(replay, record, &feed, diag);

    if (error == GREBE_OK)
        error = lab_record_status(record, &status, &is_there, diag);
    if (error == GREBE_OK)
        error = lab_record_text(record, "peer", &end.peer, diag);
    if (error == GREBE_OK)
        error = lab_record_flag(record, "was_open", &end.was_open, diag);
    if (error == GREBE_OK && feed != NULL)
        grebe__feed_drive_end(feed, &end);
    return error;
}

/* ---- Calls ------------------------------------------------------------------------------- */

/* What a recorded call asks its picker for; metadata is the caller's to unref. */
struct asked {
    struct grebe__recorded_call call;
    struct grebe_pick_args args;
    struct grebe_metadata *metadata;
    uint64_t hash;
};

static int read_asked(struct lab_replay *replay, const struct lab_record *record,
                      struct asked *out, struct grebe_diag *diag)
{
    struct grebe_pick_args *args = &out->args;
    uint64_t deadline_ns = UINT64_MAX;
    bool has_random, has_hash;
    int error = lab_record_number(record, "call", &out->call.number, diag);

    if (error == GREBE_OK)
        error = lab_record_text(record, "method", &args->method, diag);
    if (error == GREBE_OK)
        error = lab_record_u64(record, "random", &args->random, &has_random, diag);
    if (error == GREBE_OK)
        error = lab_record_u64(record, "hash", &out->hash, &has_hash, diag);
    if (error == GREBE_OK)
        error = lab_record_optional(record, "deadline_ns", &deadline_ns, diag);
    if (error == GREBE_OK)
        error =
            lab_record_flag(record, "wait_for_ready", &out->call.waits_for_ready, diag);
    if (error == GREBE_OK)
        error =
            lab_record_metadata(record, replay->mem, "metadata", &out->metadata, diag);
    if (error != GREBE_OK)
        return error;
    args->metadata = out->metadata;
    args->hash = has_hash ? &out->hash : NULL;
    args->now_ns = replay->lab.sim.env.now_ns;
    args->deadline_ns =
        deadline_ns == UINT64_MAX ? UINT64_MAX : replay->header.clock_ns + deadline_ns;
    return GREBE_OK;
}

static int keep(struct lab_replay *replay, uint64_t number, const struct grebe_pick *pick)
{
    struct lab *lab = &replay->lab;
    struct lab_open_call *before = lab__open_call(lab, number);

    if (before != NULL) /* which ends nowhere in the recording */
        lab__forget_call(lab, before);
    return lab__keep_open(lab, &(struct lab_open_call){
                                   .id = number,
                                   .pick = *pick,
                                   .at_ns = lab->sim.env.now_ns,
                               });
}

static int do_pick(struct lab_replay *replay, const struct lab_record *record,
                   struct grebe_diag *diag)
{
    struct lab *lab = &replay->lab;
    struct asked asked = {.metadata = NULL};
    struct grebe_pick pick;
    int error = read_asked(replay, record, &asked, diag);

    replay->result.n_picks++;
    if (error != GREBE_OK)
        return error;
    grebe_pick_init(&pick);
    if (lab->picker != NULL)
        grebe__record_ask(&replay->recording, lab->picker, &asked.call, &asked.args,
                          &pick);
    grebe_metadata_unref(asked.metadata);
    lab__judge(lab, &pick);
    if (pick.kind != GREBE_PICK_COMPLETE)
        return GREBE_OK;
    return keep(replay, asked.call.number, &pick);
}

static int read_info(const struct lab_record *record, struct grebe_done_info *out,
                     struct grebe_status *status, bool *is_declined,
                     struct grebe_diag *diag)
{
    bool is_there;
    int error = lab_record_status(record, status, &is_there, diag);

    out->status = status;
    if (error == GREBE_OK)
        error = lab_record_number(record, "latency_ns", &out->latency_ns, diag);
    if (error == GREBE_OK)
        error = lab_record_optional(record, "headers_ns", &out->headers_ns, diag);
    if (error == GREBE_OK)
        error = lab_record_flag(record, "streaming", &out->is_streaming, diag);
    if (error == GREBE_OK)
        error = lab_record_flag(record, "declined", is_declined, diag);
    if (error == GREBE_OK)
        error = lab_record_flag(record, "sent", &out->bytes_sent, diag);
    if (error == GREBE_OK)
        error = lab_record_flag(record, "received", &out->bytes_received, diag);
    if (error == GREBE_OK)
        error = lab_record_flag(record, "discarded", &out->is_discarded, diag);
    return error;
}

static void end_call(struct lab_replay *replay, struct lab_open_call *call,
                     const struct grebe_done_info *info, bool is_declined)
{
    grebe__record_tell_pick(&replay->recording, call->id, &call->pick, info, is_declined);
    lab__forget_call(&replay->lab, call);
}

static int do_done(struct lab_replay *replay, const struct lab_record *record,
                   struct grebe_diag *diag)
{
    struct grebe_status status = grebe_status_of(GREBE_STATUS_UNKNOWN, "");
    struct grebe_done_info info = {.now_ns = replay->lab.sim.env.now_ns};
    struct grebe_metadata *trailers = NULL;
    struct lab_open_call *call;
    struct lab_load load;
    uint64_t number = 0;
    bool is_declined = false;
    int error = lab_record_number(record, "call", &number, diag);

    replay->result.n_dones++;
    if (error == GREBE_OK)
        error = read_info(record, &info, &status, &is_declined, diag);
    if (error == GREBE_OK)
        error = lab_record_metadata(record, replay->mem, "trailers", &trailers, diag);
    if (error != GREBE_OK)
        return error;
    error = lab_load_parse(replay->mem, record->json, diag, &load);
    call = lab__open_call(&replay->lab, number);
    if (error == GREBE_OK && call != NULL) {
        info.trailers = trailers;
        info.server_load = lab_load_report(&load);
        end_call(replay, call, &info, is_declined);
    }
    if (error == GREBE_OK)
        lab_load_free(&load);
    grebe_metadata_unref(trailers);
    return error;
}

/* ---- Lines ------------------------------------------------------------------------------- */

static int run_input(struct lab_replay *replay, const struct lab_record *record,
                     struct grebe_diag *diag)
{
    static int (*const actions[])(struct lab_replay *, const struct lab_record *,
                                  struct grebe_diag *) = {
        [LAB_RECORD_BUILD] = do_build,
        [LAB_RECORD_CLOSE] = do_close,
        [LAB_RECORD_UPDATE] = do_update,
        [LAB_RECORD_RESOLVER_ERROR] = do_resolver_error,
        [LAB_RECORD_EXIT_IDLE] = do_exit_idle,
        [LAB_RECORD_SUBCONN] = do_subconn,
        [LAB_RECORD_HEALTH] = do_health,
        [LAB_RECORD_TIMER] = do_timer,
        [LAB_RECORD_FEED_OPEN] = do_feed_open,
        [LAB_RECORD_FEED_MESSAGE] = do_feed_message,
        [LAB_RECORD_FEED_END] = do_feed_end,
        [LAB_RECORD_PICK] = do_pick,
        [LAB_RECORD_DONE] = do_done,
    };

    if (record->kind != LAB_RECORD_PICK && record->kind != LAB_RECORD_DONE)
        replay->result.n_other_inputs++;
    if (record->kind != LAB_RECORD_BUILD && !replay->has_lab) {
        grebe_diag_set(diag, "it comes before any policy was built");
        return GREBE_ERR_CONFIG;
    }
    if (record->kind == LAB_RECORD_UPDATE && replay->lab.root == NULL) {
        grebe_diag_set(diag, "the policy was closed before");
        return GREBE_ERR_CONFIG;
    }
    if (replay->has_lab)
        replay->lab.sim.env.now_ns = replay->header.clock_ns + record->ns;
    return actions[record->kind](replay, record, diag);
}

static int read_header(struct lab_replay *replay, const struct lab_record *record,
                       struct grebe_diag *diag)
{
    int error = lab_record_header(record, replay->mem, &replay->header, diag);

    replay->has_header = true;
    if (error == GREBE_OK && replay->header.clock_ns == 0) {
        grebe_diag_set(diag, "clock_ns: 0 is no moment");
        error = GREBE_ERR_CONFIG;
    }
    replay->recording.start_ns = replay->header.clock_ns;
    return error;
}

static int follow(struct lab_replay *replay, const struct lab_record *record,
                  const char *text, size_t length, const char *copy,
                  struct grebe_diag *diag)
{
    int error;

    if (!lab_record_is_input(record->kind)) {
        expect(replay, text, length, copy);
        return GREBE_OK;
    }
    if (record->kind != LAB_RECORD_BUILD && !come_to(replay, record, copy))
        return GREBE_OK;
    error = run_input(replay, record, diag);
    if (error == GREBE_OK)
        check_input(replay, record, text, length, copy);
    return error;
}

static int run_record(struct lab_replay *replay, const struct lab_record *record,
                      const char *text, size_t length, const char *copy,
                      struct grebe_diag *diag)
{
    uint64_t n = 0;
    int error = GREBE_OK;

    switch (record->kind) {
    case LAB_RECORD_END:
        replay->result.has_end = true;
        return GREBE_OK;
    case LAB_RECORD_LOST:
        error = lab_record_number(record, "lines", &n, diag);
        replay->result.n_lost += n;
        replay->is_adrift = true;
        return error;
    case LAB_RECORD_BUILD:
        replay->is_adrift = false;
        break;
    default:
        break;
    }
    if (!replay->is_adrift)
        return follow(replay, record, text, length, copy, diag);
    replay->result.n_unfollowed++;
    return GREBE_OK;
}

static int run_line(struct lab_replay *replay, const struct lab_record *record,
                    const char *text, size_t length, struct grebe_diag *diag)
{
    char *copy = grebe_mem_strndup(replay->mem, text, length);
    int error;

    if (copy == NULL)
        return GREBE_ERR_NOMEM;
    error = run_record(replay, record, text, length, copy, diag);
    grebe_mem_free(replay->mem, copy);
    if (error == GREBE_OK && replay->is_short_of_memory)
        error = GREBE_ERR_NOMEM;
    return error;
}

int lab_replay_line(struct lab_replay *replay, const char *text, size_t length,
                    struct grebe_diag *diag)
{
    struct lab_record record;
    int error;

    replay->line++;
    replay->result.n_lines++;
    error = lab_record_parse(text, length, diag, &record);
    if (error != GREBE_OK)
        return error;
    error = lab_record_check_order(&record, replay->has_header, replay->result.has_end,
                                   &replay->result.span_ns, diag);
    if (error == GREBE_OK && record.kind == LAB_RECORD_HEADER)
        error = read_header(replay, &record, diag);
    else if (error == GREBE_OK)
        error = run_line(replay, &record, text, length, diag);
    lab_record_free(&record);
    return error;
}

/* ---- Life -------------------------------------------------------------------------------- */

struct lab_replay *lab_replay_new(const struct lab_replay_options *options)
{
    struct lab_replay *replay = grebe_mem_zalloc(options->mem, sizeof *replay);

    if (replay == NULL)
        return NULL;
    replay->mem = options->mem;
    replay->options = *options;
    replay->sink.write = on_write;
    replay->recording.sink = &replay->sink;
    grebe__line_init(&replay->recording.line, options->mem);
    replay->recording.seed = &replay->seed;
    replay->recording.writes_all_metadata = true;
    replay->result.policy = "";
    return replay;
}

struct lab_replay_result lab_replay_result(const struct lab_replay *replay)
{
    struct lab_replay_result result = replay->result;

    result.target = replay->header.target == NULL ? "" : replay->header.target;
    return result;
}

void lab_replay_destroy(struct lab_replay *replay)
{
    if (replay == NULL)
        return;
    drop_lab(replay);
    grebe__line_fini(&replay->recording.line);
    grebe_mem_free(replay->mem, replay->produced.bytes);
    lab_record_header_free(&replay->header, replay->mem);
    grebe_mem_free(replay->mem, replay);
}
