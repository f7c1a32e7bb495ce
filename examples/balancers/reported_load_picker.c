/* SPDX-License-Identifier: Apache-2.0 */
/* reported_load_picker.c -- the backend that says it is the least loaded takes the next call.
 *
 *     ./reported_load_picker ipv4:127.0.0.1:50051,127.0.0.1:50052 1000
 *
 * Backends say how busy they are behind each response, and once a second on a stream of
 * their own; `grebe backend --orca` does both.  Between two reports calls would all go to
 * the same place, so what a backend said counts once for each call it has.  One that never
 * said anything is taken for half busy.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <grebe/base_balancer.h>
#include <grebe/load_report.h>

#include "shares.h"

enum { MAX_BACKENDS = 64, UNKNOWN = 500, LEAST = 10, INTERVAL_NS = 1000000000 };

/* A row is never taken back: whoever has a pointer to one may use it for ever. */
static struct backend {
    char address[64];
    atomic_uint in_flight;
    atomic_uint busy; /* in thousandths of what it can do */
} table[MAX_BACKENDS];
static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER; /* to add one */

/* Of one balancer: the subconns that are READY, and who listens to their backends. */
struct listeners {
    size_t n;
    struct grebe_subconn *subconns[MAX_BACKENDS]; /* n of them, to compare */
    struct grebe_orca_watch *watches[MAX_BACKENDS];
};

struct load_picker {
    struct grebe_picker base;
    size_t n;
    struct grebe_subconn *subconns[MAX_BACKENDS]; /* n references */
    struct backend *backends[MAX_BACKENDS];
};

static void on_report(void *arg, const struct grebe_load_report *report)
{
    struct backend *backend = arg;
    double busy = report->application_utilization > 0 ? report->application_utilization
                                                      : report->cpu_utilization;

    atomic_store(&backend->busy, busy > 1000 ? 1000000 : (unsigned)(busy * 1000));
}

static void on_done(void *arg, const struct grebe_done_info *info)
{
    struct backend *backend = arg;

    if (info->server_load != NULL)
        on_report(backend, info->server_load);
    atomic_fetch_sub(&backend->in_flight, 1);
}

static unsigned long long load_of(struct backend *backend)
{
    return (atomic_load(&backend->busy) + LEAST) *
           (atomic_load(&backend->in_flight) + 1ull);
}

static void pick(struct grebe_picker *base, const struct grebe_pick_args *args,
                 struct grebe_pick *out)
{
    struct load_picker *picker = (struct load_picker *)base;
    size_t start = picker->n == 0 ? 0 : args->random % picker->n, best = start;

    if (picker->n == 0)
        return; /* nobody is READY: `out` says QUEUE already */
    for (size_t i = 1, at = start; i < picker->n; i++) {
        at = at + 1 < picker->n ? at + 1 : 0;
        if (load_of(picker->backends[at]) < load_of(picker->backends[best]))
            best = at;
    }
    atomic_fetch_add(&picker->backends[best]->in_flight, 1);
    out->kind = GREBE_PICK_COMPLETE;
    out->wants_load_report = true;
    out->subconn = picker->subconns[best];
    out->on_done = on_done;
    out->on_done_arg = picker->backends[best];
}

static void destroy(struct grebe_picker *base)
{
    struct load_picker *picker = (struct load_picker *)base;

    for (size_t i = 0; i < picker->n; i++)
        grebe_subconn_unref(picker->subconns[i]);
    free(picker);
}

static const struct grebe_picker_ops picker_ops = {.pick = pick, .destroy = destroy};

/* The row of `address`, new if need be; NULL: the table is full. */
static struct backend *row_of(const char *address)
{
    struct backend *row = table;

    pthread_mutex_lock(&table_lock);
    while (row < table + MAX_BACKENDS && row->address[0] != '\0' &&
           strcmp(row->address, address) != 0)
        row++;
    if (row < table + MAX_BACKENDS && row->address[0] == '\0') {
        snprintf(row->address, sizeof row->address, "%s", address);
        atomic_store(&row->busy, UNKNOWN);
    }
    pthread_mutex_unlock(&table_lock);
    return row < table + MAX_BACKENDS ? row : NULL;
}

/* Listening ends with the connection.  So whoever is READY now is listened to anew, unless
 * it was READY before. */
static void listen_to(struct listeners *to, const struct load_picker *picker)
{
    struct listeners before = *to;

    *to = (struct listeners){.n = picker->n};
    for (size_t i = 0; i < picker->n; i++) {
        to->subconns[i] = picker->subconns[i];
        for (size_t k = 0; k < before.n; k++)
            if (before.subconns[k] == picker->subconns[i]) {
                to->watches[i] = before.watches[k];
                before.watches[k] = NULL;
            }
        if (to->watches[i] == NULL &&
            grebe_orca_watch(picker->subconns[i], INTERVAL_NS, on_report,
                             picker->backends[i], &to->watches[i]) != GREBE_OK)
            to->watches[i] = NULL; /* there are still the responses */
    }
    for (size_t k = 0; k < before.n; k++)
        grebe_orca_stop(&before.watches[k]);
}

static struct grebe_picker *build_picker(void *arg, struct grebe_client_conn *cc,
                                         const struct grebe_ready_subconn *ready,
                                         size_t n)
{
    struct load_picker *picker = calloc(1, sizeof *picker);

    (void)cc;
    if (picker == NULL)
        return NULL; /* the picker we have goes on serving */
    grebe_picker_init(&picker->base, &picker_ops);
    for (size_t i = 0; i < n && picker->n < MAX_BACKENDS; i++) {
        struct backend *row = row_of(grebe_address_text(ready[i].address));

        if (row == NULL)
            continue;
        picker->subconns[picker->n] = grebe_subconn_ref(ready[i].subconn);
        picker->backends[picker->n++] = row;
    }
    listen_to(arg, picker);
    return &picker->base;
}

static void free_listeners(void *arg)
{
    struct listeners *listeners = arg;

    for (size_t i = 0; i < listeners->n; i++)
        grebe_orca_stop(&listeners->watches[i]);
    free(listeners);
}

static int build(struct grebe_client_conn *cc, const struct grebe_build_options *options,
                 struct grebe_balancer **out)
{
    struct grebe_base_balancer_options base = GREBE_BASE_BALANCER_OPTIONS_INIT;
    int result;

    (void)options;
    base.build_picker = build_picker;
    base.free_arg = free_listeners;
    base.arg = calloc(1, sizeof(struct listeners));
    if (base.arg == NULL)
        return GREBE_ERR_NOMEM;
    result = grebe_base_balancer_new(cc, &base, out);
    if (result != GREBE_OK)
        free(base.arg);
    return result;
}

int main(int argc, char *argv[])
{
    return shares_main("reported_load_picker", build, argc, argv);
}
