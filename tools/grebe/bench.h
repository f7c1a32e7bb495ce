/* SPDX-License-Identifier: Apache-2.0 */
/* bench.h -- what the parts of `grebe bench` share.
 *
 *   bench.c          options, order of events
 *   bench_run.c      when to start, when to stop, what counts; used by both of
 *   bench_load.c       callers on the loop's own thread
 *   bench_threads.c    callers on threads of their own
 *   bench_result.c   the figures, as JSON, CSV and a table
 *   bench_limits.c   --fail-if, --baseline
 *
 * Closed loop: so many callers, each starts its next call when its last has ended.
 * Open loop: call k is due at start + k / rate whatever happened to the others, and its
 * latency counts from that moment, so a backend that stalls is charged for every call
 * that should have been made meanwhile.
 */
#ifndef TOOL_BENCH_H
#define TOOL_BENCH_H

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>

#include <grebe/grebe.h>
#include <grebe/resolve.h>

#include "channel_args.h"
#include "events.h"
#include "histogram.h"
#include "output.h"
#include "payload.h"
#include "plugins.h"
#include "tally.h"

struct bench_args {
    struct operands operands;
    struct output_args output;
    struct channel_args channel;
    struct plugin_args plugins;
    uint64_t in_flight; /* closed loop */
    double rate;        /* open loop; 0: closed */
    uint64_t n_calls;   /* 0: by time */
    uint64_t duration_ns, warmup_ns;
    uint64_t n_threads; /* 0: the loop's own */
    uint64_t size_bytes;
    const char *data;
    const char *save, *baseline;
    struct text_list limits;
};

struct bench {
    const struct bench_args *args;
    const char *target;
    struct channel_policy policy;
    char method[512];
    const char *label; /* in front of the progress */
    void (*on_call)(void *arg, uint64_t now_ns, const struct grebe_call *call);
    void *on_call_arg; /* on_call, which may be NULL, sees every call that counts */
    struct payload payload;
    struct grebe_call_options options;
    struct events events;
    struct tally tally;
    pthread_mutex_t mutex; /* of the tally, where several threads are at work */
    struct grebe_resolver_watch *endpoints;
    struct histogram late; /* open loop: how long after they were due calls started */

    uint64_t began_ns;
    uint64_t measure_ns; /* calls that start (are due) from here on count */
    uint64_t stop_ns;    /* none starts from here on; UINT64_MAX: after n_calls */
    atomic_bool is_stopping;
    bool is_interrupted;        /* by a signal */
    atomic_bool is_cut;         /* what ends from now on was not let finish */
    _Atomic uint64_t n_started; /* that count */
    uint64_t n_done;            /* of those */
    uint64_t n_failed;          /* of those */
    uint64_t n_cut;             /* calls that were not let finish */
    uint64_t last_done_ns;
    _Atomic uint64_t in_flight;
    uint64_t in_flight_max; /* open loop */
    bool is_measuring;
    struct rusage usage_before;
    double cpu_s;
    int closing_code; /* of bench_close() */
};

/* ---- bench_run.c ------------------------------------------------------------------- */

/* What it measures is the caller's to fill in: method, payload, options.  NULL: out of
 * memory. */
struct bench *bench_new(const struct bench_args *args);
void bench_destroy(struct bench *bench); /* with what the caller has filled in */

/* The clock starts. */
void bench_begin(struct bench *bench);

/* May a call that is due at `due_ns` start, and does it count?  Stops the run when it is
 * over. */
enum bench_claim { BENCH_STOP, BENCH_WARMUP, BENCH_COUNT };
enum bench_claim bench_claim(struct bench *bench, uint64_t due_ns);

/* Open loop: when the k-th call is due. */
uint64_t bench_due_ns(const struct bench *bench, uint64_t k);

/* What the target resolves to ought to get calls; ends with bench_unexpect(). */
void bench_expect(struct bench *bench, struct grebe_loop *loop);
void bench_unexpect(struct bench *bench);

/* A call ended at `now_ns`.  One thread at a time. */
void bench_record(struct bench *bench, uint64_t start_ns, uint64_t now_ns,
                  const struct grebe_call *call);

/* True if it failed for want of a backend: the caller ought to take a short rest. */
bool bench_is_outage(const struct grebe_call *call);
#define BENCH_REST_NS (10 * UINT64_C(1000000))

/* How long calls may run on after the last start. */
uint64_t bench_grace_ns(const struct bench *bench);

/* Stops CPU accounting; nothing is recorded any more. */
void bench_end(struct bench *bench);

/* channel_close(), and the run fails if that does; `channel` NULL: no-op. */
void bench_close(struct bench *bench, struct grebe_channel *channel);

/* About twice a second: progress, quiet backends, the end if nobody else sees it. */
void bench_tick(struct bench *bench);

/* ---- Generators: give the exit code ------------------------------------------------ */

int bench_run_load(struct bench *bench);
int bench_run_threads(struct bench *bench);

/* ---- bench_result.c ---------------------------------------------------------------- */

struct bench_result {
    const struct bench *bench;
    struct tally_sum sum;
    struct tally_backend **backends; /* sorted */
    size_t n_backends;
    double elapsed_s, rate, cpu_us_per_call;
    long max_rss_kb;
    bool is_saturated; /* open loop: the generator could not keep its own schedule */
};

bool bench_result_init(struct bench_result *result, struct bench *bench);
void bench_result_fini(struct bench_result *result);
json_t *bench_result_json(const struct bench_result *result); /* NULL: out of memory */
void bench_result_csv(const struct bench_result *result);
void bench_result_table(const struct bench_result *result);

/* ---- bench_limits.c ---------------------------------------------------------------- */

/* EXIT_USAGE, said on stderr, if a limit cannot be read or needs a baseline. */
int bench_limits_check(const struct bench_args *args);
/* Reads --baseline; *out is NULL without one. */
int bench_baseline_load(const struct bench_args *args, json_t **out);
/* How `now` differs, by the keys of its figures: {"p99": {"before", "now", "change"}, ...},
 * and "errors_percent"; change is a share of before, null where that is 0. */
json_t *bench_baseline_json(const json_t *now, const json_t *baseline);
/* The same as a table. */
void bench_baseline_print(const json_t *now, const json_t *baseline, bool is_colourless);
/* EXIT_THRESHOLD if one is missed; each of those is a line on stderr. */
int bench_limits_apply(const struct bench_args *args, const json_t *now,
                       const json_t *baseline);

#endif
