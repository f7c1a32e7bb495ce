/* SPDX-License-Identifier: Apache-2.0 */
/* bench_result.c -- the figures of a run, for programs and for people. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "output.h"
#include "term.h"
#include "units.h"

/* A call that starts later than this was not held up by timers but by a lack of CPU. */
#define LATE_NS (5 * NS_PER_MS)

static const struct quantile {
    const char *name;
    double q;
} quantiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99_9", 0.999}};

enum { N_QUANTILES = sizeof quantiles / sizeof quantiles[0] };

bool bench_result_init(struct bench_result *result, struct bench *bench)
{
    struct rusage usage;
    uint64_t elapsed_ns = bench->last_done_ns - bench->measure_ns;

    *result = (struct bench_result){.bench = bench};
    tally_sum(&bench->tally, &result->sum);
    result->backends = tally_sorted(&bench->tally, &result->n_backends);
    result->elapsed_s = units_s(elapsed_ns);
    if (elapsed_ns > 0)
        result->rate = (double)result->sum.n / result->elapsed_s;
    if (result->sum.n > 0)
        result->cpu_us_per_call = bench->cpu_s * 1e6 / (double)result->sum.n;
    getrusage(RUSAGE_SELF, &usage);
    result->max_rss_kb = usage.ru_maxrss;
    result->is_saturated = histogram_quantile(&bench->late, 0.99) > LATE_NS;
    return result->backends != NULL;
}

void bench_result_fini(struct bench_result *result)
{
    free(result->backends);
}

/* ---- JSON -------------------------------------------------------------------------- */

static json_t *latency_json(const struct histogram *latency)
{
    json_t *object = json_object();

    json_object_set_new(object, "mean", json_real(units_us(histogram_mean(latency))));
    for (int i = 0; i < N_QUANTILES; i++)
        json_object_set_new(
            object, quantiles[i].name,
            json_real(units_us(histogram_quantile(latency, quantiles[i].q))));
    json_object_set_new(object, "max", json_real(units_us(latency->max_ns)));
    return object;
}

static json_t *codes_json(const uint64_t codes[TALLY_CODES])
{
    json_t *object = json_object();

    for (unsigned i = 0; i < TALLY_CODES; i++)
        if (codes[i] > 0)
            json_object_set_new(object, tally_code_name(i),
                                json_integer((json_int_t)codes[i]));
    return object;
}

static double share_of(uint64_t part, uint64_t whole)
{
    return whole == 0 ? 0 : (double)part / (double)whole;
}

static json_t *backends_json(const struct bench_result *result)
{
    json_t *array = json_array();

    for (size_t i = 0; i < result->n_backends; i++) {
        struct tally_backend *backend = result->backends[i];

        json_array_append_new(array,
                              json_pack("{s:o, s:I, s:f, s:I, s:o, s:o, s:I}", "address",
                                        output_string(backend->address), "calls",
                                        (json_int_t)backend->n, "share",
                                        share_of(backend->n, result->sum.n), "ok",
                                        (json_int_t)backend->codes[GREBE_STATUS_OK],
                                        "codes", codes_json(backend->codes), "latency_us",
                                        latency_json(&backend->latency), "in_flight_max",
                                        (json_int_t)overlap_max(&backend->overlap)));
    }
    return array;
}

/* Seconds since measuring began; what came before is negative. */
static double event_time_s(const struct bench *bench, const struct event *event)
{
    return ((double)event->at_ns - (double)bench->measure_ns) / (double)NS_PER_S;
}

/* Text that may have been cut within a character. */
static json_t *cut_text_json(const char *text)
{
    size_t length = strlen(text);
    json_t *value = NULL;

    for (int i = 0; i < 4 && value == NULL; i++)
        value = json_stringn(text, length > (size_t)i ? length - (size_t)i : 0);
    return value == NULL ? output_string(text) : value;
}

static json_t *events_json(const struct bench *bench)
{
    json_t *array = json_array();

    for (size_t i = 0; i < bench->events.n; i++) {
        const struct event *event = &bench->events.items[i];

        json_array_append_new(array,
                              json_pack("{s:f, s:s, s:o, s:o}", "t_s",
                                        event_time_s(bench, event), "event", event->name,
                                        "address", output_string(event->address),
                                        "detail", cut_text_json(event->detail)));
    }
    return array;
}

static json_t *generator_json(const struct bench_result *result)
{
    const struct histogram *late = &result->bench->late;

    return json_pack("{s:b, s:f, s:f}", "saturated", result->is_saturated, "late_us_p99",
                     units_us(histogram_quantile(late, 0.99)), "late_us_max",
                     units_us(late->max_ns));
}

/* Every thread has at least one call in flight. */
static uint64_t callers_of(const struct bench_args *args)
{
    return args->n_threads > args->in_flight ? args->n_threads : args->in_flight;
}

json_t *bench_result_json(const struct bench_result *result)
{
    const struct bench *bench = result->bench;
    const struct bench_args *args = bench->args;
    bool is_open = args->rate > 0;
    uint64_t in_flight = is_open ? bench->in_flight_max : callers_of(args);
    json_t *json = json_pack(
        "{s:i, s:o, s:s, s:s, s:s, s:I, s:o, s:f, s:I, s:I, s:f, s:o, s:o}", "version", 1,
        "target", output_string(bench->target), "method", bench->method + 1, "policy",
        bench->policy.name, "mode", is_open ? "open" : "closed", "in_flight",
        (json_int_t)in_flight, "rate_target",
        is_open ? json_real(args->rate) : json_null(), "elapsed_s", result->elapsed_s,
        "calls", (json_int_t)result->sum.n, "ok", (json_int_t)result->sum.n_ok, "rate",
        result->rate, "latency_us", latency_json(&result->sum.latency), "codes",
        codes_json(result->sum.codes));

    json_object_set_new(json, "client",
                        json_pack("{s:f, s:I}", "cpu_us_per_call",
                                  result->cpu_us_per_call, "max_rss_kb",
                                  (json_int_t)result->max_rss_kb));
    json_object_set_new(json, "imbalance",
                        json_pack("{s:f, s:f}", "max_over_mean",
                                  result->sum.max_over_mean, "jain", result->sum.jain));
    json_object_set_new(json, "backends", backends_json(result));
    json_object_set_new(json, "events", events_json(bench));
    if (is_open)
        json_object_set_new(json, "generator", generator_json(result));
    return json;
}

/* ---- CSV --------------------------------------------------------------------------- */

static void print_csv_row(const char *address, uint64_t n, double share, uint64_t n_ok,
                          const struct histogram *latency)
{
    printf("%s,%llu,%.6f,%llu,%.3f", address, (unsigned long long)n, share,
           (unsigned long long)n_ok, units_us(histogram_mean(latency)));
    for (int i = 0; i < N_QUANTILES; i++)
        printf(",%.3f", units_us(histogram_quantile(latency, quantiles[i].q)));
    printf(",%.3f", units_us(latency->max_ns));
}

void bench_result_csv(const struct bench_result *result)
{
    const struct tally_sum *sum = &result->sum;

    printf("address,calls,share,ok,mean_us,p50_us,p90_us,p99_us,p99_9_us,max_us,"
           "in_flight_max\n");
    print_csv_row("total", sum->n, 1, sum->n_ok, &sum->latency);
    printf(",\n");
    for (size_t i = 0; i < result->n_backends; i++) {
        struct tally_backend *backend = result->backends[i];

        print_csv_row(backend->address, backend->n, share_of(backend->n, sum->n),
                      backend->codes[GREBE_STATUS_OK], &backend->latency);
        printf(",%llu\n", (unsigned long long)overlap_max(&backend->overlap));
    }
}

/* ---- Table ------------------------------------------------------------------------- */

enum { BAR_COLUMNS = 14, BACKENDS_SHOWN = 40, EVENTS_SHOWN = 20 };

static void print_title(const struct bench_result *result, const struct term *term)
{
    const struct bench *bench = result->bench;
    const struct bench_args *args = bench->args;
    char rate[UNITS_TEXT];

    printf("%s%s%s  %s\n", term_style(term, TERM_BOLD), bench->target,
           term_style(term, TERM_PLAIN), bench->method + 1);
    printf("%s, ", bench->policy.name);
    if (args->rate > 0)
        printf("open loop, %s calls a second wanted",
               units_format_count(args->rate, rate));
    else
        printf("closed loop, %llu in flight", (unsigned long long)args->in_flight);
    if (args->n_threads > 0)
        printf(", %llu threads", (unsigned long long)args->n_threads);
    printf(", %.1f s, %zu bytes\n\n", result->elapsed_s, bench->payload.length);
}

static void print_latency(const struct histogram *latency)
{
    char buf[UNITS_TEXT];

    printf("  latency  mean %s", units_format_duration(histogram_mean(latency), buf));
    for (int i = 0; i < N_QUANTILES; i++)
        printf("  %s %s",
               strcmp(quantiles[i].name, "p99_9") == 0 ? "p99.9" : quantiles[i].name,
               units_format_duration(histogram_quantile(latency, quantiles[i].q), buf));
    printf("  max %s\n", units_format_duration(latency->max_ns, buf));
}

static void print_codes(const struct bench_result *result, const struct term *term)
{
    printf("  status ");
    for (unsigned i = 0; i < TALLY_CODES; i++)
        if (result->sum.codes[i] > 0)
            printf("  %s%s%s %llu",
                   term_style(term, i == GREBE_STATUS_OK ? TERM_GREEN : TERM_RED),
                   tally_code_name(i), term_style(term, TERM_PLAIN),
                   (unsigned long long)result->sum.codes[i]);
    if (result->sum.n == 0)
        printf("  no calls");
    putchar('\n');
}

static void print_totals(const struct bench_result *result, const struct term *term)
{
    const struct tally_sum *sum = &result->sum;
    char rate[UNITS_TEXT];

    printf("  calls    %llu, %s%s/s%s\n", (unsigned long long)sum->n,
           term_style(term, TERM_BOLD), units_format_count(result->rate, rate),
           term_style(term, TERM_PLAIN));
    print_codes(result, term);
    print_latency(&sum->latency);
    printf("  client   %.2f us CPU a call, %.1f MiB\n", result->cpu_us_per_call,
           (double)result->max_rss_kb / 1024);
    if (result->n_backends > 0)
        printf("  balance  max/mean %.3f, Jain %.3f\n", sum->max_over_mean, sum->jain);
}

static void print_backend(const struct bench_result *result,
                          struct tally_backend *backend, int width,
                          const struct term *term)
{
    double share = share_of(backend->n, result->sum.n);
    uint64_t n_failed = backend->n - backend->codes[GREBE_STATUS_OK];
    char p50[UNITS_TEXT] = "-", p99[UNITS_TEXT] = "-";

    if (backend->n > 0) {
        units_format_duration(histogram_quantile(&backend->latency, 0.5), p50);
        units_format_duration(histogram_quantile(&backend->latency, 0.99), p99);
    }
    printf("  %-*s %5.1f%% ", width, backend->address, 100 * share);
    term_print_bar(term, share, BAR_COLUMNS, TERM_CYAN);
    printf(" %9llu ", (unsigned long long)backend->n);
    if (n_failed > 0)
        printf("%s%7llu%s", term_style(term, TERM_RED), (unsigned long long)n_failed,
               term_style(term, TERM_PLAIN));
    else
        printf("%7s", "-");
    printf(" %7s %7s %5llu\n", p50, p99,
           (unsigned long long)overlap_max(&backend->overlap));
}

static int address_width(const struct bench_result *result)
{
    int width = 15;

    for (size_t i = 0; i < result->n_backends; i++) {
        int own = (int)strlen(result->backends[i]->address);

        width = own > width ? own : width;
    }
    return width > 40 ? 40 : width;
}

static void print_backends(const struct bench_result *result, const struct term *term)
{
    int width = address_width(result);
    size_t n = result->n_backends;

    if (n == 0)
        return;
    printf("\n%s  %-*s  share %*s %9s %7s %7s %7s %5s%s\n", term_style(term, TERM_DIM),
           width, "backend", BAR_COLUMNS, "", "calls", "failed", "p50", "p99", "max",
           term_style(term, TERM_PLAIN));
    for (size_t i = 0; i < n && i < BACKENDS_SHOWN; i++)
        print_backend(result, result->backends[i], width, term);
    if (n > BACKENDS_SHOWN)
        printf("  and %zu more; -o json or -o csv lists them all\n", n - BACKENDS_SHOWN);
}

static void print_events(const struct bench_result *result, const struct term *term)
{
    const struct events *events = &result->bench->events;

    if (events->n > 0)
        printf("\n%s  events%s\n", term_style(term, TERM_DIM),
               term_style(term, TERM_PLAIN));
    for (size_t i = 0; i < events->n && i < EVENTS_SHOWN; i++) {
        const struct event *event = &events->items[i];

        printf("  %+9.3fs  %-9s %s%s", event_time_s(result->bench, event), event->name,
               event->address, *event->address == '\0' ? "" : "  ");
        term_print_escaped(stdout, event->detail, strlen(event->detail));
        putchar('\n');
    }
    if (events->n + events->n_lost > EVENTS_SHOWN)
        printf("  and %zu more\n", events->n + events->n_lost - EVENTS_SHOWN);
}

void bench_result_table(const struct bench_result *result)
{
    struct term term = term_of(stdout, result->bench->args->output.is_colourless);
    char late[UNITS_TEXT];

    print_title(result, &term);
    print_totals(result, &term);
    print_backends(result, &term);
    print_events(result, &term);
    if (result->is_saturated)
        printf(
            "\n%swarning: generator saturated%s: 1 %% of the calls started more than %s "
            "after\nthey were due; the latencies above include that\n",
            term_style(&term, TERM_YELLOW), term_style(&term, TERM_PLAIN),
            units_format_duration(histogram_quantile(&result->bench->late, 0.99), late));
}
