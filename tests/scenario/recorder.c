/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/recorder.h"

#include <stdatomic.h>
#include <stdlib.h>

#include <grebe/state_evaluator.h>

#include "scenario/world.h"

enum { MAX_BACKENDS = 16, TRACE_BYTES = 8192 };

static char trace[TRACE_BYTES];

static void note(const char *format, ...) GREBE_PRINTF(1, 2);

static void note(const char *format, ...)
{
    size_t used = strlen(trace);
    va_list args;

    if (used > 0)
        used += (size_t)snprintf(trace + used, sizeof trace - used, ", ");
    va_start(args, format);
    vsnprintf(trace + used, sizeof trace - used, format, args);
    va_end(args);
    assert_true(strlen(trace) < sizeof trace - 256);
}

const char *recorder_trace(void)
{
    static char text[TRACE_BYTES];

    memcpy(text, trace, sizeof text);
    trace[0] = '\0';
    return text;
}

bool recorder_ends_with(const void *text)
{
    size_t length = strlen(text), all = strlen(trace);

    return all >= length && strcmp(trace + all - length, text) == 0;
}

/* ---- Picker ------------------------------------------------------------------------------- */

struct picker {
    struct grebe_picker base;
    atomic_uint next;
    unsigned n;
    struct {
        struct picker *picker;
        struct grebe_subconn *subconn; /* a reference */
        char name;
    } ready[MAX_BACKENDS];
};

static void on_done(void *arg, const struct grebe_done_info *info)
{
    char text[24];

    note("done %c %s", (char)(uintptr_t)arg,
         grebe_status_code_name(info->status->code, text));
}

static void pick(struct grebe_picker *base, const struct grebe_pick_args *args,
                 struct grebe_pick *out)
{
    struct picker *picker = (struct picker *)base;
    unsigned turn;

    (void)args;
    if (picker->n == 0) {
        note("pick queue");
        return;
    }
    turn = atomic_fetch_add(&picker->next, 1) % picker->n;
    note("pick %c", picker->ready[turn].name);
    out->kind = GREBE_PICK_COMPLETE;
    out->subconn = picker->ready[turn].subconn;
    out->on_done = on_done;
    out->on_done_arg = (void *)(uintptr_t)picker->ready[turn].name;
}

static void destroy_picker(struct grebe_picker *base)
{
    struct picker *picker = (struct picker *)base;

    for (unsigned i = 0; i < picker->n; i++)
        grebe_subconn_unref(picker->ready[i].subconn);
    free(picker);
}

static const struct grebe_picker_ops picker_ops = {.pick = pick,
                                                   .destroy = destroy_picker};

/* ---- Balancer ----------------------------------------------------------------------------- */

struct backend {
    struct balancer *owner;
    struct grebe_subconn *subconn; /* NULL: a free place */
    enum grebe_connectivity state;
    char name;
    bool is_listed, is_removed;
};

struct balancer {
    struct grebe_balancer base;
    struct grebe_client_conn *cc;
    struct grebe_state_evaluator states;
    struct backend backends[MAX_BACKENDS];
};

static void publish(struct balancer *balancer, const struct grebe_status *error)
{
    enum grebe_connectivity state = grebe_state_evaluator_state(&balancer->states);
    struct picker *picker = calloc(1, sizeof *picker);

    assert_non_null(picker);
    note("publish %s", grebe_connectivity_name(state));
    if (state == GREBE_TRANSIENT_FAILURE) {
        free(picker);
        grebe_client_conn_update_state(
            balancer->cc, state,
            grebe_picker_failing(grebe_client_conn_mem(balancer->cc), error));
        return;
    }
    grebe_picker_init(&picker->base, &picker_ops);
    for (unsigned i = 0; i < MAX_BACKENDS; i++) {
        struct backend *backend = &balancer->backends[i];

        if (backend->subconn == NULL || backend->is_removed ||
            backend->state != GREBE_READY)
            continue;
        picker->ready[picker->n].name = backend->name;
        picker->ready[picker->n++].subconn = grebe_subconn_ref(backend->subconn);
    }
    grebe_client_conn_update_state(balancer->cc, state, &picker->base);
}

static void on_state(void *arg, struct grebe_subconn *subconn,
                     enum grebe_connectivity state, const struct grebe_status *error)
{
    struct grebe_status lost = grebe_status_of(GREBE_STATUS_UNAVAILABLE, "no backend");
    struct backend *backend = arg;
    struct balancer *balancer = backend->owner;

    note("%c %s", backend->name, grebe_connectivity_name(state));
    grebe_state_evaluator_record(&balancer->states, backend->state, state);
    backend->state = state;
    if (state == GREBE_SHUTDOWN)
        backend->subconn = NULL;
    if (state == GREBE_IDLE) {
        note("connect %c", backend->name);
        grebe_subconn_connect(subconn);
    }
    publish(balancer, error == NULL ? &lost : error);
}

static void add(struct balancer *balancer, struct grebe_address *address)
{
    struct grebe_subconn_options options = GREBE_SUBCONN_OPTIONS_INIT;
    struct backend *backend = balancer->backends;

    while (backend->subconn != NULL)
        backend++;
    *backend = (struct backend){
        .owner = balancer,
        .name = world_name(grebe_address_text(address)),
        .is_listed = true,
    };
    options.addresses = &address;
    options.n_addresses = 1;
    options.on_state = on_state;
    options.arg = backend;
    note("new %c", backend->name);
    assert_int_equal(
        grebe_client_conn_new_subconn(balancer->cc, &options, &backend->subconn),
        GREBE_OK);
    grebe_state_evaluator_record(&balancer->states, GREBE_SHUTDOWN, GREBE_IDLE);
    note("connect %c", backend->name);
    grebe_subconn_connect(backend->subconn);
}

static struct backend *find(struct balancer *balancer, char name)
{
    for (unsigned i = 0; i < MAX_BACKENDS; i++) {
        struct backend *backend = &balancer->backends[i];

        if (backend->subconn != NULL && !backend->is_removed && backend->name == name)
            return backend;
    }
    return NULL;
}

static int update(struct grebe_balancer *base, const struct grebe_balancer_update *update)
{
    struct grebe_status none = grebe_status_of(GREBE_STATUS_UNAVAILABLE, "no backend");
    struct balancer *balancer = (struct balancer *)base;
    char names[2 * MAX_BACKENDS + 1] = "";

    for (size_t i = 0; i < update->n_endpoints; i++)
        snprintf(names + 2 * i, 3, " %c",
                 world_name(grebe_address_text(
                     grebe_endpoint_address(update->endpoints[i], 0))));
    note("update%s", names);
    for (unsigned i = 0; i < MAX_BACKENDS; i++)
        balancer->backends[i].is_listed = false;
    for (size_t i = 0; i < update->n_endpoints; i++) {
        struct grebe_address *address = grebe_endpoint_address(update->endpoints[i], 0);
        struct backend *known = find(balancer, world_name(grebe_address_text(address)));

        if (known != NULL)
            known->is_listed = true;
        else
            add(balancer, address);
    }
    for (unsigned i = 0; i < MAX_BACKENDS; i++) {
        struct backend *backend = &balancer->backends[i];

        if (backend->subconn == NULL || backend->is_listed || backend->is_removed)
            continue;
        note("remove %c", backend->name);
        backend->is_removed = true;
        grebe_client_conn_remove_subconn(balancer->cc, backend->subconn);
    }
    publish(balancer, &none);
    return update->n_endpoints == 0 ? GREBE_ERR_BAD_RESOLVER_STATE : GREBE_OK;
}

static void resolver_error(struct grebe_balancer *base, const struct grebe_status *status)
{
    (void)base;
    note("error %s", status->message);
}

static void exit_idle(struct grebe_balancer *base)
{
    (void)base;
    note("exit_idle");
}

static void destroy(struct grebe_balancer *base)
{
    struct balancer *balancer = (struct balancer *)base;

    note("close");
    for (unsigned i = 0; i < MAX_BACKENDS; i++)
        if (balancer->backends[i].subconn != NULL) {
            note("remove %c", balancer->backends[i].name);
            grebe_client_conn_remove_subconn(balancer->cc, balancer->backends[i].subconn);
        }
    free(balancer);
}

static const struct grebe_balancer_ops ops = {
    .update = update,
    .resolver_error = resolver_error,
    .exit_idle = exit_idle,
    .destroy = destroy,
};

static int build(struct grebe_client_conn *cc, const struct grebe_build_options *options,
                 struct grebe_balancer **out)
{
    struct balancer *balancer = calloc(1, sizeof *balancer);

    (void)options;
    assert_non_null(balancer);
    note("build");
    grebe_balancer_init(&balancer->base, &ops);
    balancer->cc = cc;
    *out = &balancer->base;
    return GREBE_OK;
}

/* As a program may have it: with an upper-case letter. */
const struct grebe_balancer_builder recorder = {
    .api = GREBE_BALANCER_API,
    .name = "Recorder",
    .build = build,
};
