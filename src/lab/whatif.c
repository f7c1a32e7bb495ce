/* SPDX-License-Identifier: Apache-2.0 */
/* The other policy's run: recorded updates and calls in, the network made of what is
 * known. */
#include "lab/whatif.h"

#include <string.h>

#include <grebe/registry.h>

#include "base/hash.h"
#include "lab/endpoints.h"
#include "lab/internal.h"
#include "lab/known.h"

/* A line that the run takes, in its order: what the channel was told, or a call. */
struct item {
    struct lab_record record; /* of a call: json NULL */
    size_t call;              /* in known->calls */
    struct arrival *arrival;  /* of a call; owned */
};

/* What a call asks with. */
struct arrival {
    char *method;
    struct grebe_metadata *metadata; /* a reference, or NULL */
    uint64_t random, hash, deadline_ns;
    bool has_hash, waits_for_ready;
};

/* A subconn of the other policy. */
struct conn {
    struct lab_whatif *whatif;
    struct lab_subconn *subconn;
    const struct known_backend *backend;
    struct grebe__timer state_timer; /* its next state */
    enum grebe_connectivity next;
    const char *error;                /* that goes with it */
    struct grebe__timer loss_timer;   /* when its connection is lost */
    struct grebe__timer health_timer; /* when its health is another */
    struct grebe__timer report_timer; /* when its load report comes */
    uint64_t report_ns;               /* the moment of that one */
};

/* A call of the other policy's. */
struct flight {
    struct lab_whatif *whatif;
    struct grebe__list link; /* on whatif->waiting, or ->flying */
    const struct item *item;
    struct grebe__timer timer; /* its end, or its deadline while it waits */
    bool is_flying;
    struct grebe_pick pick;      /* while it flies; the subconn referenced */
    const struct known_end *end; /* what it will be like */
    uint64_t sent_ns;
    uint64_t picker_number; /* that was asked last */
    int last_code;          /* of what a picker failed it with; -1: none did */
};

struct lab_whatif {
    const struct grebe_mem *mem;
    struct lab_whatif_options options;
    struct known known;
    struct known_list items; /* struct item */
    struct lab_record_header header;
    uint64_t line_ns; /* of the last line that was read */
    bool has_header;
    char *recorded_policy;

    struct lab lab;
    bool has_lab;
    struct grebe_lb_config *config; /* of the other policy */
    struct known_list conns;        /* struct conn *, by the id of the subconn */
    struct grebe__list waiting, flying;
    struct grebe__timer repick_timer;
    uint64_t picker_number;
    bool wants_stop; /* atomic */
    bool is_short_of_memory;
    struct lab_whatif_result result;
};

/* ---- Reading --------------------------------------------------------------------------- */

static struct item *add_item(struct lab_whatif *whatif)
{
    return known_append(whatif->mem, &whatif->items, sizeof(struct item));
}

static void free_arrival(const struct grebe_mem *mem, struct arrival *arrival)
{
    if (arrival == NULL)
        return;
    grebe_metadata_unref(arrival->metadata);
    grebe_mem_free(mem, arrival->method);
    grebe_mem_free(mem, arrival);
}

static int read_arrival(struct lab_whatif *whatif, const struct lab_record *record,
                        struct arrival *out, struct grebe_diag *diag)
{
    const char *method;
    bool has_random;
    int error = lab_record_text(record, "method", &method, diag);

    out->deadline_ns = UINT64_MAX;
    if (error == GREBE_OK)
        error = lab_record_u64(record, "random", &out->random, &has_random, diag);
    if (error == GREBE_OK)
        error = lab_record_u64(record, "hash", &out->hash, &out->has_hash, diag);
    if (error == GREBE_OK)
        error = lab_record_optional(record, "deadline_ns", &out->deadline_ns, diag);
    if (error == GREBE_OK)
        error = lab_record_flag(record, "wait_for_ready", &out->waits_for_ready, diag);
    if (error == GREBE_OK)
        error =
            lab_record_metadata(record, whatif->mem, "metadata", &out->metadata, diag);
    if (error != GREBE_OK)
        return error;
    out->method = grebe_mem_strdup(whatif->mem, method);
    return out->method == NULL ? GREBE_ERR_NOMEM : GREBE_OK;
}

static int add_call(struct lab_whatif *whatif, const struct lab_record *record,
                    size_t call, struct grebe_diag *diag)
{
    struct arrival *arrival = grebe_mem_zalloc(whatif->mem, sizeof *arrival);
    struct item *item;
    int error;

    if (arrival == NULL)
        return GREBE_ERR_NOMEM;
    error = read_arrival(whatif, record, arrival, diag);
    item = error == GREBE_OK ? add_item(whatif) : NULL;
    if (item == NULL) {
        free_arrival(whatif->mem, arrival);
        return error == GREBE_OK ? GREBE_ERR_NOMEM : error;
    }
    item->record = (struct lab_record){.kind = LAB_RECORD_PICK, .ns = record->ns};
    item->call = call;
    item->arrival = arrival;
    return GREBE_OK;
}

/* Takes over the line. */
static int add_record(struct lab_whatif *whatif, struct lab_record *record)
{
    struct item *item = add_item(whatif);

    if (item == NULL)
        return GREBE_ERR_NOMEM;
    item->record = *record;
    record->json = NULL;
    return GREBE_OK;
}

static int keep_policy_name(struct lab_whatif *whatif, const struct lab_record *record)
{
    const struct grebe_json *entry =
        grebe_json_element(grebe_json_member(record->json, "config"), 0);
    const char *name = NULL;

    if (grebe_json_next_member(entry, NULL, &name) == NULL)
        return GREBE_OK;
    grebe_mem_free(whatif->mem, whatif->recorded_policy);
    whatif->recorded_policy = grebe_mem_strdup(whatif->mem, name);
    return whatif->recorded_policy == NULL ? GREBE_ERR_NOMEM : GREBE_OK;
}

static int tell_backends(struct lab_whatif *whatif, const struct lab_record *record,
                         struct grebe_diag *diag)
{
    const struct grebe_json *list = NULL;
    struct lab_endpoints endpoints;
    int error = grebe_json_get_array(record->json, "endpoints", &list, diag);

    if (error == GREBE_OK)
        error = lab_endpoints_parse(whatif->mem, list, diag, &endpoints);
    if (error != GREBE_OK)
        return error;
    for (size_t i = 0; i < endpoints.n; i++) {
        const struct grebe_address *first =
            grebe_endpoint_n_addresses(endpoints.list[i]) == 0
                ? NULL
                : grebe_endpoint_address(endpoints.list[i], 0);

        if (first != NULL)
            whatif->options.on_backend(whatif->options.arg, grebe_address_text(first));
    }
    lab_endpoints_free(&endpoints);
    return GREBE_OK;
}

static int read_header(struct lab_whatif *whatif, const struct lab_record *record,
                       struct grebe_diag *diag)
{
    whatif->has_header = true;
    return lab_record_header(record, whatif->mem, &whatif->header, diag);
}

static int take(struct lab_whatif *whatif, struct lab_record *record,
                struct grebe_diag *diag)
{
    uint64_t n = 0;
    size_t call;
    int error = known_note(&whatif->known, record, &call, diag);

    if (error != GREBE_OK)
        return error;
    switch (record->kind) {
    case LAB_RECORD_PICK:
        return call == SIZE_MAX ? GREBE_OK : add_call(whatif, record, call, diag);
    case LAB_RECORD_UPDATE:
        error = keep_policy_name(whatif, record);
        if (error == GREBE_OK)
            error = tell_backends(whatif, record, diag);
        return error == GREBE_OK ? add_record(whatif, record) : error;
    case LAB_RECORD_BUILD:
    case LAB_RECORD_CLOSE:
    case LAB_RECORD_RESOLVER_ERROR:
    case LAB_RECORD_EXIT_IDLE:
        return add_record(whatif, record);
    case LAB_RECORD_LOST:
        error = lab_record_number(record, "lines", &n, diag);
        whatif->result.n_lost += n;
        return error;
    case LAB_RECORD_END:
        whatif->result.has_end = true;
        return GREBE_OK;
    default:
        return GREBE_OK;
    }
}

int lab_whatif_line(struct lab_whatif *whatif, const char *text, size_t length,
                    struct grebe_diag *diag)
{
    struct lab_record record;
    int error = lab_record_parse(text, length, diag, &record);

    if (error != GREBE_OK)
        return error;
    error = lab_record_check_order(&record, whatif->has_header, whatif->result.has_end,
                                   &whatif->line_ns, diag);
    if (error == GREBE_OK && record.kind == LAB_RECORD_HEADER)
        error = read_header(whatif, &record, diag);
    else if (error == GREBE_OK)
        error = take(whatif, &record, diag);
    lab_record_free(&record);
    return error;
}

/* ---- Time ------------------------------------------------------------------------------- */

static struct grebe__env *env_of(struct lab_whatif *whatif)
{
    return &whatif->lab.sim.env;
}

/* In the recording's time. */
static uint64_t now_ns(struct lab_whatif *whatif)
{
    return env_of(whatif)->now_ns - whatif->header.clock_ns;
}

static void start_timer(struct lab_whatif *whatif, struct grebe__timer *timer,
                        uint64_t at_ns)
{
    grebe__env_start_timer(env_of(whatif), timer, whatif->header.clock_ns + at_ns);
}

/* ---- Connections ------------------------------------------------------------------------ */

static struct conn *conn_of(struct lab_whatif *whatif, const struct lab_subconn *subconn)
{
    struct conn **conns = whatif->conns.items;

    return subconn->id < whatif->conns.n ? conns[subconn->id] : NULL;
}

static void stop_conn(struct conn *conn)
{
    grebe__timer_cancel(&conn->state_timer);
    grebe__timer_cancel(&conn->loss_timer);
    grebe__timer_cancel(&conn->health_timer);
    grebe__timer_cancel(&conn->report_timer);
}

static void change_later(struct conn *conn, enum grebe_connectivity state,
                         const char *error, uint64_t delay_ns)
{
    conn->next = state;
    conn->error = error;
    start_timer(conn->whatif, &conn->state_timer, now_ns(conn->whatif) + delay_ns);
}

/* The attempt that was recorded nearest in time tells how this one goes. */
static void dial(struct conn *conn)
{
    struct lab_whatif *whatif = conn->whatif;
    const struct known_end *end = known_nearest(&conn->backend->connects, now_ns(whatif));

    if (end == NULL) {
        end = known_nearest(&whatif->known.all.connects, now_ns(whatif));
        whatif->result.n_assumed_connects++;
    }
    if (end == NULL || end->code == GREBE_STATUS_OK)
        change_later(conn, GREBE_READY, NULL, end == NULL ? 0 : end->took_ns);
    else
        change_later(conn, GREBE_TRANSIENT_FAILURE, end->error, end->took_ns);
}

static void watch_loss(struct conn *conn)
{
    const struct known_change *loss =
        known_next(&conn->backend->losses, now_ns(conn->whatif));

    if (loss != NULL)
        start_timer(conn->whatif, &conn->loss_timer, loss->at_ns);
}

static void back_off(struct conn *conn)
{
    static const uint64_t usual_ns = UINT64_C(1000000000);
    const struct known_end *backoff =
        known_nearest(&conn->backend->backoffs, now_ns(conn->whatif));

    change_later(conn, GREBE_IDLE, NULL, backoff == NULL ? usual_ns : backoff->took_ns);
}

static void enter(struct conn *conn, enum grebe_connectivity state, const char *error)
{
    struct grebe_status status =
        grebe_status_of(GREBE_STATUS_UNAVAILABLE, error == NULL ? "" : error);

    stop_conn(conn);
    if (state == GREBE_CONNECTING)
        dial(conn);
    else if (state == GREBE_READY)
        watch_loss(conn);
    else if (state == GREBE_TRANSIENT_FAILURE)
        back_off(conn);
    grebe__subconn_deliver(&conn->subconn->base, state,
                           state == GREBE_TRANSIENT_FAILURE ? &status : NULL);
}

static void on_state_timer(struct grebe__timer *timer)
{
    struct conn *conn = grebe_container_of(timer, struct conn, state_timer);

    enter(conn, conn->next, conn->error);
}

static void on_loss_timer(struct grebe__timer *timer)
{
    enter(grebe_container_of(timer, struct conn, loss_timer), GREBE_IDLE, NULL);
}

static void on_health_timer(struct grebe__timer *timer)
{
    struct conn *conn = grebe_container_of(timer, struct conn, health_timer);
    struct grebe_status status = grebe_status_of(
        GREBE_STATUS_UNAVAILABLE, "the backend was not well when this was recorded");
    uint64_t now = now_ns(conn->whatif);
    const struct known_change *health = known_last(&conn->backend->health, now);
    const struct known_change *next = known_next(&conn->backend->health, now);
    enum grebe_connectivity state = health == NULL ? GREBE_READY : health->state;

    if (next != NULL)
        start_timer(conn->whatif, &conn->health_timer, next->at_ns);
    grebe__subconn_deliver_health(&conn->subconn->base, state,
                                  state == GREBE_TRANSIENT_FAILURE ? &status : NULL);
}

static void wait_for_report(struct conn *conn)
{
    const struct known_report *report =
        known_next_report(&conn->backend->reports, conn->report_ns);

    if (report != NULL)
        start_timer(conn->whatif, &conn->report_timer, report->at_ns);
}

static void on_report_timer(struct grebe__timer *timer)
{
    struct conn *conn = grebe_container_of(timer, struct conn, report_timer);
    const struct known_report *report =
        known_next_report(&conn->backend->reports, conn->report_ns);

    conn->report_ns = report->at_ns;
    wait_for_report(conn);
    lab__deliver_load(conn->subconn, report->bytes, report->length);
}

static void add_conn(struct lab_whatif *whatif, const struct lab_subconn *subconn)
{
    struct conn *conn = grebe_mem_zalloc(whatif->mem, sizeof *conn);
    struct conn **slot =
        conn == NULL ? NULL
                     : known_append(whatif->mem, &whatif->conns, sizeof(struct conn *));

    if (slot == NULL) {
        grebe_mem_free(whatif->mem, conn);
        whatif->is_short_of_memory = true;
        return;
    }
    *slot = conn;
    conn->whatif = whatif;
    conn->subconn = (struct lab_subconn *)(uintptr_t)subconn;
    conn->backend = known_backend(&whatif->known, lab_subconn_name(subconn));
    grebe__timer_init(&conn->state_timer, on_state_timer);
    grebe__timer_init(&conn->loss_timer, on_loss_timer);
    grebe__timer_init(&conn->health_timer, on_health_timer);
    grebe__timer_init(&conn->report_timer, on_report_timer);
    if (conn->backend == NULL)
        whatif->is_short_of_memory = true;
}

/* Inside of the lab: what follows is started here, and happens in a turn of its own. */
static void on_event(void *arg, const struct lab_event *event)
{
    struct lab_whatif *whatif = arg;
    struct conn *conn;

    switch (event->kind) {
    case LAB_NEW_SUBCONN:
        add_conn(whatif, event->subconn);
        return;
    case LAB_STATE:
        whatif->picker_number++;
        start_timer(whatif, &whatif->repick_timer, now_ns(whatif));
        return;
    case LAB_CONNECT:
    case LAB_SHUTDOWN:
    case LAB_WATCH_HEALTH:
        conn = conn_of(whatif, event->subconn);
        break;
    case LAB_PRODUCER:
        conn = event->producer.is_on && strcmp(event->producer.kind, "orca") == 0
                   ? conn_of(whatif, event->producer.subconn)
                   : NULL;
        break;
    default:
        return;
    }
    if (conn == NULL || conn->backend == NULL)
        return;
    if (event->kind == LAB_SHUTDOWN) {
        stop_conn(conn);
    } else if (event->kind == LAB_WATCH_HEALTH) {
        start_timer(whatif, &conn->health_timer, now_ns(whatif));
    } else if (event->kind == LAB_PRODUCER) {
        conn->report_ns = now_ns(whatif);
        wait_for_report(conn);
    } else if (conn->subconn->base.delivered == GREBE_IDLE &&
               !grebe__timer_is_running(&conn->state_timer)) {
        change_later(conn, GREBE_CONNECTING, NULL, 0);
    }
}

/* ---- Calls ------------------------------------------------------------------------------- */

static const struct known_call *recorded_of(const struct flight *flight)
{
    const struct known_call *calls = flight->whatif->known.calls.items;

    return &calls[flight->item->call];
}

/* It has ended; `flight` is gone. */
static void conclude(struct flight *flight, const char *address, int code,
                     uint64_t latency_ns)
{
    struct lab_whatif *whatif = flight->whatif;
    const struct known_call *recorded = recorded_of(flight);
    const struct lab_whatif_call call = {
        .number = recorded->number,
        .at_ns = recorded->at_ns,
        .recorded = {.address =
                         recorded->backend == NULL ? "" : recorded->backend->address,
                     .code = recorded->code,
                     .latency_ns = recorded->latency_ns},
        .now = {.address = address, .code = code, .latency_ns = latency_ns},
    };

    whatif->result.n_calls++;
    whatif->options.on_call(whatif->options.arg, &call);
    grebe__timer_cancel(&flight->timer);
    grebe__list_remove(&flight->link);
    grebe_mem_free(whatif->mem, flight);
}

static void tell_end(struct flight *flight, const struct grebe_done_info *info)
{
    struct grebe_subconn *subconn = flight->pick.subconn;

    flight->is_flying = false;
    grebe_pick_end(&flight->pick, info);
    grebe_subconn_unref(subconn);
}

static void land(struct flight *flight)
{
    struct lab_whatif *whatif = flight->whatif;
    const struct known_end *end = flight->end;
    const char *address =
        lab_subconn_name(lab__subconn_of(&whatif->lab, flight->pick.subconn));
    struct grebe_status status =
        grebe_status_of(end == NULL ? GREBE_STATUS_OK : end->code, "");
    uint64_t latency_ns = now_ns(whatif) - flight->sent_ns;
    const struct grebe_done_info info = {
        .status = &status,
        .server_load = end == NULL || end->load == NULL || !flight->pick.wants_load_report
                           ? NULL
                           : lab_load_report(end->load),
        .now_ns = env_of(whatif)->now_ns,
        .latency_ns = latency_ns,
        .bytes_sent = true,
        .bytes_received = end == NULL || end->is_received,
        .headers_ns = end == NULL ? 0 : end->headers_ns,
        .is_streaming = end != NULL && end->is_streaming,
    };

    tell_end(flight, &info);
    conclude(flight, address, status.code, latency_ns);
}

static void on_flight_timer(struct grebe__timer *timer)
{
    struct flight *flight = grebe_container_of(timer, struct flight, timer);

    if (flight->is_flying)
        land(flight);
    else
        conclude(flight, "", GREBE_STATUS_DEADLINE_EXCEEDED,
                 now_ns(flight->whatif) - recorded_of(flight)->at_ns);
}

static void wait(struct flight *flight)
{
    uint64_t deadline_ns = flight->item->arrival->deadline_ns;

    grebe__list_remove(&flight->link);
    grebe__list_append(&flight->whatif->waiting, &flight->link);
    if (deadline_ns != UINT64_MAX)
        start_timer(flight->whatif, &flight->timer, deadline_ns);
}

/* A subconn that is not READY: as in a channel, the pick came to nothing. */
static void decline(struct flight *flight)
{
    struct grebe_status ok = grebe_status_of(GREBE_STATUS_OK, "");
    const struct grebe_done_info info = {
        .status = &ok,
        .now_ns = env_of(flight->whatif)->now_ns,
        .is_discarded = true,
    };

    grebe_pick_end(&flight->pick, &info);
    wait(flight);
}

static void fly(struct flight *flight)
{
    struct lab_whatif *whatif = flight->whatif;
    struct lab_subconn *subconn = lab__subconn_of(&whatif->lab, flight->pick.subconn);
    const struct conn *conn = conn_of(whatif, subconn);

    if (subconn->base.delivered != GREBE_READY || conn == NULL || conn->backend == NULL) {
        decline(flight);
        return;
    }
    flight->sent_ns = now_ns(whatif);
    flight->end = known_nearest(&conn->backend->calls, flight->sent_ns);
    if (flight->end == NULL) {
        flight->end = known_nearest(&whatif->known.all.calls, flight->sent_ns);
        whatif->result.n_assumed_calls++;
    }
    flight->is_flying = true;
    grebe_subconn_ref(flight->pick.subconn);
    grebe__list_remove(&flight->link);
    grebe__list_append(&whatif->flying, &flight->link);
    start_timer(whatif, &flight->timer,
                flight->sent_ns + (flight->end == NULL ? 0 : flight->end->took_ns));
}

static void ask(struct flight *flight)
{
    struct lab_whatif *whatif = flight->whatif;
    struct grebe_picker *picker = whatif->lab.picker;
    const struct arrival *arrival = flight->item->arrival;
    bool is_first = flight->picker_number == 0;
    const struct grebe_pick_args args = {
        .method = arrival->method,
        .metadata = arrival->metadata,
        .now_ns = env_of(whatif)->now_ns,
        .deadline_ns = arrival->deadline_ns == UINT64_MAX
                           ? UINT64_MAX
                           : whatif->header.clock_ns + arrival->deadline_ns,
        .random = is_first ? arrival->random : grebe__rng_next(&env_of(whatif)->rng),
        .hash = arrival->has_hash ? &arrival->hash : NULL,
    };

    if (picker == NULL) {
        wait(flight);
        return;
    }
    flight->picker_number = whatif->picker_number;
    grebe_pick_init(&flight->pick);
    grebe_picker_pick(picker, &args, &flight->pick);
    lab__judge(&whatif->lab, &flight->pick);
    flight->pick.wants_load_report = picker->api >= 2 && flight->pick.wants_load_report;
    if (flight->pick.kind == GREBE_PICK_COMPLETE)
        fly(flight);
    else if (flight->pick.kind == GREBE_PICK_DROP ||
             (flight->pick.kind == GREBE_PICK_FAIL && !arrival->waits_for_ready))
        conclude(flight, "", flight->pick.status->code,
                 now_ns(whatif) - recorded_of(flight)->at_ns);
    else
        wait(flight);
}

/* Each is asked at most once for each picker. */
static void on_repick(struct grebe__timer *timer)
{
    struct lab_whatif *whatif =
        grebe_container_of(timer, struct lab_whatif, repick_timer);
    struct grebe__list waiting, *link;

    grebe__list_init(&waiting);
    grebe__list_splice(&waiting, &whatif->waiting);
    while ((link = grebe__list_shift(&waiting)) != NULL) {
        struct flight *flight = grebe_container_of(link, struct flight, link);

        if (flight->picker_number == whatif->picker_number)
            grebe__list_append(&whatif->waiting, link);
        else
            ask(flight);
    }
}

static int arrive(struct lab_whatif *whatif, const struct item *item)
{
    struct flight *flight = grebe_mem_zalloc(whatif->mem, sizeof *flight);

    if (flight == NULL)
        return GREBE_ERR_NOMEM;
    flight->whatif = whatif;
    flight->item = item;
    grebe__list_init(&flight->link);
    grebe__timer_init(&flight->timer, on_flight_timer);
    grebe__env_enter(env_of(whatif));
    ask(flight);
    grebe__env_leave(env_of(whatif));
    sim_settle(&whatif->lab.sim);
    return GREBE_OK;
}

/* The recording is at its end, or the policy at its own: calls that fly will land, and
 * those that wait will not be served. */
static void finish_calls(struct lab_whatif *whatif)
{
    struct grebe__list *link;

    while ((link = whatif->waiting.next) != &whatif->waiting) {
        struct flight *flight = grebe_container_of(link, struct flight, link);

        conclude(flight, "", -1, now_ns(whatif) - recorded_of(flight)->at_ns);
    }
    grebe__env_enter(env_of(whatif));
    while ((link = whatif->flying.next) != &whatif->flying) {
        struct flight *flight = grebe_container_of(link, struct flight, link);
        uint64_t lands_ns = flight->sent_ns +
                            (flight->end == NULL ? 0 : flight->end->took_ns) +
                            whatif->header.clock_ns;

        if (lands_ns > env_of(whatif)->now_ns)
            env_of(whatif)->now_ns = lands_ns;
        land(flight);
    }
    grebe__env_leave(env_of(whatif));
}

/* ---- The run ------------------------------------------------------------------------------ */

static void drop_lab(struct lab_whatif *whatif)
{
    struct conn **conns = whatif->conns.items;

    if (!whatif->has_lab)
        return;
    finish_calls(whatif);
    grebe__timer_cancel(&whatif->repick_timer);
    for (size_t i = 0; i < whatif->conns.n; i++)
        stop_conn(conns[i]);
    lab_fini(&whatif->lab);
    grebe__timer_cancel(&whatif->repick_timer);
    whatif->has_lab = false;
    for (size_t i = 0; i < whatif->conns.n; i++)
        grebe_mem_free(whatif->mem, conns[i]);
    whatif->conns.n = 0;
}

static bool wants_stop(void *arg)
{
    return __atomic_load_n(&((struct lab_whatif *)arg)->wants_stop, __ATOMIC_RELAXED);
}

static int build(struct lab_whatif *whatif, const struct lab_record *record,
                 struct grebe_diag *diag)
{
    uint64_t seed = 1;
    bool has_seed;
    int error = lab_record_u64(record, "seed", &seed, &has_seed, diag);

    if (error != GREBE_OK)
        return error;
    drop_lab(whatif);
    error = lab_init(&whatif->lab, &(struct lab_options){
                                       .mem = whatif->mem,
                                       .seed = seed,
                                       .target = whatif->header.target,
                                       .builder = &grebe_graceful_switch,
                                       .checks_health = true,
                                       .on_event = on_event,
                                       .arg = whatif,
                                       .wants_stop = wants_stop,
                                       .clock_ns = whatif->header.clock_ns + record->ns,
                                       .build_options = &whatif->header.options,
                                   });
    whatif->has_lab = error == GREBE_OK;
    return error;
}

static int update(struct lab_whatif *whatif, const struct lab_record *record,
                  struct grebe_diag *diag)
{
    struct grebe_balancer_update update = {.config = whatif->config};
    const struct grebe_json *list = NULL;
    struct lab_endpoints endpoints;
    int error = grebe_json_get_array(record->json, "endpoints", &list, diag);

    if (error == GREBE_OK)
        error = lab_endpoints_parse(whatif->lab.host.mem, list, diag, &endpoints);
    if (error != GREBE_OK)
        return error;
    update.endpoints = endpoints.list;
    update.n_endpoints = endpoints.n;
    (void)lab_update(&whatif->lab, &update);
    lab_endpoints_free(&endpoints);
    return GREBE_OK;
}

static int resolver_error(struct lab_whatif *whatif, const struct lab_record *record,
                          struct grebe_diag *diag)
{
    struct grebe_status status = grebe_status_of(GREBE_STATUS_UNAVAILABLE, "");
    bool is_there;
    int error = lab_record_status(record, &status, &is_there, diag);

    if (error == GREBE_OK)
        lab_resolver_error(&whatif->lab, &status);
    return error;
}

static int run_item(struct lab_whatif *whatif, const struct item *item,
                    struct grebe_diag *diag)
{
    const struct lab_record *record = &item->record;

    if (record->kind == LAB_RECORD_BUILD)
        return build(whatif, record, diag);
    if (!whatif->has_lab) {
        grebe_diag_set(diag, "it has inputs before any policy was built");
        return GREBE_ERR_CONFIG;
    }
    if (now_ns(whatif) < record->ns &&
        !lab_advance(&whatif->lab, record->ns - now_ns(whatif)))
        return GREBE_OK;
    switch (record->kind) {
    case LAB_RECORD_UPDATE:
        return update(whatif, record, diag);
    case LAB_RECORD_RESOLVER_ERROR:
        return resolver_error(whatif, record, diag);
    case LAB_RECORD_PICK:
        return arrive(whatif, item);
    case LAB_RECORD_CLOSE:
        drop_lab(whatif);
        return GREBE_OK;
    default: /* the picker of the recorded policy wanted it, if a "policy" is named */
        if (grebe_json_member(record->json, "policy") == NULL)
            lab_exit_idle(&whatif->lab);
        return GREBE_OK;
    }
}

/* "round_robin", {"round_robin": {}} or [{"round_robin": {}}]. */
static int choose_policy(struct lab_whatif *whatif, const char *policy,
                         struct grebe_diag *diag)
{
    bool is_list = policy[strspn(policy, " \t\n")] == '[';
    bool is_entry = policy[strspn(policy, " \t\n")] == '{';
    size_t size = strlen(policy) + sizeof "[{\"\":{}}]";
    const struct grebe_json *list;
    char *text = grebe_mem_alloc(whatif->mem, size);
    struct grebe__text out = grebe__text_init(text, text == NULL ? 0 : size);
    int error;

    if (text == NULL)
        return GREBE_ERR_NOMEM;
    if (is_list)
        grebe__text_printf(&out, "%s", policy);
    else if (is_entry)
        grebe__text_printf(&out, "[%s]", policy);
    else
        grebe__text_printf(&out, "[{\"%s\":{}}]", policy);
    error = grebe_json_parse(text, out.length, diag, &list);
    grebe_mem_free(whatif->mem, text);
    if (error != GREBE_OK)
        return error;
    error = grebe_lb_config_parse(list, diag, &whatif->config);
    grebe_json_free(list);
    if (error != GREBE_OK)
        grebe_diag_prefix(diag, "--policy");
    return error;
}

int lab_whatif_run(struct lab_whatif *whatif, const char *policy, struct grebe_diag *diag)
{
    const struct item *items = whatif->items.items;
    int error = choose_policy(whatif, policy, diag);

    if (error != GREBE_OK)
        return error;
    whatif->result.policy = grebe_lb_config_builder(whatif->config)->name;
    for (size_t i = 0; i < whatif->items.n && error == GREBE_OK && !wants_stop(whatif);
         i++)
        error = run_item(whatif, &items[i], diag);
    drop_lab(whatif);
    if (error == GREBE_OK && whatif->is_short_of_memory)
        error = GREBE_ERR_NOMEM;
    return error;
}

/* ---- Life -------------------------------------------------------------------------------- */

struct lab_whatif *lab_whatif_new(const struct lab_whatif_options *options)
{
    struct lab_whatif *whatif = grebe_mem_zalloc(options->mem, sizeof *whatif);

    if (whatif == NULL)
        return NULL;
    whatif->mem = options->mem;
    whatif->options = *options;
    known_init(&whatif->known, options->mem);
    grebe__list_init(&whatif->waiting);
    grebe__list_init(&whatif->flying);
    grebe__timer_init(&whatif->repick_timer, on_repick);
    return whatif;
}

struct lab_whatif_result lab_whatif_result(const struct lab_whatif *whatif)
{
    struct lab_whatif_result result = whatif->result;

    result.target = whatif->header.target == NULL ? "" : whatif->header.target;
    result.recorded_policy =
        whatif->recorded_policy == NULL ? "" : whatif->recorded_policy;
    if (result.policy == NULL)
        result.policy = "";
    result.span_ns = whatif->line_ns;
    result.n_retries = whatif->known.n_retries;
    return result;
}

void lab_whatif_stop(struct lab_whatif *whatif)
{
    __atomic_store_n(&whatif->wants_stop, true, __ATOMIC_RELAXED);
}

void lab_whatif_destroy(struct lab_whatif *whatif)
{
    struct item *items;

    if (whatif == NULL)
        return;
    drop_lab(whatif);
    items = whatif->items.items;
    for (size_t i = 0; i < whatif->items.n; i++) {
        lab_record_free(&items[i].record);
        free_arrival(whatif->mem, items[i].arrival);
    }
    known_fini(&whatif->known);
    grebe_lb_config_unref(whatif->config);
    grebe_mem_free(whatif->mem, whatif->items.items);
    grebe_mem_free(whatif->mem, whatif->conns.items);
    grebe_mem_free(whatif->mem, whatif->recorded_policy);
    lab_record_header_free(&whatif->header, whatif->mem);
    grebe_mem_free(whatif->mem, whatif);
}
