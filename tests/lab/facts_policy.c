/* SPDX-License-Identifier: Apache-2.0 */
#include "facts_policy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <grebe/balancer.h>
#include <grebe/load_report.h>
#include <grebe/locality.h>
#include <grebe/metrics.h>
#include <grebe/path.h>
#include <grebe/producer.h>
#include <grebe/registry.h>

/* ---- Metrics ------------------------------------------------------------------------ */

static const char *const labels[] = {"grpc.target"};
static const char *const optional_labels[] = {"method"};

static const struct grebe_instrument calls = {
    .api = GREBE_METRICS_API,
    .kind = GREBE_INSTRUMENT_UP_DOWN_COUNTER,
    .name = "lab.calls",
    .description = "calls that are open",
    .unit = "{call}",
    .labels = labels,
    .n_labels = 1,
    .optional_labels = optional_labels,
    .n_optional_labels = 1,
};

static const double bounds[] = {0.01, 0.1};
static const struct grebe_instrument latency = {
    .api = GREBE_METRICS_API,
    .kind = GREBE_INSTRUMENT_HISTOGRAM,
    .name = "lab.latency",
    .description = "of calls",
    .unit = "s",
    .bounds = bounds,
    .n_bounds = 2,
};

static const struct grebe_instrument endpoints = {
    .api = GREBE_METRICS_API,
    .kind = GREBE_INSTRUMENT_GAUGE,
    .name = "lab.endpoints",
    .description = "of the last update",
    .unit = "{endpoint}",
};

static struct grebe_series *series_of_calls(struct grebe_client_conn *cc)
{
    const char *values[] = {grebe_client_conn_target(cc), "any"};

    return grebe_client_conn_series(cc, &calls, values, 2);
}

/* ---- The policy --------------------------------------------------------------------- */

struct facts {
    struct grebe_balancer base;
    struct grebe_client_conn *cc;
    struct grebe_subconn *subconn;       /* NULL before the first update */
    struct grebe_orca_watch *watches[2]; /* while that is READY, each ten seconds and */
    struct grebe_feed *feed;             /* each twenty; and another stream */
};

static struct facts *of(struct grebe_balancer *base)
{
    return grebe_container_of(base, struct facts, base);
}

/* ---- Calls -------------------------------------------------------------------------- */

struct facts_picker {
    struct grebe_picker base;
    struct grebe_client_conn *cc;  /* a reference */
    struct grebe_subconn *subconn; /* a reference */
};

static void tell_map(struct grebe_client_conn *cc, const char *what,
                     const struct grebe_load_metric *metrics, size_t n)
{
    for (size_t i = 0; i < n; i++)
        grebe_client_conn_log(cc, GREBE_LOG_INFO, "load: %s.%s %g", what, metrics[i].name,
                              metrics[i].value);
}

static void tell_load(struct grebe_client_conn *cc, const struct grebe_load_report *load)
{
    grebe_client_conn_log(cc, GREBE_LOG_INFO,
                          "load: cpu %g, mem %g, application %g, rps %g, eps %g",
                          load->cpu_utilization, load->mem_utilization,
                          load->application_utilization, load->rps, load->eps);
    tell_map(cc, "utilization", load->utilization, load->n_utilization);
    tell_map(cc, "request_cost", load->request_cost, load->n_request_cost);
    tell_map(cc, "named_metrics", load->named_metrics, load->n_named_metrics);
}

static void on_done(void *arg, const struct grebe_done_info *info)
{
    struct grebe_client_conn *cc = arg;
    char name[24];

    grebe_client_conn_log(
        cc, GREBE_LOG_INFO, "done: %s \"%s\", %" PRIu64 " us, sent %d, received %d",
        grebe_status_code_name(info->status->code, name), info->status->message,
        info->latency_ns / 1000, info->bytes_sent, info->bytes_received);
    if (info->server_load != NULL)
        tell_load(cc, info->server_load);
    grebe_series_add(series_of_calls(cc), -1);
    grebe_series_record(grebe_client_conn_series(cc, &latency, NULL, 0),
                        (double)info->latency_ns / 1e9);
    grebe_client_conn_unref(cc);
}

/* The lab has one thread: what a picker must not do elsewhere, log, it may do here. */
static void pick(struct grebe_picker *base, const struct grebe_pick_args *args,
                 struct grebe_pick *out)
{
    struct facts_picker *picker = (struct facts_picker *)base;
    char hash[32] = "none";

    if (args->hash != NULL)
        snprintf(hash, sizeof hash, "%" PRIu64, *args->hash);
    grebe_client_conn_log(picker->cc, GREBE_LOG_INFO, "pick: %s, hash %s, metadata %zu",
                          args->method, hash, grebe_metadata_count(args->metadata));
    for (size_t i = 0; i < grebe_metadata_count(args->metadata); i++) {
        const struct grebe_metadata_entry *entry = grebe_metadata_at(args->metadata, i);

        grebe_client_conn_log(picker->cc, GREBE_LOG_INFO, "pick: %s (%zu bytes)",
                              entry->key, entry->value_length);
    }
    grebe_series_add(series_of_calls(picker->cc), 1);
    out->kind = GREBE_PICK_COMPLETE;
    out->subconn = picker->subconn;
    out->wants_load_report = strcmp(args->method, "/lab.Lab/NoLoad") != 0;
    out->on_done = on_done;
    out->on_done_arg = grebe_client_conn_ref(picker->cc);
}

static void destroy_picker(struct grebe_picker *base)
{
    struct facts_picker *picker = (struct facts_picker *)base;
    struct grebe_client_conn *cc = picker->cc;

    grebe_subconn_unref(picker->subconn);
    grebe_mem_free(grebe_client_conn_mem(cc), picker);
    grebe_client_conn_unref(cc);
}

static const struct grebe_picker_ops picker_ops = {.pick = pick,
                                                   .destroy = destroy_picker};

static struct grebe_picker *new_picker(const struct facts *facts)
{
    struct facts_picker *picker =
        grebe_mem_alloc(grebe_client_conn_mem(facts->cc), sizeof *picker);

    if (picker == NULL)
        return NULL;
    picker->cc = grebe_client_conn_ref(facts->cc);
    picker->subconn = grebe_subconn_ref(facts->subconn);
    grebe_picker_init(&picker->base, &picker_ops);
    return &picker->base;
}

/* ---- Endpoints ---------------------------------------------------------------------- */

static void tell(const struct facts *facts, const struct grebe_endpoint *endpoint)
{
    const struct grebe_attributes *set = grebe_endpoint_attributes(endpoint);
    const struct grebe_locality *locality =
        grebe_attributes_get(set, &GREBE_ATTRIBUTE_LOCALITY);
    const struct grebe_path *path = grebe_attributes_get(set, &GREBE_ATTRIBUTE_PATH);
    const char *hash_key = grebe_attributes_get(set, &GREBE_ATTRIBUTE_HASH_KEY);
    char text[200] = "";

    for (; path != NULL; path = grebe_path_rest(path)) {
        size_t used = strlen(text);

        snprintf(text + used, sizeof text - used, "/%s", grebe_path_first(path));
    }
    grebe_client_conn_log(
        facts->cc, GREBE_LOG_INFO,
        "endpoint: %zu addresses, weight %u, hash key %s, locality %s, path %s, health %s",
        grebe_endpoint_n_addresses(endpoint),
        (unsigned)(uintptr_t)grebe_attributes_get(set, &GREBE_ATTRIBUTE_WEIGHT),
        hash_key == NULL ? "none" : hash_key,
        locality == NULL ? "none" : grebe_locality_label(locality),
        text[0] == '\0' ? "none" : text,
        grebe_endpoint_health_name((enum grebe_endpoint_health)(
            uintptr_t)grebe_attributes_get(set, &GREBE_ATTRIBUTE_HEALTH)));
}

/* ---- Streams ------------------------------------------------------------------------ */

static void on_report(void *arg, const struct grebe_load_report *report)
{
    tell_load(((const struct facts *)arg)->cc, report);
}

static bool on_message(void *arg, const void *bytes, size_t length)
{
    const struct facts *facts = arg;

    (void)bytes, (void)length;
    grebe_client_conn_log(facts->cc, GREBE_LOG_ERROR, "a message where none can come");
    return true;
}

static bool on_end(void *arg, const struct grebe_feed_end *end)
{
    (void)arg, (void)end;
    return false;
}

/* Load reports, at two intervals; and a stream of another kind. */
static void start_streams(struct facts *facts)
{
    struct grebe_feed_options options = GREBE_FEED_OPTIONS_INIT;

    for (size_t i = 0; i < 2; i++)
        if (grebe_orca_watch(facts->subconn, (i + 1) * UINT64_C(10000000000), on_report,
                             facts, &facts->watches[i]) != GREBE_OK)
            facts->watches[i] = NULL;
    options.method = "/facts.Facts/Watch";
    options.on_message = on_message;
    options.on_end = on_end;
    options.arg = facts;
    if (grebe_feed_start(facts->subconn, &options, &facts->feed) != GREBE_OK)
        facts->feed = NULL;
}

static void stop_streams(struct facts *facts)
{
    for (size_t i = 0; i < 2; i++)
        grebe_orca_stop(&facts->watches[i]);
    grebe_feed_stop(&facts->feed);
}

/* ---- Balancer ----------------------------------------------------------------------- */

static void on_state(void *arg, struct grebe_subconn *subconn,
                     enum grebe_connectivity state, const struct grebe_status *error)
{
    struct facts *facts = arg;

    (void)subconn, (void)error;
    if (state == GREBE_READY)
        start_streams(facts);
    else
        stop_streams(facts);
    if (state != GREBE_SHUTDOWN)
        grebe_client_conn_update_state(facts->cc, state,
                                       state == GREBE_READY ? new_picker(facts) : NULL);
}

static int connect_to(struct facts *facts, struct grebe_endpoint *endpoint)
{
    struct grebe_subconn_options options = GREBE_SUBCONN_OPTIONS_INIT;
    struct grebe_address *address = grebe_endpoint_address(endpoint, 0);
    int result;

    options.addresses = &address;
    options.n_addresses = 1;
    options.on_state = on_state;
    options.arg = facts;
    result = grebe_client_conn_new_subconn(facts->cc, &options, &facts->subconn);
    if (result == GREBE_OK)
        grebe_subconn_connect(facts->subconn);
    return result;
}

static int update(struct grebe_balancer *base, const struct grebe_balancer_update *update)
{
    struct facts *facts = of(base);

    grebe_client_conn_log(facts->cc, GREBE_LOG_INFO, "target: %s",
                          grebe_client_conn_target(facts->cc));
    grebe_series_set(grebe_client_conn_series(facts->cc, &endpoints, NULL, 0),
                     (double)update->n_endpoints);
    for (size_t i = 0; i < update->n_endpoints; i++)
        tell(facts, update->endpoints[i]);
    if (facts->subconn != NULL || update->n_endpoints == 0)
        return GREBE_OK;
    return connect_to(facts, update->endpoints[0]);
}

/* The shorter interval is not wanted any more. */
static void exit_idle(struct grebe_balancer *base)
{
    grebe_orca_stop(&of(base)->watches[0]);
}

static void destroy(struct grebe_balancer *base)
{
    stop_streams(of(base));
    grebe_mem_free(grebe_client_conn_mem(of(base)->cc), of(base));
}

static const struct grebe_balancer_ops ops = {
    .update = update, .exit_idle = exit_idle, .destroy = destroy};

static int build(struct grebe_client_conn *cc, const struct grebe_build_options *options,
                 struct grebe_balancer **out)
{
    struct facts *facts = grebe_mem_alloc(grebe_client_conn_mem(cc), sizeof *facts);

    (void)options;
    if (facts == NULL)
        return GREBE_ERR_NOMEM;
    *facts = (struct facts){.cc = cc};
    grebe_balancer_init(&facts->base, &ops);
    *out = &facts->base;
    return GREBE_OK;
}

int register_facts(void)
{
    static const struct grebe_balancer_builder builder = {
        .api = GREBE_BALANCER_API, .name = "facts", .build = build};

    if (grebe_instrument_register(&calls) != GREBE_OK ||
        grebe_instrument_register(&latency) != GREBE_OK ||
        grebe_instrument_register(&endpoints) != GREBE_OK)
        return GREBE_ERR_INVALID;
    return grebe_balancer_register(&builder);
}
