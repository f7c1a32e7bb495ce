/* SPDX-License-Identifier: Apache-2.0 */
#include "load_policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <grebe/base_balancer.h>
#include <grebe/grebe.h>
#include <grebe/load_report.h>
#include <grebe/registry.h>

struct load_notes load_notes;

static uint64_t interval_ns;
static struct grebe_subconn *watched; /* a reference; NULL: nobody was READY last */
static struct grebe_orca_watch *watch;

/* ---- Text ---------------------------------------------------------------------------- */

static size_t put(char *text, size_t size, size_t at, const char *prefix,
                  const char *name, double value)
{
    int n = at < size ? snprintf(text + at, size - at, "%s%s%s=%g", at == 0 ? "" : " ",
                                 prefix, name, value)
                      : 0;

    return at + (size_t)n;
}

static size_t put_all(char *text, size_t size, size_t at, const char *prefix,
                      const struct grebe_load_metric *metrics, size_t n)
{
    for (size_t i = 0; i < n; i++)
        at = put(text, size, at, prefix, metrics[i].name, metrics[i].value);
    return at;
}

static void write_text(const struct grebe_load_report *report, char *text, size_t size)
{
    size_t at = 0;

    text[0] = '\0';
    if (report == NULL)
        return;
    at = put(text, size, at, "", "cpu", report->cpu_utilization);
    at = put(text, size, at, "", "mem", report->mem_utilization);
    at = put(text, size, at, "", "app", report->application_utilization);
    at = put(text, size, at, "", "qps", report->rps);
    at = put(text, size, at, "", "eps", report->eps);
    at = put_all(text, size, at, "util.", report->utilization, report->n_utilization);
    at =
        put_all(text, size, at, "named.", report->named_metrics, report->n_named_metrics);
    put_all(text, size, at, "cost.", report->request_cost, report->n_request_cost);
}

/* ---- Reports ------------------------------------------------------------------------- */

static void on_report(void *arg, const struct grebe_load_report *report)
{
    (void)arg;
    load_notes.n_reports++;
    write_text(report, load_notes.last_report, sizeof load_notes.last_report);
}

static void on_done(void *arg, const struct grebe_done_info *info)
{
    (void)arg;
    load_notes.n_calls++;
    write_text(info->server_load, load_notes.last_call, sizeof load_notes.last_call);
}

static void start_watch(void)
{
    if (watched != NULL && interval_ns > 0)
        assert_int_equal(grebe_orca_watch(watched, interval_ns, on_report, NULL, &watch),
                         GREBE_OK);
}

void load_policy_watch_again(void)
{
    grebe_orca_stop(&watch);
    start_watch();
}

/* Watching ends with the connection: whoever is READY now, and was not, is watched. */
static void listen_to(struct grebe_subconn *ready)
{
    if (ready == watched)
        return;
    grebe_orca_stop(&watch);
    grebe_subconn_unref(watched);
    watched = ready == NULL ? NULL : grebe_subconn_ref(ready);
    start_watch();
}

/* ---- Policy -------------------------------------------------------------------------- */

struct picker {
    struct grebe_picker base;
    struct grebe_subconn *subconn; /* a reference; NULL: queue */
};

static void pick(struct grebe_picker *base, const struct grebe_pick_args *args,
                 struct grebe_pick *out)
{
    struct picker *picker = (struct picker *)base;

    (void)args;
    if (picker->subconn == NULL)
        return; /* `out` says QUEUE already */
    out->kind = GREBE_PICK_COMPLETE;
    out->wants_load_report = true;
    out->subconn = picker->subconn;
    out->on_done = on_done;
}

static void destroy(struct grebe_picker *base)
{
    struct picker *picker = (struct picker *)base;

    grebe_subconn_unref(picker->subconn);
    free(picker);
}

static const struct grebe_picker_ops picker_ops = {.pick = pick, .destroy = destroy};

static struct grebe_picker *build_picker(void *arg, struct grebe_client_conn *cc,
                                         const struct grebe_ready_subconn *ready,
                                         size_t n)
{
    struct picker *picker = calloc(1, sizeof *picker);

    (void)arg;
    (void)cc;
    assert_non_null(picker);
    grebe_picker_init(&picker->base, &picker_ops);
    picker->subconn = n == 0 ? NULL : grebe_subconn_ref(ready[0].subconn);
    listen_to(picker->subconn);
    return &picker->base;
}

static void free_nothing(void *arg)
{
    (void)arg;
    listen_to(NULL);
}

static int build(struct grebe_client_conn *cc, const struct grebe_build_options *options,
                 struct grebe_balancer **out)
{
    struct grebe_base_balancer_options base = GREBE_BASE_BALANCER_OPTIONS_INIT;

    (void)options;
    base.build_picker = build_picker;
    base.free_arg = free_nothing;
    return grebe_base_balancer_new(cc, &base, out);
}

static const struct grebe_balancer_builder builder = {
    .api = GREBE_BALANCER_API,
    .name = LOAD_POLICY,
    .build = build,
};

void load_policy_begin(uint64_t interval)
{
    load_notes = (struct load_notes){0};
    interval_ns = interval;
    assert_int_equal(grebe_balancer_register(&builder), GREBE_OK);
}
