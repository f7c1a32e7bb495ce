/* SPDX-License-Identifier: Apache-2.0 */
/* bench_run.c -- when calls start, when they stop, and which of them count. */
#include "bench.h"

#include <stdlib.h>

#include "term.h"
#include "units.h"

#define GRACE_NS             (10 * NS_PER_S)
#define GRACE_INTERRUPTED_NS NS_PER_S

struct bench *bench_new(const struct bench_args *args)
{
    struct bench *bench = calloc(1, sizeof *bench);

    if (bench == NULL)
        return NULL;
    bench->args = args;
    bench->target = args->operands.items[0];
    bench->label = "";
    channel_policy_init(&bench->policy, &args->channel);
    events_init(&bench->events);
    tally_init(&bench->tally, &bench->events);
    pthread_mutex_init(&bench->mutex, NULL);
    return bench;
}

void bench_destroy(struct bench *bench)
{
    pthread_mutex_destroy(&bench->mutex);
    tally_fini(&bench->tally);
    events_fini(&bench->events);
    payload_free(&bench->payload);
    grebe_metadata_unref(bench->options.metadata);
    free(bench);
}

void bench_begin(struct bench *bench)
{
    const struct bench_args *args = bench->args;

    bench->began_ns = grebe_now_ns();
    bench->measure_ns = bench->began_ns + args->warmup_ns;
    bench->stop_ns =
        args->n_calls > 0 ? UINT64_MAX : bench->measure_ns + args->duration_ns;
    bench->last_done_ns = bench->measure_ns;
}

static double cpu_s(const struct rusage *usage)
{
    return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) +
           (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1e6;
}

enum bench_claim bench_claim(struct bench *bench, uint64_t due_ns)
{
    uint64_t n_calls = bench->args->n_calls;

    if (atomic_load_explicit(&bench->is_stopping, memory_order_relaxed))
        return BENCH_STOP;
    if (due_ns < bench->measure_ns)
        return BENCH_WARMUP;
    if (due_ns < bench->stop_ns) {
        uint64_t n =
            atomic_fetch_add_explicit(&bench->n_started, 1, memory_order_relaxed);

        if (n == 0)
            getrusage(RUSAGE_SELF, &bench->usage_before);
        if (n_calls == 0 || n < n_calls)
            return BENCH_COUNT;
        atomic_fetch_sub_explicit(&bench->n_started, 1, memory_order_relaxed);
    }
    atomic_store_explicit(&bench->is_stopping, true, memory_order_relaxed);
    return BENCH_STOP;
}

uint64_t bench_due_ns(const struct bench *bench, uint64_t k)
{
    return bench->began_ns + (uint64_t)((double)k * (double)NS_PER_S / bench->args->rate);
}

/* Endpoints with several addresses are left out: nobody knows which one will be used. */
static void on_endpoints(void *arg, const struct grebe_resolver_state *state,
                         const struct grebe_status *error, const char *scheme)
{
    struct bench *bench = arg;

    (void)error; /* the channel has it too */
    (void)scheme;
    pthread_mutex_lock(&bench->mutex);
    for (size_t i = 0; state != NULL && i < state->n_endpoints; i++) {
        struct grebe_endpoint *endpoint = state->endpoints[i];

        if (grebe_endpoint_n_addresses(endpoint) == 1)
            tally_expect(&bench->tally,
                         grebe_address_text(grebe_endpoint_address(endpoint, 0)));
    }
    pthread_mutex_unlock(&bench->mutex);
}

void bench_expect(struct bench *bench, struct grebe_loop *loop)
{
    if (grebe_resolver_watch_new(loop, bench->target, NULL, NULL, on_endpoints, bench,
                                 &bench->endpoints) != GREBE_OK)
        bench->endpoints = NULL;
}

void bench_unexpect(struct bench *bench)
{
    grebe_resolver_watch_destroy(bench->endpoints);
    bench->endpoints = NULL;
}

void bench_record(struct bench *bench, uint64_t start_ns, uint64_t now_ns,
                  const struct grebe_call *call)
{
    struct grebe_call_times times = grebe_call_times(call);
    const struct grebe_status *status = grebe_call_status(call);

    if (start_ns < bench->measure_ns)
        return;
    if (bench->is_cut) {
        bench->n_cut++;
        return;
    }
    tally_add(&bench->tally, &(struct tally_call){
                                 .peer = grebe_call_peer(call),
                                 .status = status,
                                 .latency_ns = now_ns - start_ns,
                                 .picked_ns = times.picked_ns,
                                 .done_ns = times.done_ns,
                             });
    if (bench->on_call != NULL)
        bench->on_call(bench->on_call_arg, now_ns, call);
    bench->n_done++;
    bench->n_failed += status->code != GREBE_STATUS_OK;
    bench->last_done_ns = now_ns;
}

bool bench_is_outage(const struct grebe_call *call)
{
    return grebe_call_status(call)->code != GREBE_STATUS_OK &&
           *grebe_call_peer(call) == '\0';
}

uint64_t bench_grace_ns(const struct bench *bench)
{
    uint64_t max_time_ns = bench->args->channel.max_time_ns;

    if (bench->is_interrupted)
        return GRACE_INTERRUPTED_NS;
    return max_time_ns > GRACE_NS ? max_time_ns : GRACE_NS;
}

void bench_end(struct bench *bench)
{
    struct rusage usage;

    term_progress(NULL);
    getrusage(RUSAGE_SELF, &usage);
    bench->cpu_s = cpu_s(&usage) - cpu_s(&bench->usage_before);
    if (bench->n_cut > 0)
        events_add(&bench->events, grebe_now_ns(), "cut", "",
                   "%llu calls were still running and are not counted",
                   (unsigned long long)bench->n_cut);
}

void bench_close(struct bench *bench, struct grebe_channel *channel)
{
    int code = channel_close("bench", &bench->args->channel, channel);

    if (code != EXIT_FINE)
        bench->closing_code = code;
}

void bench_tick(struct bench *bench)
{
    uint64_t now_ns = grebe_now_ns();
    char rate[UNITS_TEXT];
    double elapsed_s;

    /* Callers that all wait for calls that hang do not look at the clock.  Open loops do,
     * and start every call that was due before the end. */
    if (bench->args->rate == 0 && now_ns >= bench->stop_ns)
        bench->is_stopping = true;
    if (now_ns < bench->measure_ns) {
        term_progress("%swarming up", bench->label);
        return;
    }
    elapsed_s = units_s(now_ns - bench->measure_ns);
    tally_look(&bench->tally, now_ns);
    term_progress("%s%.1fs  %llu calls  %s/s  %llu failed", bench->label, elapsed_s,
                  (unsigned long long)bench->n_done,
                  units_format_count((double)bench->n_done / elapsed_s, rate),
                  (unsigned long long)bench->n_failed);
}
