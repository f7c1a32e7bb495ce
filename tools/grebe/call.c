/* SPDX-License-Identifier: Apache-2.0 */
/* call.c -- grebe call: one RPC, or a few in a row, and everything about it. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <grebe/explain.h>
#include <grebe/grebe.h>

#include "base64.h"
#include "channel_args.h"
#include "host.h"
#include "output.h"
#include "payload.h"
#include "plugins.h"
#include "reasons.h"
#include "term.h"
#include "units.h"
#include "verbs.h"

struct call_args {
    struct operands operands;
    struct output_args output;
    struct channel_args channel;
    struct plugin_args plugins;
    const char *data;
    uint64_t n_calls; /* 0: one, and its JSON is no array */
    bool is_verbose, explains;
};

#define AT(member) offsetof(struct call_args, member)

static const struct option_spec call_options[] = {
    {OPTION_TEXT, 'd', "data", AT(data), "DATA", NULL, 0,
     "the request message: text, @FILE, or hex:0a03...; from stdin unless given"},
    {OPTION_COUNT, 'n', "number", AT(n_calls), "N", NULL, 1,
     "N calls, one after another"},
    {OPTION_FLAG, 'v', "verbose", AT(is_verbose), NULL, NULL, 0,
     "print peer, headers, trailers, the time each phase took, and warnings"},
    {OPTION_FLAG, '\0', "explain", AT(explains), NULL, NULL, 0,
     "print how the call came to this backend"},
    {.kind = OPTION_END},
};

static const struct option_group groups[] = {
    {"Call", call_options, 0},
    {"Channel", channel_options, AT(channel)},
    {"Proxy", proxy_options, AT(channel.proxy)},
    {"Plug-ins", plugin_options, AT(plugins)},
    {"Output", output_options, AT(output)},
    {NULL, NULL, 0},
};

static const struct option_example examples[] = {
    {"grebe call --plaintext localhost:50051 my.Service/Echo -d hello",
     "send five bytes, print what comes back"},
    {"grebe call dns:///api.example.com my.Service/Get -d @request.bin -o json",
     "over TLS; status, peer, metadata and latency as JSON"},
    {"grebe call --plaintext ipv4:10.0.0.1:80,10.0.0.2:80 a.B/C -d '' -n 10 "
     "--policy round_robin -v",
     "ten calls over two backends, with the peer of each"},
    {NULL, NULL},
};

/* What runs: one call at a time, the next from the end of the one before. */
struct caller {
    struct host host;
    const struct call_args *args;
    struct grebe_channel *channel;
    struct grebe_call_options options;
    struct grebe_call *current; /* NULL between calls */
    struct payload payload;
    char method[512];
    struct channel_policy policy;
    uint64_t n_left;
    uint64_t began_ns; /* of the current call, for the log */
    json_t *results;   /* array; NULL unless -o json */
    bool has_failed;   /* some call did */
    bool is_broken;    /* a call could not even start; said already */
};

/* ---- Text -------------------------------------------------------------------------- */

static bool is_binary_key(const char *key)
{
    size_t length = strlen(key);

    return length > 4 && strcmp(key + length - 4, "-bin") == 0;
}

static void print_value(const struct grebe_metadata_entry *entry)
{
    char *text;

    if (!is_binary_key(entry->key)) {
        term_print_escaped(stderr, entry->value, entry->value_length);
        return;
    }
    text = malloc(base64_size(entry->value_length));
    if (text != NULL)
        base64_encode(entry->value, entry->value_length, true, text);
    fputs(text == NULL ? "(out of memory)" : text, stderr);
    free(text);
}

static void print_metadata(const char *title, const struct grebe_metadata *metadata)
{
    size_t n = grebe_metadata_count(metadata);

    if (n == 0)
        fprintf(stderr, "%-10s(none)\n", title);
    for (size_t i = 0; i < n; i++) {
        const struct grebe_metadata_entry *entry = grebe_metadata_at(metadata, i);

        fprintf(stderr, "%-10s%s: ", i == 0 ? title : "", entry->key);
        print_value(entry);
        fputc('\n', stderr);
    }
}

static void print_times(const struct grebe_call_times *times)
{
    char total[UNITS_TEXT], pick[UNITS_TEXT], headers[UNITS_TEXT], rest[UNITS_TEXT];
    uint64_t at_ns = times->started_ns;

    fprintf(stderr, "%-10s%s in all", "timing",
            units_format_duration(times->done_ns - times->started_ns, total));
    if (times->picked_ns != 0) {
        fprintf(stderr, ": %s to a backend",
                units_format_duration(times->picked_ns - at_ns, pick));
        at_ns = times->picked_ns;
    }
    if (times->headers_ns != 0) {
        fprintf(stderr, ", %s to its headers",
                units_format_duration(times->headers_ns - at_ns, headers));
        at_ns = times->headers_ns;
    }
    fprintf(stderr, ", %s to the end\n",
            units_format_duration(times->done_ns - at_ns, rest));
}

static void print_details(const struct grebe_call *call)
{
    struct grebe_call_times times = grebe_call_times(call);
    const char *peer = grebe_call_peer(call);

    fprintf(stderr, "%-10s", "peer");
    term_print_escaped(stderr, *peer == '\0' ? "(none)" : peer,
                       *peer == '\0' ? strlen("(none)") : strlen(peer));
    fprintf(stderr, ", %u attempt%s\n", times.n_attempts,
            times.n_attempts == 1 ? "" : "s");
    print_times(&times);
    print_metadata("headers", grebe_call_headers(call));
    print_metadata("trailers", grebe_call_trailers(call));
}

static void print_failure(const struct grebe_status *status)
{
    char name[24];

    fprintf(stderr, "%s: ", grebe_status_code_name(status->code, name));
    term_print_escaped(stderr, status->message, status->message_length);
    fputc('\n', stderr);
    if (status->failure != NULL)
        reasons_print_failure(status->failure);
}

/* -v: what the library warns of, as an option that has another effect than it says.
 * --explain: all of its account, with the time since the call began. */
static void on_log(void *arg, enum grebe_log_level level, const char *message)
{
    struct caller *caller = arg;
    char buf[UNITS_TEXT];

    channel_policy_on_log(&caller->policy, message);
    if (caller->args->is_verbose && !caller->args->explains && level >= GREBE_LOG_WARNING)
        fprintf(stderr, "%-10s%s\n", "warning", message);
    if (!caller->args->explains || caller->current == NULL)
        return; /* closing down explains nothing */
    fprintf(stderr, "%-10s+%-8s%s\n", "log",
            units_format_duration(grebe_now_ns() - caller->began_ns, buf), message);
}

static void print_explanation(const struct caller *caller, const struct grebe_call *call)
{
    fprintf(stderr, "%-10s%s, by %s\n", "target", grebe_channel_target(caller->channel),
            caller->policy.name);
    reasons_print_explanation(grebe_call_explain(call));
}

/* ---- JSON -------------------------------------------------------------------------- */

static json_t *base64_json(const void *data, size_t length)
{
    char *text = malloc(base64_size(length));
    json_t *value;

    if (text == NULL)
        return NULL;
    base64_encode(data, length, true, text);
    value = json_string(text);
    free(text);
    return value;
}

/* A text, or an array of texts where a key repeats. */
static json_t *metadata_json(const struct grebe_metadata *metadata)
{
    json_t *object = json_object();

    for (size_t i = 0; i < grebe_metadata_count(metadata); i++) {
        const struct grebe_metadata_entry *entry = grebe_metadata_at(metadata, i);
        json_t *before = json_object_get(object, entry->key);
        json_t *value = is_binary_key(entry->key)
                            ? base64_json(entry->value, entry->value_length)
                            : output_text(entry->value, entry->value_length);

        if (before == NULL)
            json_object_set_new(object, entry->key, value);
        else if (json_is_array(before))
            json_array_append_new(before, value);
        else
            json_object_set_new(object, entry->key, json_pack("[O, o]", before, value));
    }
    return object;
}

static json_t *call_json(const struct grebe_call *call)
{
    const struct grebe_status *status = grebe_call_status(call);
    const struct grebe_explanation *explanation = grebe_call_explain(call);
    const struct grebe_failure *failure = status->failure;
    struct grebe_call_times times = grebe_call_times(call);
    size_t length;
    const void *response = grebe_call_response(call, &length);
    char name[24];

    return json_pack(
        "{s:i, s:{s:s, s:i, s:o, s:o*}, s:o, s:o, s:o, s:I, s:o?, s:o*}", "version", 1,
        "status", "code", grebe_status_code_name(status->code, name), "number",
        status->code, "message", output_text(status->message, status->message_length),
        "failure", failure == NULL ? NULL : reasons_failure_json(failure), "peer",
        output_string(grebe_call_peer(call)), "headers",
        metadata_json(grebe_call_headers(call)), "trailers",
        metadata_json(grebe_call_trailers(call)), "latency_us",
        (json_int_t)((times.done_ns - times.started_ns + 500) / NS_PER_US),
        "response_base64", response == NULL ? NULL : base64_json(response, length),
        "explain", explanation == NULL ? NULL : reasons_explanation_json(explanation));
}

/* ---- Run --------------------------------------------------------------------------- */

static void start_next(struct caller *caller);

static void report(struct caller *caller, const struct grebe_call *call)
{
    const struct grebe_status *status = grebe_call_status(call);
    size_t length;
    const void *response = grebe_call_response(call, &length);

    if (caller->args->explains)
        print_explanation(caller, call);
    if (caller->args->is_verbose)
        print_details(call);
    if (status->code != GREBE_STATUS_OK) {
        caller->has_failed = true;
        print_failure(status);
    }
    if (caller->results != NULL)
        json_array_append_new(caller->results, call_json(call));
    else if (response != NULL)
        fwrite(response, 1, length, stdout);
}

static void on_done(void *arg, struct grebe_call *call)
{
    struct caller *caller = arg;

    report(caller, call);
    grebe_call_unref(caller->current);
    caller->current = NULL;
    start_next(caller);
}

static void start_next(struct caller *caller)
{
    int result;

    if (caller->n_left == 0 || caller->host.is_interrupted) {
        uv_stop(&caller->host.uv);
        return;
    }
    caller->n_left--;
    caller->began_ns = grebe_now_ns();
    result = grebe_call_start_unary(caller->channel, caller->method,
                                    caller->payload.bytes, caller->payload.length,
                                    &caller->options, on_done, caller, &caller->current);
    if (result != GREBE_OK) {
        options_fail("call", "%s", grebe_strerror(result));
        caller->is_broken = true;
        uv_stop(&caller->host.uv);
    }
}

static void on_interrupt(struct host *host)
{
    struct caller *caller = grebe_container_of(host, struct caller, host);

    if (caller->current != NULL)
        grebe_call_cancel(caller->current);
}

static int print_results(struct caller *caller)
{
    json_t *results = caller->results;

    if (results == NULL)
        return EXIT_FINE;
    if (caller->args->n_calls == 0)
        return json_array_size(results) == 0
                   ? EXIT_FAILED
                   : output_json(json_incref(json_array_get(results, 0)));
    return output_json(json_incref(results));
}

static int make_calls(struct caller *caller)
{
    int code;

    if (output_is(&caller->args->output, "json"))
        caller->results = json_array();
    start_next(caller);
    if (!caller->is_broken)
        uv_run(&caller->host.uv, UV_RUN_DEFAULT);
    code = print_results(caller);
    json_decref(caller->results);
    if (caller->has_failed || caller->is_broken)
        code = EXIT_FAILED;
    return code;
}

/* Without -d the request is stdin, but nobody is kept waiting at a terminal. */
static int load_payload(const struct call_args *args, struct payload *out)
{
    const char *spec = args->data != NULL          ? args->data
                       : isatty(STDIN_FILENO) == 1 ? ""
                                                   : "@-";
    char error[256];

    if (!payload_load(spec, out, error, sizeof error))
        return options_complain("call", "-d: %s", error);
    return EXIT_FINE;
}

static int call_with_channel(struct caller *caller)
{
    int code = channel_call_options("call", &caller->args->channel, &caller->options);

    if (code != EXIT_FINE)
        return code;
    caller->options.wants_explanation = caller->args->explains;
    channel_policy_init(&caller->policy, &caller->args->channel);
    code = channel_open("call", caller->args->operands.items[0], &caller->args->channel,
                        caller->host.loop, on_log, caller, &caller->channel);
    if (code == EXIT_FINE) {
        int closed;

        code = make_calls(caller);
        closed = channel_close("call", &caller->args->channel, caller->channel);
        code = code == EXIT_FINE ? closed : code;
    }
    grebe_metadata_unref(caller->options.metadata);
    return code;
}

static int run(void *arg)
{
    const struct call_args *args = arg;
    struct caller caller = {
        .args = args,
        .n_left = args->n_calls == 0 ? 1 : args->n_calls,
    };
    int code = plugins_load("call", &args->plugins);
    const char *obstacle;

    if (code != EXIT_FINE)
        return code;
    obstacle = host_init(&caller.host, on_interrupt);
    if (obstacle != NULL)
        return options_fail("call", "%s", obstacle);
    if (!channel_method(args->operands.items[1], caller.method, sizeof caller.method))
        code = options_complain("call", "METHOD: '%s' is not like my.Service/Method",
                                args->operands.items[1]);
    else
        code = load_payload(args, &caller.payload);
    if (code == EXIT_FINE) {
        code = call_with_channel(&caller);
        payload_free(&caller.payload);
    }
    host_fini(&caller.host);
    return code;
}

const struct verb call_verb = {
    .name = "call",
    .operands = "TARGET METHOD",
    .summary = "make one RPC",
    .text = "Sends one request message and writes the response message to stdout, "
            "unchanged; everything else goes to stderr. Messages are bytes: what is in "
            "them is your business. If the call fails, its status and what happened to "
            "each backend are on stderr and the exit code is 1.",
    .groups = groups,
    .examples = examples,
    .args_size = sizeof(struct call_args),
    .run = run,
};
