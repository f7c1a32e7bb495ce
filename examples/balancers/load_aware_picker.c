/* SPDX-License-Identifier: Apache-2.0 */
/* load_aware_picker.c -- the backend that seems the least loaded takes the next call.
 *
 *     ./load_aware_picker ipv4:127.0.0.1:50051,127.0.0.1:50052 1000
 *
 * Load is how long calls lately took, times how many are in flight.  A measurement counts
 * half as much for each second in which no new one was made, so that a backend that was
 * slow once is tried again.  Measurements last as long as the process, by address.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <grebe/base_balancer.h>

#include "shares.h"

enum { MAX_BACKENDS = 64 };

/* A row is never taken back: whoever has a pointer to one may use it for ever. */
static struct backend {
    char address[64];
    atomic_uint in_flight;
    atomic_ullong latency_ns; /* moving average; 0: not measured */
    atomic_ullong measured_ns;
} table[MAX_BACKENDS];
static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER; /* to add one */

struct la_picker {
    struct grebe_picker base;
    size_t n;
    struct grebe_subconn *subconns[MAX_BACKENDS]; /* n references */
    struct backend *backends[MAX_BACKENDS];
};

static unsigned long long load_of(struct backend *backend, uint64_t now_ns)
{
    uint64_t measured_ns = atomic_load(&backend->measured_ns);
    uint64_t age_s = now_ns < measured_ns ? 0 : (now_ns - measured_ns) / 1000000000;
    unsigned long long latency_ns = atomic_load(&backend->latency_ns);

    latency_ns = age_s < 64 ? latency_ns >> age_s : 0;
    return (latency_ns + 1) * (atomic_load(&backend->in_flight) + 1);
}

static void on_done(void *arg, const struct grebe_done_info *info)
{
    struct backend *backend = arg;
    unsigned long long before = atomic_load(&backend->latency_ns), after;

    if (info->bytes_received) {
        do
            after = before == 0 ? info->latency_ns
                                : before - before / 8 + info->latency_ns / 8;
        while (!atomic_compare_exchange_weak(&backend->latency_ns, &before, after));
        atomic_store(&backend->measured_ns, info->now_ns);
    }
    atomic_fetch_sub(&backend->in_flight, 1);
}

static void pick(struct grebe_picker *base, const struct grebe_pick_args *args,
                 struct grebe_pick *out)
{
    struct la_picker *picker = (struct la_picker *)base;
    unsigned long long least = 0;
    size_t best = 0;

    if (picker->n == 0)
        return; /* nobody is READY: `out` says QUEUE already */
    for (size_t i = 0; i < picker->n; i++) {
        unsigned long long load = load_of(picker->backends[i], args->now_ns);

        if (i == 0 || load < least) {
            least = load;
            best = i;
        }
    }
    atomic_fetch_add(&picker->backends[best]->in_flight, 1);
    out->kind = GREBE_PICK_COMPLETE;
    out->subconn = picker->subconns[best];
    out->on_done = on_done;
    out->on_done_arg = picker->backends[best];
}

static void destroy(struct grebe_picker *base)
{
    struct la_picker *picker = (struct la_picker *)base;

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
    if (row < table + MAX_BACKENDS)
        snprintf(row->address, sizeof row->address, "%s", address);
    pthread_mutex_unlock(&table_lock);
    return row < table + MAX_BACKENDS ? row : NULL;
}

static struct grebe_picker *build_picker(void *arg, struct grebe_client_conn *cc,
                                         const struct grebe_ready_subconn *ready,
                                         size_t n)
{
    struct la_picker *picker = calloc(1, sizeof *picker);

    (void)arg, (void)cc;
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
    return &picker->base;
}

static int build(struct grebe_client_conn *cc, const struct grebe_build_options *options,
                 struct grebe_balancer **out)
{
    struct grebe_base_balancer_options base = GREBE_BASE_BALANCER_OPTIONS_INIT;

    (void)options;
    base.build_picker = build_picker;
    return grebe_base_balancer_new(cc, &base, out);
}

int main(int argc, char *argv[])
{
    return shares_main("load_aware_picker", build, argc, argv);
}
