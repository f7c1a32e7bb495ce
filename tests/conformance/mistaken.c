/* SPDX-License-Identifier: Apache-2.0 */
/* mistaken.c -- a round robin by hand that keeps its contract but for one mistake, which its
 * configuration names: {"mistake": "duplicates"} breaks the rule `duplicates` of the
 * conformance kit, and so on for each rule; without one it breaks none.
 *
 * Where a mistake is made stands `makes(..., "RULE")`.
 */
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <grebe/explain.h>
#include <grebe/metrics.h>
#include <grebe/plugin.h>

struct config {
    char mistake[32];
    uint32_t size; /* a member with a type to get wrong */
};

struct backend {
    struct policy *policy;
    struct backend *next;
    struct grebe_address *address; /* a reference */
    struct grebe_subconn *subconn; /* borrowed, until it is shut down */
    enum grebe_connectivity state;
    bool is_healthy; /* READY, and its health service says so */
    bool is_listed;  /* false: its subconn is being shut down */
};

struct policy {
    struct grebe_balancer base;
    struct grebe_client_conn *cc;
    const struct grebe_mem *mem;
    char mistake[32];
    struct backend *backends; /* owned, in the order of their first listing */
    struct grebe_timer *timer;
    char why[128], resolver_why[128]; /* the last errors */
    bool has_failed;                  /* since it was READY last */
    bool was_ready;
    uint32_t n_done;
};

static bool makes(const char *mistake, const char *rule)
{
    return strcmp(mistake, rule) == 0;
}

/* ---- Picker ------------------------------------------------------------------------- */

struct picker {
    struct grebe_picker base;
    const struct grebe_mem *mem;
    char mistake[32];
    struct policy *policy;        /* not to be used: it may be gone */
    struct grebe_client_conn *cc; /* a reference */
    atomic_uint turn;
    struct grebe_subconn *volatile scratch;
    uint32_t n_done;
    size_t n;
    struct grebe_subconn *subconns[]; /* n references */
};

static _Thread_local uint32_t *calls_here;

static void count_in_picker(void *arg, const struct grebe_done_info *info)
{
    (void)info;
    ((struct picker *)arg)->n_done++;
}

static void count_in_policy(void *arg, const struct grebe_done_info *info)
{
    (void)info;
    ((struct policy *)arg)->n_done++;
}

static void count_here(void *arg, const struct grebe_done_info *info)
{
    (void)arg, (void)info;
    ++*calls_here;
}

static void ask_late(void *arg, const struct grebe_done_info *info)
{
    (void)info;
    grebe_client_conn_resolve_now(arg);
    grebe_client_conn_unref(arg);
}

static void listen(struct picker *picker, struct grebe_pick *out)
{
    static _Thread_local uint32_t n_here;

    if (makes(picker->mistake, "done_after_replacement")) {
        out->on_done = count_in_picker;
        out->on_done_arg = picker;
    } else if (makes(picker->mistake, "done_after_destroy")) {
        out->on_done = count_in_policy;
        out->on_done_arg = picker->policy;
    } else if (makes(picker->mistake, "done_on_threads")) {
        calls_here = &n_here;
        out->on_done = count_here;
    } else if (makes(picker->mistake, "silent_after_destroy")) {
        out->on_done = ask_late;
        out->on_done_arg = grebe_client_conn_ref(picker->cc);
    }
}

static void explain(const struct picker *picker, struct grebe_explanation *explanation,
                    size_t chosen)
{
    size_t told = makes(picker->mistake, "explains") ? (chosen + 1) % picker->n : chosen;

    grebe_explain_begin(explanation, "mistaken", "each in turn");
    for (size_t i = 0; i < picker->n; i++) {
        struct grebe_candidate candidate = GREBE_CANDIDATE_INIT;

        candidate.subconn = picker->subconns[i];
        candidate.is_chosen = i == told;
        grebe_explain_candidate(explanation, &candidate);
    }
    grebe_explain_end(explanation);
}

static void pick(struct grebe_picker *base, const struct grebe_pick_args *args,
                 struct grebe_pick *out)
{
    struct picker *picker = (struct picker *)base;
    unsigned turn = atomic_fetch_add(&picker->turn, 1);

    out->kind = GREBE_PICK_COMPLETE;
    out->subconn = picker->subconns[turn % picker->n];
    if (makes(picker->mistake, "legal_answers") && turn % 4 == 3)
        out->subconn = NULL;
    if (makes(picker->mistake, "pick_allocates_nothing"))
        grebe_mem_free(picker->mem, grebe_mem_alloc(picker->mem, 16));
    if (makes(picker->mistake, "picks_on_threads")) {
        picker->scratch = out->subconn;
        sched_yield(); /* other threads come in between */
        out->subconn = picker->scratch;
        picker->scratch = NULL;
    }
    listen(picker, out);
    if (args->explanation != NULL)
        explain(picker, args->explanation, turn % picker->n);
}

static void destroy_picker(struct grebe_picker *base)
{
    struct picker *picker = (struct picker *)base;

    for (size_t i = 0; i < picker->n; i++)
        grebe_subconn_unref(picker->subconns[i]);
    grebe_client_conn_unref(picker->cc);
    grebe_mem_free(picker->mem, picker);
}

static const struct grebe_picker_ops picker_ops = {.pick = pick,
                                                   .destroy = destroy_picker};

static bool is_to_be_picked(const struct backend *backend)
{
    if (makes(backend->policy->mistake, "picks_ready_only"))
        return backend->is_listed;
    return backend->is_listed && backend->is_healthy;
}

/* NULL: nobody is there to be picked, or no memory. */
static struct grebe_picker *new_picker(struct policy *policy)
{
    static unsigned n_made; /* what a policy must not have */
    struct picker *picker;
    size_t n = 0;

    for (struct backend *backend = policy->backends; backend != NULL;
         backend = backend->next)
        n += is_to_be_picked(backend);
    if (n == 0)
        return NULL;
    picker =
        grebe_mem_alloc(policy->mem, sizeof *picker + n * sizeof picker->subconns[0]);
    if (picker == NULL)
        return NULL;
    memset(picker, 0, sizeof *picker);
    grebe_picker_init(&picker->base, &picker_ops);
    picker->mem = policy->mem;
    picker->policy = policy;
    memcpy(picker->mistake, policy->mistake, sizeof picker->mistake);
    picker->cc = grebe_client_conn_ref(policy->cc);
    atomic_init(&picker->turn, makes(policy->mistake, "deterministic") ? n_made++ : 0);
    for (struct backend *backend = policy->backends; backend != NULL;
         backend = backend->next)
        if (is_to_be_picked(backend))
            picker->subconns[picker->n++] = grebe_subconn_ref(backend->subconn);
    return &picker->base;
}

/* ---- States ------------------------------------------------------------------------- */

static void publish_failure(struct policy *policy)
{
    struct grebe_status status;
    char text[300];

    snprintf(text, sizeof text, "mistaken: %s%s%s", policy->why,
             policy->resolver_why[0] == '\0' ? "" : "; last resolver error: ",
             policy->resolver_why);
    if (makes(policy->mistake, "failure_says_why"))
        snprintf(text, sizeof text, "mistaken: it does not work%s", policy->resolver_why);
    status = grebe_status_of(GREBE_STATUS_UNAVAILABLE, text);
    grebe_client_conn_update_state(policy->cc, GREBE_TRANSIENT_FAILURE,
                                   grebe_picker_failing(policy->mem, &status));
}

static void publish_waiting(struct policy *policy)
{
    const struct grebe_status status =
        grebe_status_of(GREBE_STATUS_UNAVAILABLE, "mistaken: not yet");

    if (makes(policy->mistake, "publishes"))
        return;
    grebe_client_conn_update_state(policy->cc, GREBE_CONNECTING,
                                   makes(policy->mistake, "calls_wait")
                                       ? grebe_picker_failing(policy->mem, &status)
                                       : grebe_picker_queueing());
}

static void publish_ready(struct policy *policy)
{
    struct grebe_picker *picker = new_picker(policy);

    if (picker == NULL)
        return; /* what we have serves on */
    policy->has_failed = false;
    if (makes(policy->mistake, "ready_picker") && !policy->was_ready) {
        policy->was_ready = true; /* and the picker comes with the next change */
        grebe_picker_unref(picker);
        picker = NULL;
    }
    grebe_client_conn_update_state(
        policy->cc, makes(policy->mistake, "ready") ? GREBE_CONNECTING : GREBE_READY,
        picker);
}

/* READY as soon as one is; a failure stays until then. */
static void publish(struct policy *policy)
{
    bool is_ready = false, may_come = false;

    for (struct backend *backend = policy->backends; backend != NULL;
         backend = backend->next) {
        is_ready |= backend->is_listed && backend->is_healthy;
        may_come |= backend->is_listed && backend->state != GREBE_TRANSIENT_FAILURE;
    }
    if (makes(policy->mistake, "recovers") && policy->has_failed)
        is_ready = false;
    if (is_ready)
        publish_ready(policy);
    else if (may_come && !policy->has_failed)
        publish_waiting(policy);
    else
        publish_failure(policy);
    policy->has_failed |= !is_ready && !may_come;
}

static void forget(struct backend *backend)
{
    struct policy *policy = backend->policy;
    struct backend **link = &policy->backends;

    while (*link != backend)
        link = &(*link)->next;
    *link = backend->next;
    grebe_address_unref(backend->address);
    grebe_mem_free(policy->mem, backend);
    if (makes(policy->mistake, "freed_memory"))
        backend->state = GREBE_SHUTDOWN;
}

static void on_health(void *arg, struct grebe_subconn *subconn,
                      enum grebe_connectivity state, const struct grebe_status *error)
{
    struct backend *backend = arg;

    (void)subconn;
    if (makes(backend->policy->mistake, "health") && state != GREBE_READY)
        return;
    backend->is_healthy = state == GREBE_READY;
    if (error != NULL)
        snprintf(backend->policy->why, sizeof backend->policy->why, "%.*s",
                 (int)error->message_length, error->message);
    publish(backend->policy);
}

static void keep_reason(struct policy *policy, const struct grebe_status *error)
{
    char *copy = grebe_mem_strndup(policy->mem, error->message, error->message_length);

    if (copy == NULL && !makes(policy->mistake, "no_memory"))
        return;
    snprintf(policy->why, sizeof policy->why, "%zu: %s", strlen(copy), copy);
    grebe_mem_free(policy->mem, copy);
}

static void on_state(void *arg, struct grebe_subconn *subconn,
                     enum grebe_connectivity state, const struct grebe_status *error)
{
    struct backend *backend = arg;
    struct policy *policy = backend->policy;

    if (state == GREBE_SHUTDOWN) {
        forget(backend);
        return;
    }
    backend->state = state;
    backend->is_healthy = false;
    if (error != NULL)
        keep_reason(policy, error);
    if (state == GREBE_IDLE && !makes(policy->mistake, "connects"))
        grebe_subconn_connect(subconn);
    if (state == GREBE_READY)
        grebe_client_conn_watch_health(policy->cc, subconn, on_health, backend);
    if (state == GREBE_READY && makes(policy->mistake, "references"))
        grebe_subconn_ref(subconn);
    if (state == GREBE_READY)
        grebe_timer_cancel(policy->timer);
    publish(policy);
}

/* ---- Endpoints ------------------------------------------------------------------------ */

static struct backend *find(struct policy *policy, struct grebe_address *address)
{
    if (makes(policy->mistake, "duplicates"))
        return NULL;
    for (struct backend *backend = policy->backends; backend != NULL;
         backend = backend->next)
        if (backend->subconn != NULL && backend->is_listed &&
            strcmp(grebe_address_text(backend->address), grebe_address_text(address)) ==
                0)
            return backend;
    return NULL;
}

static int add(struct policy *policy, struct grebe_address *address)
{
    struct grebe_subconn_options options = GREBE_SUBCONN_OPTIONS_INIT;
    struct backend *backend = grebe_mem_zalloc(policy->mem, sizeof *backend), **link;
    int result;

    if (backend == NULL)
        return GREBE_ERR_NOMEM;
    backend->policy = policy;
    backend->is_listed = true;
    options.addresses = &address;
    options.n_addresses = 1;
    options.on_state = on_state;
    options.arg = backend;
    result = grebe_client_conn_new_subconn(policy->cc, &options, &backend->subconn);
    if (result != GREBE_OK) {
        grebe_mem_free(policy->mem, backend);
        return result;
    }
    backend->address = grebe_address_ref(address);
    for (link = &policy->backends; *link != NULL; link = &(*link)->next)
        continue;
    *link = backend;
    grebe_subconn_connect(backend->subconn);
    return GREBE_OK;
}

static bool is_listed(struct grebe_address *address,
                      const struct grebe_balancer_update *update)
{
    for (size_t i = 0; i < update->n_endpoints; i++)
        if (strcmp(grebe_address_text(address), grebe_address_text(grebe_endpoint_address(
                                                    update->endpoints[i], 0))) == 0)
            return true;
    return false;
}

static void drop(struct backend *backend)
{
    backend->is_listed = false;
    grebe_subconn_shutdown(backend->subconn);
}

static void drop_unlisted(struct policy *policy,
                          const struct grebe_balancer_update *update)
{
    for (struct backend *backend = policy->backends; backend != NULL;
         backend = backend->next)
        if (backend->is_listed && (makes(policy->mistake, "keeps_connections") ||
                                   !is_listed(backend->address, update))) {
            if (makes(policy->mistake, "drops_removed") && update->n_endpoints > 0)
                continue;
            drop(backend);
        }
}

static int add_new(struct policy *policy, const struct grebe_balancer_update *update)
{
    int result = GREBE_OK;

    for (size_t i = 0; i < update->n_endpoints && result == GREBE_OK; i++) {
        struct grebe_address *address = grebe_endpoint_address(update->endpoints[i], 0);

        if (find(policy, address) == NULL)
            result = add(policy, address);
    }
    return result;
}

static int refuse_empty(struct policy *policy, const struct grebe_balancer_update *update)
{
    if (makes(policy->mistake, "empty_update"))
        return GREBE_OK;
    drop_unlisted(policy, update);
    snprintf(policy->why, sizeof policy->why, "there are no endpoints");
    policy->has_failed = true;
    publish_failure(policy);
    return GREBE_ERR_BAD_RESOLVER_STATE;
}

static int update(struct grebe_balancer *base, const struct grebe_balancer_update *update)
{
    struct policy *policy = (struct policy *)base;
    const struct config *config = update->config;
    int result;

    if (config != NULL)
        memcpy(policy->mistake, config->mistake, sizeof policy->mistake);
    if (makes(policy->mistake, "memory"))
        (void)grebe_mem_alloc(policy->mem, 100);
    policy->resolver_why[0] = '\0';
    if (update->n_endpoints == 0)
        return refuse_empty(policy, update);
    if (makes(policy->mistake, "keeps_connections"))
        drop_unlisted(policy, update);
    result = add_new(policy, update);
    if (result != GREBE_OK && makes(policy->mistake, "failed_update"))
        publish_failure(policy);
    if (result != GREBE_OK)
        return result;
    if (!makes(policy->mistake, "keeps_connections"))
        drop_unlisted(policy, update);
    grebe_timer_start(policy->timer, grebe_client_conn_now_ns(policy->cc) + 1000000000);
    publish(policy);
    return makes(policy->mistake, "legal_results") ? 7 : GREBE_OK;
}

/* ---- The rest of a balancer ----------------------------------------------------------- */

static void resolver_error(struct grebe_balancer *base, const struct grebe_status *status)
{
    struct policy *policy = (struct policy *)base;

    if (makes(policy->mistake, "early_resolver_error"))
        return;
    snprintf(policy->resolver_why, sizeof policy->resolver_why, "%.*s",
             (int)status->message_length, status->message);
    if (policy->has_failed || makes(policy->mistake, "late_resolver_error"))
        publish_failure(policy);
}

static void exit_idle(struct grebe_balancer *base)
{
    static const struct grebe_instrument unknown = {.api = GREBE_METRICS_API,
                                                    .kind = GREBE_INSTRUMENT_COUNTER,
                                                    .name = "mistaken.unknown",
                                                    .description = "for tests",
                                                    .unit = "1"};
    struct policy *policy = (struct policy *)base;

    if (makes(policy->mistake, "legal_states"))
        grebe_client_conn_update_state(policy->cc, GREBE_SHUTDOWN, NULL);
    if (makes(policy->mistake, "legal_series"))
        grebe_series_add(grebe_client_conn_series(policy->cc, &unknown, NULL, 0), 1);
    if (makes(policy->mistake, "connects"))
        return;
    for (struct backend *backend = policy->backends; backend != NULL;
         backend = backend->next)
        if (backend->is_listed)
            grebe_subconn_connect(backend->subconn);
}

static void on_timer(void *arg)
{
    grebe_client_conn_resolve_now(((struct policy *)arg)->cc);
}

static bool is_connecting(const struct policy *policy)
{
    for (const struct backend *backend = policy->backends; backend != NULL;
         backend = backend->next)
        if (backend->state == GREBE_CONNECTING)
            return true;
    return false;
}

static void destroy(struct grebe_balancer *base)
{
    struct policy *policy = (struct policy *)base;
    struct backend *backend;

    if (!makes(policy->mistake, "destroyed_anywhere") || !is_connecting(policy))
        grebe_timer_destroy(policy->timer);
    while ((backend = policy->backends) != NULL) {
        policy->backends = backend->next;
        grebe_address_unref(backend->address);
        grebe_mem_free(policy->mem, backend);
    }
    grebe_mem_free(policy->mem, policy);
}

static const struct grebe_balancer_ops ops = {
    .update = update,
    .resolver_error = resolver_error,
    .exit_idle = exit_idle,
    .destroy = destroy,
};

/* ---- Builder -------------------------------------------------------------------------- */

static int build(struct grebe_client_conn *cc, const struct grebe_build_options *options,
                 struct grebe_balancer **out)
{
    const struct grebe_mem *mem = grebe_client_conn_mem(cc);
    struct policy *policy = grebe_mem_zalloc(mem, sizeof *policy);

    (void)options;
    if (policy == NULL)
        return GREBE_ERR_NOMEM;
    policy->cc = cc;
    policy->mem = mem;
    grebe_balancer_init(&policy->base, &ops);
    if (grebe_timer_new(cc, on_timer, policy, &policy->timer) != GREBE_OK) {
        grebe_mem_free(mem, policy);
        return GREBE_ERR_NOMEM;
    }
    *out = &policy->base;
    return GREBE_OK;
}

static int read_members(const struct grebe_json *json, struct config *config,
                        struct grebe_diag *diag)
{
    const char *mistake = "", *name = NULL;
    int result = grebe_json_get_string(json, "mistake", &mistake, diag);

    snprintf(config->mistake, sizeof config->mistake, "%s", mistake);
    if (result == GREBE_OK)
        result = grebe_json_get_uint32(json, "size", &config->size, diag);
    if (makes(mistake, "wrong_types"))
        return GREBE_OK;
    while (result == GREBE_OK && makes(mistake, "unknown_members") &&
           grebe_json_next_member(json, name, &name) != NULL)
        if (strcmp(name, "mistake") != 0 && strcmp(name, "size") != 0) {
            grebe_diag_set(diag, "%s: there is no such member", name);
            result = GREBE_ERR_CONFIG;
        }
    return result;
}

static int parse_config(const struct grebe_json *json, struct grebe_diag *diag,
                        void **out)
{
    struct config *config = calloc(1, sizeof *config);
    int result;

    if (config == NULL)
        return GREBE_ERR_NOMEM;
    result = read_members(json, config, diag);
    if (result != GREBE_OK)
        free(config);
    else
        *out = config;
    return result;
}

static void free_config(void *config)
{
    if (!makes(((struct config *)config)->mistake, "configs_are_freed"))
        free(config);
}

static const struct grebe_balancer_builder mistaken = {
    .api = GREBE_BALANCER_API,
    .name = "mistaken",
    .parse_config = parse_config,
    .free_config = free_config,
    .build = build,
};
static const struct grebe_balancer_builder *const balancers[] = {&mistaken, NULL};
static const struct grebe_plugin plugin = {
    .api = GREBE_PLUGIN_API, .name = "mistaken", .balancers = balancers};

const struct grebe_plugin *grebe_plugin_entry(uint32_t host_api)
{
    return host_api >= GREBE_PLUGIN_API ? &plugin : NULL;
}
