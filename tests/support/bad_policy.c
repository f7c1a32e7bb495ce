/* SPDX-License-Identifier: Apache-2.0 */
#include "support/bad_policy.h"

#include <stdlib.h>
#include <string.h>

#include <grebe/balancer.h>
#include <grebe/metrics.h>
#include <grebe/parent.h>
#include <grebe/registry.h>

#include "core/client_conn.h"

enum deed {
    KEEPS_SUBCONN,
    KEEPS_CLIENT_CONN,
    FORGETS_CHILD,
    KEEPS_MEMORY,
    RETURNS_NONSENSE,
    GIVES_UP_SUBCONN,
    SHUTS_DOWN,
    PUBLISHES_SHUTDOWN,
    RECORDS_TO_UNKNOWN,
    WATCHES_TWICE,
    PICKS_NOTHING,
    PICKS_STRANGER,
    FAILS_WITHOUT_STATUS,
    ANSWERS_NONSENSE,
    CALLS_LATE,
    N_DEEDS
};

static const char *const deeds[N_DEEDS] = {
    [KEEPS_SUBCONN] = "keeps_subconn",
    [KEEPS_CLIENT_CONN] = "keeps_client_conn",
    [FORGETS_CHILD] = "forgets_child",
    [KEEPS_MEMORY] = "keeps_memory",
    [RETURNS_NONSENSE] = "returns_nonsense",
    [GIVES_UP_SUBCONN] = "gives_up_subconn",
    [SHUTS_DOWN] = "shuts_down",
    [PUBLISHES_SHUTDOWN] = "publishes_shutdown",
    [RECORDS_TO_UNKNOWN] = "records_to_unknown",
    [WATCHES_TWICE] = "watches_twice",
    [PICKS_NOTHING] = "picks_nothing",
    [PICKS_STRANGER] = "picks_stranger",
    [FAILS_WITHOUT_STATUS] = "fails_without_status",
    [ANSWERS_NONSENSE] = "answers_nonsense",
    [CALLS_LATE] = "calls_late",
};

/* Nobody has registered it. */
static const struct grebe_instrument unknown = {
    .api = GREBE_METRICS_API,
    .kind = GREBE_INSTRUMENT_COUNTER,
    .name = "test.bad_policy.unknown",
    .description = "for tests",
    .unit = "1",
};

struct config {
    enum deed deed;
};

struct bad {
    struct grebe_balancer base;
    struct grebe_client_conn *cc;
    enum deed deed;
    struct grebe_subconn *subconn; /* NULL before the first update */
};

static struct bad *of(struct grebe_balancer *base)
{
    return grebe_container_of(base, struct bad, base);
}

/* ---- Picker ------------------------------------------------------------------------- */

struct bad_picker {
    struct grebe_picker base;
    const struct grebe_mem *mem;
    enum deed deed;
    struct grebe_client_conn *cc;  /* a reference */
    struct grebe_subconn *subconn; /* a reference */
};

/* The picker that chose this call's backend has a reference to the client_conn, and is
 * kept by whoever holds the call. */
static void on_done(void *arg, const struct grebe_done_info *info)
{
    struct grebe_client_conn *cc = arg;

    (void)info;
    grebe_client_conn_resolve_now(cc);
    grebe_client_conn_unref(cc);
}

static void pick(struct grebe_picker *base, const struct grebe_pick_args *args,
                 struct grebe_pick *out)
{
    static struct grebe_subconn stranger;
    struct bad_picker *picker = (struct bad_picker *)base;

    (void)args;
    out->kind = GREBE_PICK_COMPLETE;
    out->subconn = picker->subconn;
    if (picker->deed == PICKS_NOTHING)
        out->subconn = NULL;
    if (picker->deed == PICKS_STRANGER)
        out->subconn = &stranger;
    if (picker->deed == FAILS_WITHOUT_STATUS)
        out->kind = GREBE_PICK_FAIL;
    if (picker->deed == ANSWERS_NONSENSE)
        out->kind = (enum grebe_pick_kind)99;
    if (picker->deed == CALLS_LATE) {
        out->on_done = on_done;
        out->on_done_arg = grebe_client_conn_ref(picker->cc);
    }
}

static void destroy_picker(struct grebe_picker *base)
{
    struct bad_picker *picker = (struct bad_picker *)base;

    grebe_subconn_unref(picker->subconn);
    grebe_client_conn_unref(picker->cc);
    grebe_mem_free(picker->mem, picker);
}

static const struct grebe_picker_ops picker_ops = {.pick = pick,
                                                   .destroy = destroy_picker};

static struct grebe_picker *new_picker(const struct bad *bad)
{
    struct bad_picker *picker =
        grebe_mem_alloc(grebe_client_conn_mem(bad->cc), sizeof *picker);

    if (picker == NULL)
        return NULL;
    *picker = (struct bad_picker){
        .mem = grebe_client_conn_mem(bad->cc),
        .deed = bad->deed,
        .cc = grebe_client_conn_ref(bad->cc),
        .subconn = grebe_subconn_ref(bad->subconn),
    };
    grebe_picker_init(&picker->base, &picker_ops);
    return &picker->base;
}

/* ---- Subconn ------------------------------------------------------------------------ */

static void on_health(void *arg, struct grebe_subconn *subconn,
                      enum grebe_connectivity state, const struct grebe_status *error)
{
    (void)error;
    if (state == GREBE_TRANSIENT_FAILURE)
        grebe_client_conn_watch_health(((struct bad *)arg)->cc, subconn, on_health, arg);
}

static void on_state(void *arg, struct grebe_subconn *subconn,
                     enum grebe_connectivity state, const struct grebe_status *error)
{
    struct bad *bad = arg;

    (void)error;
    if (state == GREBE_SHUTDOWN)
        return;
    if (state == GREBE_READY && bad->deed == WATCHES_TWICE)
        grebe_client_conn_watch_health(bad->cc, subconn, on_health, bad);
    grebe_client_conn_update_state(bad->cc, state,
                                   state == GREBE_READY ? new_picker(bad) : NULL);
}

static int connect_to(struct bad *bad, struct grebe_endpoint *endpoint)
{
    struct grebe_subconn_options options = GREBE_SUBCONN_OPTIONS_INIT;
    struct grebe_address *address = grebe_endpoint_address(endpoint, 0);
    int result;

    options.addresses = &address;
    options.n_addresses = 1;
    options.on_state = on_state;
    options.arg = bad;
    result = grebe_client_conn_new_subconn(bad->cc, &options, &bad->subconn);
    if (result == GREBE_OK)
        grebe_subconn_connect(bad->subconn);
    return result;
}

/* ---- Balancer ----------------------------------------------------------------------- */

static void forget_child(struct bad *bad)
{
    static const struct grebe_client_conn_ops nothing = {0};
    struct grebe_client_conn *child;

    if (grebe_client_conn_new_child(bad->cc, &nothing, NULL, &child) == GREBE_OK)
        bad->cc = child; /* its subconn is made there */
}

static int update(struct grebe_balancer *base, const struct grebe_balancer_update *update)
{
    struct bad *bad = of(base);
    int result = GREBE_OK;

    if (update->config != NULL)
        bad->deed = ((const struct config *)update->config)->deed;
    if (bad->deed == FORGETS_CHILD && bad->subconn == NULL)
        forget_child(bad);
    if (bad->subconn == NULL && update->n_endpoints > 0)
        result = connect_to(bad, update->endpoints[0]);
    if (result != GREBE_OK)
        return result;
    if (bad->deed == KEEPS_SUBCONN)
        grebe_subconn_ref(bad->subconn);
    if (bad->deed == KEEPS_CLIENT_CONN)
        grebe_client_conn_ref(bad->cc);
    if (bad->deed == KEEPS_MEMORY)
        (void)grebe_mem_alloc(grebe_client_conn_mem(bad->cc), 100);
    return bad->deed == RETURNS_NONSENSE ? 7 : GREBE_OK;
}

static void exit_idle(struct grebe_balancer *base)
{
    struct bad *bad = of(base);

    switch (bad->deed) {
    case GIVES_UP_SUBCONN:
        grebe_subconn_unref(bad->subconn);
        break;
    case SHUTS_DOWN:
        grebe_subconn_shutdown(bad->subconn);
        break;
    case PUBLISHES_SHUTDOWN:
        grebe_client_conn_update_state(bad->cc, GREBE_SHUTDOWN, NULL);
        break;
    case RECORDS_TO_UNKNOWN:
        grebe_series_add(grebe_client_conn_series(bad->cc, &unknown, NULL, 0), 1);
        break;
    default:
        break;
    }
}

static void destroy(struct grebe_balancer *base)
{
    grebe_mem_free(grebe_client_conn_mem(of(base)->cc), of(base));
}

static const struct grebe_balancer_ops ops = {
    .update = update,
    .exit_idle = exit_idle,
    .destroy = destroy,
};

/* ---- Builders ----------------------------------------------------------------------- */

static int parse_config(const struct grebe_json *json, struct grebe_diag *diag,
                        void **out)
{
    struct config *config = malloc(sizeof *config);
    const char *name = NULL;

    if (config == NULL)
        return GREBE_ERR_NOMEM;
    *config = (struct config){.deed = N_DEEDS};
    if (grebe_json_get_string(json, "does", &name, diag) == GREBE_OK && name != NULL)
        for (int i = 0; i < N_DEEDS; i++)
            if (strcmp(deeds[i], name) == 0)
                config->deed = (enum deed)i;
    if (config->deed == N_DEEDS) {
        grebe_diag_set(diag, "does: there is no such deed");
        free(config);
        return GREBE_ERR_CONFIG;
    }
    *out = config;
    return GREBE_OK;
}

static int build(struct grebe_client_conn *cc, const struct grebe_build_options *options,
                 struct grebe_balancer **out)
{
    struct bad *bad = grebe_mem_alloc(grebe_client_conn_mem(cc), sizeof *bad);

    (void)options;
    if (bad == NULL)
        return GREBE_ERR_NOMEM;
    *bad = (struct bad){.cc = cc, .deed = N_DEEDS};
    grebe_balancer_init(&bad->base, &ops);
    *out = &bad->base;
    return GREBE_OK;
}

static int build_nothing(struct grebe_client_conn *cc,
                         const struct grebe_build_options *options,
                         struct grebe_balancer **out)
{
    (void)cc, (void)options, (void)out;
    return GREBE_OK;
}

static const struct grebe_balancer_builder builders[] = {
    {
        .api = GREBE_BALANCER_API,
        .name = "bad",
        .parse_config = parse_config,
        .free_config = free,
        .build = build,
    },
    {.api = GREBE_BALANCER_API, .name = "bad_build", .build = build_nothing},
};

void bad_policy_register(void)
{
    for (size_t i = 0; i < sizeof builders / sizeof builders[0]; i++)
        if (grebe_balancer_register(&builders[i]) != GREBE_OK)
            abort();
}

void bad_policy_unregister(void)
{
    for (size_t i = 0; i < sizeof builders / sizeof builders[0]; i++)
        grebe_balancer_unregister(builders[i].name);
}
