/* SPDX-License-Identifier: Apache-2.0 */
#include "lab/known.h"

#include <string.h>

#include <grebe/error.h>

#include "base/hash.h"
#include "messages/load_report.h"

/* ---- Lists -------------------------------------------------------------------------- */

void *known_append(const struct grebe_mem *mem, struct known_list *list, size_t size)
{
    void *item;

    if (list->n == list->room) {
        size_t room = list->room == 0 ? 8 : 2 * list->room;
        void *items = grebe_mem_realloc(mem, list->items, room * size);

        if (items == NULL)
            return NULL;
        list->items = items;
        list->room = room;
    }
    item = (char *)list->items + list->n++ * size;
    memset(item, 0, size);
    return item;
}

/* The number of items until `at_ns`; each begins with its moment. */
static size_t n_until(const struct known_list *list, size_t size, uint64_t at_ns)
{
    size_t low = 0, high = list->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        uint64_t moment;

        memcpy(&moment, (const char *)list->items + middle * size, sizeof moment);
        if (moment <= at_ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct known_end *known_nearest(const struct known_list *ends, uint64_t at_ns)
{
    size_t n = n_until(ends, sizeof(struct known_end), at_ns);
    const struct known_end *items = ends->items;

    if (ends->n == 0)
        return NULL;
    if (n == 0)
        return &items[0];
    if (n == ends->n)
        return &items[n - 1];
    return at_ns - items[n - 1].at_ns <= items[n].at_ns - at_ns ? &items[n - 1]
                                                                : &items[n];
}

const struct known_change *known_next(const struct known_list *changes, uint64_t at_ns)
{
    size_t n = n_until(changes, sizeof(struct known_change), at_ns);

    return n == changes->n ? NULL : (const struct known_change *)changes->items + n;
}

const struct known_change *known_last(const struct known_list *changes, uint64_t at_ns)
{
    size_t n = n_until(changes, sizeof(struct known_change), at_ns);

    return n == 0 ? NULL : (const struct known_change *)changes->items + n - 1;
}

const struct known_report *known_next_report(const struct known_list *reports,
                                             uint64_t at_ns)
{
    size_t n = n_until(reports, sizeof(struct known_report), at_ns);

    return n == reports->n ? NULL : (const struct known_report *)reports->items + n;
}

/* They are noted when they end, and found by when they began. */
static struct known_end *insert_end(const struct grebe_mem *mem, struct known_list *list,
                                    const struct known_end *end)
{
    struct known_end *items = known_append(mem, list, sizeof *end);
    size_t at = list->n - 1;

    if (items == NULL)
        return NULL;
    items = list->items;
    for (; at > 0 && items[at - 1].at_ns > end->at_ns; at--)
        items[at] = items[at - 1];
    items[at] = *end;
    return &items[at];
}

/* ---- Backends ----------------------------------------------------------------------- */

static uint64_t hash_number(const void *key)
{
    return grebe__hash64(key, sizeof(uint64_t), 0);
}

static bool is_same_number(const void *a, const void *b)
{
    return *(const uint64_t *)a == *(const uint64_t *)b;
}

static const struct grebe__map_ops by_number = {.hash = hash_number,
                                                .equal = is_same_number};

static uint64_t hash_address(const void *key)
{
    return grebe__hash64_text(key);
}

static bool is_same_address(const void *a, const void *b)
{
    return strcmp(a, b) == 0;
}

static const struct grebe__map_ops by_address = {.hash = hash_address,
                                                 .equal = is_same_address};

void known_init(struct known *known, const struct grebe_mem *mem)
{
    *known = (struct known){.mem = mem};
    grebe__map_init(&known->by_address, mem, &by_address);
    grebe__map_init(&known->by_number, mem, &by_number);
}

static void free_ends(const struct grebe_mem *mem, struct known_list *list)
{
    struct known_end *ends = list->items;

    for (size_t i = 0; i < list->n; i++) {
        if (ends[i].load != NULL)
            lab_load_free(ends[i].load);
        grebe_mem_free(mem, ends[i].load);
        grebe_mem_free(mem, ends[i].error);
    }
    grebe_mem_free(mem, ends);
}

static void free_backend(const struct grebe_mem *mem, struct known_backend *backend)
{
    struct known_report *reports = backend->reports.items;

    free_ends(mem, &backend->calls);
    free_ends(mem, &backend->connects);
    free_ends(mem, &backend->backoffs);
    for (size_t i = 0; i < backend->reports.n; i++)
        grebe_mem_free(mem, reports[i].bytes);
    grebe_mem_free(mem, reports);
    grebe_mem_free(mem, backend->losses.items);
    grebe_mem_free(mem, backend->health.items);
    grebe_mem_free(mem, backend->address);
}

static void forget_calls(struct known *known)
{
    struct grebe__map_entry *entry = NULL;

    while ((entry = grebe__map_next(&known->by_number, entry)) != NULL)
        grebe_mem_free(known->mem, (void *)(uintptr_t)entry->key);
    grebe__map_fini(&known->by_number);
}

void known_fini(struct known *known)
{
    struct grebe__map_entry *entry = NULL;

    while ((entry = grebe__map_next(&known->by_address, entry)) != NULL) {
        free_backend(known->mem, entry->value);
        grebe_mem_free(known->mem, entry->value);
    }
    grebe__map_fini(&known->by_address);
    forget_calls(known);
    /* Those of all are copies: what they point at is their backend's. */
    grebe_mem_free(known->mem, known->all.calls.items);
    grebe_mem_free(known->mem, known->all.connects.items);
    grebe_mem_free(known->mem, known->subconns.items);
    grebe_mem_free(known->mem, known->feeds.items);
    grebe_mem_free(known->mem, known->calls.items);
}

struct known_backend *known_backend(struct known *known, const char *address)
{
    struct known_backend *backend = grebe__map_get(&known->by_address, address);

    if (backend != NULL)
        return backend;
    backend = grebe_mem_zalloc(known->mem, sizeof *backend);
    if (backend == NULL)
        return NULL;
    backend->address = grebe_mem_strdup(known->mem, address);
    if (backend->address != NULL &&
        grebe__map_put(&known->by_address, backend->address, backend) == GREBE_OK)
        return backend;
    grebe_mem_free(known->mem, backend->address);
    grebe_mem_free(known->mem, backend);
    return NULL;
}

/* ---- Subconns ----------------------------------------------------------------------- */

static struct known_subconn *subconn_at(struct known *known, uint64_t id)
{
    struct known_subconn *subconns = known->subconns.items;

    return id < known->subconns.n ? &subconns[id] : NULL;
}

/* Ids count up from 0 in each build: one that jumps belongs to a recording that has lost
 * lines, and is not followed. */
static int note_new_subconn(struct known *known, const struct lab_record *record,
                            struct grebe_diag *diag)
{
    const struct grebe_json *addresses = grebe_json_member(record->json, "addresses");
    const struct grebe_json *first = grebe_json_element(addresses, 0);
    const char *address = grebe_json_string(first);
    struct known_subconn *subconn;
    uint64_t id = 0;
    int error = lab_record_number(record, "subconn", &id, diag);

    if (address == NULL)
        address = grebe_json_string(grebe_json_member(first, "address"));
    if (error != GREBE_OK || id != known->subconns.n || address == NULL)
        return error;
    subconn = known_append(known->mem, &known->subconns, sizeof *subconn);
    if (subconn == NULL)
        return GREBE_ERR_NOMEM;
    subconn->backend = known_backend(known, address);
    return subconn->backend == NULL ? GREBE_ERR_NOMEM : GREBE_OK;
}

static int note_loss(struct known *known, struct known_backend *backend, uint64_t at_ns)
{
    struct known_change *loss = known_append(known->mem, &backend->losses, sizeof *loss);

    if (loss == NULL)
        return GREBE_ERR_NOMEM;
    *loss = (struct known_change){.at_ns = at_ns, .state = GREBE_IDLE};
    return GREBE_OK;
}

static int note_connect(struct known *known, const struct known_subconn *subconn,
                        uint64_t now_ns, const char *error)
{
    struct known_backend *backend = subconn->backend;
    struct known_end end = {
        .at_ns = subconn->since_ns,
        .took_ns = now_ns - subconn->since_ns,
        .code = error == NULL ? GREBE_STATUS_OK : GREBE_STATUS_UNAVAILABLE,
    };

    if (error != NULL && (end.error = grebe_mem_strdup(known->mem, error)) == NULL)
        return GREBE_ERR_NOMEM;
    if (insert_end(known->mem, &backend->connects, &end) == NULL) {
        grebe_mem_free(known->mem, end.error);
        return GREBE_ERR_NOMEM;
    }
    end.error = NULL;
    if (end.code == GREBE_STATUS_OK &&
        insert_end(known->mem, &known->all.connects, &end) == NULL)
        return GREBE_ERR_NOMEM;
    return GREBE_OK;
}

static int note_backoff(struct known *known, const struct known_subconn *subconn,
                        uint64_t now_ns)
{
    const struct known_end end = {
        .at_ns = subconn->since_ns,
        .took_ns = now_ns - subconn->since_ns,
    };

    return insert_end(known->mem, &subconn->backend->backoffs, &end) == NULL
               ? GREBE_ERR_NOMEM
               : GREBE_OK;
}

static int note_state(struct known *known, const struct lab_record *record,
                      struct grebe_diag *diag)
{
    struct grebe_status status = grebe_status_of(GREBE_STATUS_OK, "");
    enum grebe_connectivity state = GREBE_IDLE;
    struct known_subconn *subconn;
    bool has_status;
    uint64_t id = 0;
    int error = lab_record_number(record, "subconn", &id, diag);

    if (error == GREBE_OK)
        error = lab_record_state(record, &state, diag);
    if (error == GREBE_OK)
        error = lab_record_status(record, &status, &has_status, diag);
    subconn = subconn_at(known, id);
    if (error != GREBE_OK || subconn == NULL)
        return error;
    /* READY that the policy itself gave up was not lost. */
    if (subconn->state == GREBE_READY && state != GREBE_SHUTDOWN)
        error = note_loss(known, subconn->backend, record->ns);
    else if (subconn->state == GREBE_CONNECTING &&
             (state == GREBE_READY || state == GREBE_TRANSIENT_FAILURE))
        error = note_connect(known, subconn, record->ns,
                             state == GREBE_READY ? NULL : status.message);
    else if (subconn->state == GREBE_TRANSIENT_FAILURE && state == GREBE_IDLE)
        error = note_backoff(known, subconn, record->ns);
    subconn->state = state;
    subconn->since_ns = record->ns;
    return error;
}

static int note_health(struct known *known, const struct lab_record *record,
                       struct grebe_diag *diag)
{
    enum grebe_connectivity state = GREBE_READY;
    const struct known_subconn *subconn;
    struct known_change *change;
    uint64_t id = 0;
    int error = lab_record_number(record, "subconn", &id, diag);

    if (error == GREBE_OK)
        error = lab_record_state(record, &state, diag);
    subconn = subconn_at(known, id);
    if (error != GREBE_OK || subconn == NULL)
        return error;
    change = known_append(known->mem, &subconn->backend->health, sizeof *change);
    if (change == NULL)
        return GREBE_ERR_NOMEM;
    *change = (struct known_change){.at_ns = record->ns, .state = state};
    return GREBE_OK;
}

/* ---- Feeds -------------------------------------------------------------------------- */

static int note_feed(struct known *known, const struct lab_record *record,
                     struct grebe_diag *diag)
{
    const struct known_subconn *subconn;
    struct known_backend **feed;
    const char *method;
    uint64_t id = 0, of = 0;
    int error = lab_record_number(record, "id", &id, diag);

    if (error == GREBE_OK)
        error = lab_record_number(record, "subconn", &of, diag);
    if (error == GREBE_OK)
        error = lab_record_text(record, "method", &method, diag);
    if (error != GREBE_OK || id != known->feeds.n)
        return error;
    feed = known_append(known->mem, &known->feeds, sizeof(struct known_backend *));
    if (feed == NULL)
        return GREBE_ERR_NOMEM;
    subconn = subconn_at(known, of);
    if (subconn != NULL && strcmp(method, GREBE__LOAD_REPORT_STREAM) == 0)
        *feed = subconn->backend;
    return GREBE_OK;
}

static int note_report(struct known *known, const struct lab_record *record,
                       struct grebe_diag *diag)
{
    struct known_backend **feeds = known->feeds.items, *backend;
    struct known_report report = {.at_ns = record->ns}, *kept;
    uint64_t id = 0;
    int error = lab_record_number(record, "id", &id, diag);

    backend = id < known->feeds.n ? feeds[id] : NULL;
    if (error != GREBE_OK || backend == NULL)
        return error;
    error = lab_record_bytes(record, known->mem, "bytes", &report.bytes, &report.length,
                             diag);
    if (error != GREBE_OK)
        return error;
    kept = known_append(known->mem, &backend->reports, sizeof *kept);
    if (kept == NULL) {
        grebe_mem_free(known->mem, report.bytes);
        return GREBE_ERR_NOMEM;
    }
    *kept = report;
    return GREBE_OK;
}

/* ---- Calls -------------------------------------------------------------------------- */

static struct known_call *find_call(struct known *known, uint64_t number)
{
    uintptr_t index = (uintptr_t)grebe__map_get(&known->by_number, &number);

    return index == 0 ? NULL : (struct known_call *)known->calls.items + index - 1;
}

static int begin_call(struct known *known, uint64_t number, uint64_t at_ns)
{
    struct known_call *call = known_append(known->mem, &known->calls, sizeof *call);
    uint64_t *key = grebe_mem_alloc(known->mem, sizeof *key);

    if (call == NULL || key == NULL) {
        grebe_mem_free(known->mem, key);
        return GREBE_ERR_NOMEM;
    }
    *call = (struct known_call){.number = number, .at_ns = at_ns, .code = -1};
    *key = number;
    if (grebe__map_put(&known->by_number, key, (void *)known->calls.n) == GREBE_OK)
        return GREBE_OK;
    grebe_mem_free(known->mem, key);
    return GREBE_ERR_NOMEM;
}

/* A call asks: for the first time, again because it waits, or for another attempt. */
static int note_pick(struct known *known, const struct lab_record *record, size_t *index,
                     struct grebe_diag *diag)
{
    struct grebe_status status = grebe_status_of(GREBE_STATUS_OK, "");
    const struct known_subconn *subconn;
    struct known_call *call;
    const char *kind;
    bool has_status, waits = false;
    uint64_t number = 0, id = UINT64_MAX;
    int error = lab_record_number(record, "call", &number, diag);

    if (error == GREBE_OK)
        error = lab_record_text(record, "kind", &kind, diag);
    if (error == GREBE_OK)
        error = lab_record_optional(record, "subconn", &id, diag);
    if (error == GREBE_OK)
        error = lab_record_flag(record, "wait_for_ready", &waits, diag);
    if (error == GREBE_OK)
        error = lab_record_status(record, &status, &has_status, diag);
    if (error == GREBE_OK && find_call(known, number) == NULL) {
        error = begin_call(known, number, record->ns);
        *index = known->calls.n - 1;
    }
    if (error != GREBE_OK)
        return error;
    call = find_call(known, number);
    if (strcmp(kind, "drop") == 0 || (strcmp(kind, "fail") == 0 && !waits)) {
        call->code = status.code;
        call->latency_ns = record->ns - call->at_ns;
        call->backend = NULL;
    }
    subconn = strcmp(kind, "complete") == 0 ? subconn_at(known, id) : NULL;
    if (subconn != NULL) {
        known->n_retries += call->n_attempts++ > 0;
        call->backend = subconn->backend;
        call->sent_ns = record->ns;
    }
    return GREBE_OK;
}

static int read_end(struct known *known, const struct lab_record *record,
                    struct known_end *out, bool *is_declined, struct grebe_diag *diag)
{
    struct grebe_status status = grebe_status_of(GREBE_STATUS_OK, "");
    struct lab_load load;
    bool has_status;
    int error = lab_record_status(record, &status, &has_status, diag);

    out->code = status.code;
    if (error == GREBE_OK)
        error = lab_record_number(record, "latency_ns", &out->took_ns, diag);
    if (error == GREBE_OK)
        error = lab_record_optional(record, "headers_ns", &out->headers_ns, diag);
    if (error == GREBE_OK)
        error = lab_record_flag(record, "streaming", &out->is_streaming, diag);
    if (error == GREBE_OK)
        error = lab_record_flag(record, "declined", is_declined, diag);
    if (error == GREBE_OK)
        error = lab_record_flag(record, "sent", &out->is_sent, diag);
    if (error == GREBE_OK)
        error = lab_record_flag(record, "received", &out->is_received, diag);
    if (error == GREBE_OK)
        error = lab_load_parse(known->mem, record->json, diag, &load);
    if (error != GREBE_OK || lab_load_report(&load) == NULL)
        return error;
    out->load = grebe_mem_alloc(known->mem, sizeof *out->load);
    if (out->load == NULL) {
        lab_load_free(&load);
        return GREBE_ERR_NOMEM;
    }
    *out->load = load;
    return GREBE_OK;
}

static void drop_end(struct known *known, struct known_end *end)
{
    if (end->load != NULL)
        lab_load_free(end->load);
    grebe_mem_free(known->mem, end->load);
}

/* One that never left says nothing of its backend. */
static int note_done(struct known *known, const struct lab_record *record,
                     struct grebe_diag *diag)
{
    struct known_end end = {.at_ns = 0};
    struct known_call *call;
    bool is_declined = false;
    uint64_t number = 0;
    int error = lab_record_number(record, "call", &number, diag);

    if (error == GREBE_OK)
        error = read_end(known, record, &end, &is_declined, diag);
    call = find_call(known, number);
    if (error != GREBE_OK || call == NULL || call->backend == NULL || is_declined ||
        !end.is_sent) {
        drop_end(known, &end);
        return error;
    }
    call->code = end.code;
    call->latency_ns = end.took_ns;
    end.at_ns = call->sent_ns;
    if (insert_end(known->mem, &call->backend->calls, &end) == NULL) {
        drop_end(known, &end);
        return GREBE_ERR_NOMEM;
    }
    return insert_end(known->mem, &known->all.calls, &end) == NULL ? GREBE_ERR_NOMEM
                                                                   : GREBE_OK;
}

/* ---- Lines -------------------------------------------------------------------------- */

int known_note(struct known *known, const struct lab_record *record, size_t *call,
               struct grebe_diag *diag)
{
    *call = SIZE_MAX;
    switch (record->kind) {
    case LAB_RECORD_BUILD:
        known->subconns.n = known->feeds.n = 0;
        return GREBE_OK;
    case LAB_RECORD_NEW_SUBCONN:
        return note_new_subconn(known, record, diag);
    case LAB_RECORD_SUBCONN:
        return note_state(known, record, diag);
    case LAB_RECORD_HEALTH:
        return note_health(known, record, diag);
    case LAB_RECORD_START_FEED:
        return note_feed(known, record, diag);
    case LAB_RECORD_FEED_MESSAGE:
        return note_report(known, record, diag);
    case LAB_RECORD_PICK:
        return note_pick(known, record, call, diag);
    case LAB_RECORD_DONE:
        return note_done(known, record, diag);
    default:
        return GREBE_OK;
    }
}
