/* SPDX-License-Identifier: Apache-2.0 */
/* bench.c -- grebe bench: load through one real channel, and who carried it. */
#include "bench.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "units.h"
#include "verbs.h"

#define AT(member) offsetof(struct bench_args, member)

static const struct option_spec load_options[] = {
    {OPTION_COUNT, 'c', "in-flight", AT(in_flight), "N", "50", 1,
     "closed loop: N callers, each with one call at a time"},
    {OPTION_NUMBER, 'r', "rate", AT(rate), "N", NULL, 1,
     "open loop: N calls a second whatever happens; latency counts from when a call was "
     "due"},
    {OPTION_COUNT, 'n', "number", AT(n_calls), "N", NULL, 1, "stop after N calls"},
    {OPTION_DURATION, 'z', "duration", AT(duration_ns), "TIME", "10s", 1,
     "stop after this time, if -n does not"},
    {OPTION_DURATION, '\0', "warmup", AT(warmup_ns), "TIME", NULL, 0,
     "calls made during this time come first and do not count"},
    {OPTION_COUNT, '\0', "threads", AT(n_threads), "N", NULL, 1,
     "make the calls from N threads, blocking ones if -c is N; else from the loop's own"},
    {OPTION_SIZE, '\0', "size", AT(size_bytes), "BYTES", NULL, 0,
     "request of so many zero bytes"},
    {OPTION_TEXT, 'd', "data", AT(data), "DATA", NULL, 0,
     "request: text, @FILE or hex:0a03..."},
    {.kind = OPTION_END},
};

static const struct option_spec result_options[] = {
    {OPTION_TEXT, '\0', "save", AT(save), "FILE", NULL, 0,
     "write the JSON there as well"},
    {OPTION_TEXT, '\0', "baseline", AT(baseline), "FILE", NULL, 0,
     "compare with what --save wrote; in the table, and in the JSON as \"baseline\""},
    {OPTION_LIST, '\0', "fail-if", AT(limits), "LIMIT", NULL, 0,
     "exit 3 if it holds: p99>20ms, errors>0.1%, rate<1000; p99>+10% is against the "
     "baseline; also mean p50 p90 p99.9 max calls cpu imbalance jain; may be repeated"},
    {.kind = OPTION_END},
};

static const struct option_group groups[] = {
    {"Load", load_options, 0},
    {"Result", result_options, 0},
    {"Channel", channel_options, AT(channel)},
    {"Proxy", proxy_options, AT(channel.proxy)},
    {"Plug-ins", plugin_options, AT(plugins)},
    {"Output", output_options_csv, AT(output)},
    {NULL, NULL, 0},
};

static const struct option_example examples[] = {
    {"grebe bench --plaintext ipv4:127.0.0.1:7000,127.0.0.1:7001 a.B/C "
     "--policy round_robin",
     "fifty callers over two backends for ten seconds"},
    {"grebe bench dns:///api.example.com a.B/C -d @request.bin -r 2000 -z 1m --warmup 5s",
     "2000 calls a second for a minute, over TLS"},
    {"grebe bench --plaintext localhost:7000 a.B/C -n 100000 --save before.json",
     "keep the figures..."},
    {"grebe bench --plaintext localhost:7000 a.B/C -n 100000 --baseline before.json "
     "--fail-if 'p99>+10%' --fail-if 'errors>0'",
     "...and exit 3 when they get worse"},
    {NULL, NULL},
};

/* What would only find out later that there is no memory, or no end, for it. */
enum { MAX_IN_FLIGHT = 1000000, MAX_RATE = 10000000 };

static int check(const struct bench_args *args)
{
    if (args->data != NULL && args->size_bytes > 0)
        return options_complain("bench", "-d and --size both say what to send");
    if (args->size_bytes > INT32_MAX)
        return options_complain("bench", "--size: a message has %d bytes at most",
                                INT32_MAX);
    if (args->in_flight > MAX_IN_FLIGHT)
        return options_complain("bench", "-c: %d in flight at most", MAX_IN_FLIGHT);
    if (args->rate > 0 && args->rate < 0.001)
        return options_complain("bench", "-r: less than a call in 1000 seconds");
    if (args->rate > MAX_RATE)
        return options_complain("bench", "-r: %d calls a second at most", MAX_RATE);
    return bench_limits_check(args);
}

static int load_payload(const struct bench_args *args, struct payload *out)
{
    char error[256];
    bool is_good = args->data == NULL
                       ? payload_fill(args->size_bytes, out, error, sizeof error)
                       : payload_load(args->data, out, error, sizeof error);

    return is_good ? EXIT_FINE
                   : options_complain("bench", "%s: %s",
                                      args->data == NULL ? "--size" : "-d", error);
}

static int save(const struct bench_args *args, const json_t *json)
{
    if (args->save == NULL ||
        json_dump_file(json, args->save, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) == 0)
        return EXIT_FINE;
    return options_fail("bench", "--save: %s: %s", args->save, strerror(errno));
}

/* The result, and how it differs from the baseline if there is one. */
static void print_json(const json_t *json, const json_t *baseline)
{
    json_t *whole = json_copy((json_t *)(uintptr_t)json);

    if (baseline != NULL)
        json_object_set_new(whole, "baseline", bench_baseline_json(json, baseline));
    output_json(whole);
}

static void print(const struct bench_result *result, const json_t *json,
                  const json_t *baseline)
{
    const struct output_args *output = &result->bench->args->output;

    if (output_is(output, "json")) {
        print_json(json, baseline);
    } else if (output_is(output, "csv")) {
        bench_result_csv(result);
    } else {
        bench_result_table(result);
        if (baseline != NULL)
            bench_baseline_print(json, baseline, output->is_colourless);
    }
}

/* A run of which no call succeeded has failed; anything finer is for --fail-if. */
static int report(struct bench *bench, const json_t *baseline)
{
    struct bench_result result;
    json_t *json;
    int code = EXIT_FAILED, limits;

    if (!bench_result_init(&result, bench))
        return options_fail("bench", "out of memory");
    json = bench_result_json(&result);
    if (json != NULL) {
        print(&result, json, baseline);
        code = save(bench->args, json);
        limits = bench_limits_apply(bench->args, json, baseline);
        if (code == EXIT_FINE)
            code = result.sum.n_ok == 0 ? EXIT_FAILED : limits;
    }
    json_decref(json);
    bench_result_fini(&result);
    return code;
}

static int run_bench(struct bench *bench)
{
    const struct bench_args *args = bench->args;
    json_t *baseline;
    int code = bench_baseline_load(args, &baseline);

    if (code == EXIT_FINE)
        code = output_check_file("bench", "--save", args->save);
    if (code == EXIT_FINE)
        code = args->n_threads > 0 ? bench_run_threads(bench) : bench_run_load(bench);
    if (code == EXIT_FINE)
        code = report(bench, baseline);
    json_decref(baseline);
    return code == EXIT_FINE ? bench->closing_code : code;
}

static int prepare(struct bench *bench)
{
    const struct bench_args *args = bench->args;
    int code = check(args);

    if (code == EXIT_FINE &&
        !channel_method(args->operands.items[1], bench->method, sizeof bench->method))
        code = options_complain("bench", "METHOD: '%s' is not like my.Service/Method",
                                args->operands.items[1]);
    if (code == EXIT_FINE)
        code = load_payload(args, &bench->payload);
    if (code == EXIT_FINE)
        code = channel_call_options("bench", &args->channel, &bench->options);
    return code;
}

static int run(void *arg)
{
    const struct bench_args *args = arg;
    int code = plugins_load("bench", &args->plugins);
    struct bench *bench;

    if (code != EXIT_FINE)
        return code;
    bench = bench_new(args);
    if (bench == NULL)
        return options_fail("bench", "out of memory");
    code = prepare(bench);
    if (code == EXIT_FINE)
        code = run_bench(bench);
    bench_destroy(bench);
    return code;
}

const struct verb bench_verb = {
    .name = "bench",
    .operands = "TARGET METHOD",
    .summary = "load through one real channel, measured by backend",
    .text = "Makes unary calls and reports rate, latency, status, CPU per call, and how "
            "the calls were spread over the backends. Latencies are good to 1 %. SIGINT "
            "ends a run early and prints what there is. Exits with 1 if no call "
            "succeeded, with 3 if --fail-if holds.",
    .groups = groups,
    .examples = examples,
    .args_size = sizeof(struct bench_args),
    .run = run,
};
