/* SPDX-License-Identifier: Apache-2.0 */
/* resolve.c -- grebe resolve: what a resolver gives, where it has it from, and when it will
 * ask again.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <grebe/grebe.h>
#include <grebe/resolve.h>

#include "channel_args.h"
#include "endpoint_facts.h"
#include "host.h"
#include "output.h"
#include "plugins.h"
#include "proxy_args.h"
#include "resolve_list.h"
#include "term.h"
#include "units.h"
#include "verbs.h"

struct resolve_args {
    struct operands operands;
    struct output_args output;
    struct proxy_args proxy;
    bool watches;
    bool ignores_ttl, ignores_txt, ignores_srv;
    uint64_t timeout_ns, min_interval_ns, max_interval_ns;
    struct plugin_args plugins;
};

#define AT(member) offsetof(struct resolve_args, member)

static const struct option_spec resolve_options[] = {
    {OPTION_FLAG, 'w', "watch", AT(watches), NULL, NULL, 0,
     "go on, and print every update and every error, until SIGINT"},
    {OPTION_DURATION, '\0', "timeout", AT(timeout_ns), "TIME", "30s", 1,
     "for the first answer"},
    {.kind = OPTION_END},
};

static const struct option_spec dns_options[] = {
    {OPTION_FLAG, '\0', "ignore-ttl", AT(ignores_ttl), NULL, NULL, 0,
     "do not ask again when the answer's TTL ends"},
    {OPTION_DURATION, '\0', "min-interval", AT(min_interval_ns), "TIME", "30s", 0,
     "between one resolution and the next, however short the TTL is"},
    {OPTION_DURATION, '\0', "max-interval", AT(max_interval_ns), "TIME", NULL, 1,
     "ask again after this at the latest, however long the TTL is"},
    {OPTION_FLAG, '\0', "no-txt", AT(ignores_txt), NULL, NULL, 0,
     "do not ask for a service config"},
    {OPTION_FLAG, '\0', "no-srv", AT(ignores_srv), NULL, NULL, 0,
     "_service._proto.NAME is a host like any other"},
    {.kind = OPTION_END},
};

static const struct option_group groups[] = {
    {"Resolve", resolve_options, 0},        {"DNS", dns_options, 0},
    {"Proxy", proxy_options, AT(proxy)},    {"Plug-ins", plugin_options, AT(plugins)},
    {"Output", output_options, AT(output)}, {NULL, NULL, 0},
};

static const struct option_example examples[] = {
    {"grebe resolve dns:///api.example.com:443", "endpoints, service config, TTL"},
    {"grebe resolve dns:///_grpc._tcp.example.com", "a service: ports and weights"},
    {"grebe resolve dns://127.0.0.1:5353/my.service:80 --watch",
     "every change, asking that DNS server"},
    {"grebe resolve file:/etc/backends.json",
     "what is in a file, or what is wrong with it"},
    {"grebe resolve ipv4:10.0.0.1:80,10.0.0.2:80 -o json", "for a program"},
    {NULL, NULL},
};

struct resolving {
    struct host host;
    const struct resolve_args *args;
    struct grebe_resolver_watch *watch; /* NULL while it is made */
    uv_timer_t timeout;
    uint64_t began_ns;
    bool has_answer;          /* of either kind */
    bool has_failed;          /* the last answer was an error, or no endpoints */
    bool has_state;           /* there was an update before, */
    struct resolve_list last; /* with these endpoints, */
    char *last_config;        /* and this service config; NULL: none */
};

/* ---- Changes ----------------------------------------------------------------------- */

/* An update beside the one before. */
struct change {
    struct resolve_list now;
    size_t n_added, n_removed;
    bool is_first, has_new_config;
};

static bool is_same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool compare(const struct resolving *r, const struct grebe_resolver_state *state,
                    struct change *change)
{
    bool is_done = resolve_list_init(&change->now, state);

    change->is_first = !r->has_state;
    change->n_added = resolve_list_n_missing(&change->now, &r->last);
    change->n_removed = resolve_list_n_missing(&r->last, &change->now);
    change->has_new_config = !is_same_text(state->service_config, r->last_config);
    return is_done;
}

static void remember(struct resolving *r, const struct grebe_resolver_state *state,
                     struct change *change)
{
    resolve_list_free(&r->last);
    r->last = change->now;
    free(r->last_config);
    r->last_config = state->service_config == NULL ? NULL : strdup(state->service_config);
    r->has_state = true;
}

/* From now to a moment on the loop's clock; 0 if there is none or it is over. */
static uint64_t until_ns(uint64_t moment_ns)
{
    uint64_t now_ns = grebe_now_ns();

    return moment_ns > now_ns ? moment_ns - now_ns : 0;
}

static uint64_t age_ns(const struct resolving *r)
{
    return grebe_now_ns() - r->began_ns;
}

/* ---- Table ------------------------------------------------------------------------- */

static void print_time(FILE *out)
{
    time_t now = time(NULL);
    struct tm parts;
    char text[16];

    strftime(text, sizeof text, "%H:%M:%S", localtime_r(&now, &parts));
    fprintf(out, "%s  ", text);
}

/* NULL if it was found nowhere: a name that does not exist has no records. */
static const char *source_of(const struct grebe_resolver_state *state)
{
    return state->source == NULL || state->source[0] == '\0' ? NULL : state->source;
}

static void print_head(const struct resolving *r,
                       const struct grebe_resolver_state *state, const char *scheme,
                       const struct change *change)
{
    struct term term = term_of(stdout, r->args->output.is_colourless);
    char buf[UNITS_TEXT];

    if (r->args->watches)
        print_time(stdout);
    if (change->is_first)
        printf("%s%s%s  ", term_style(&term, TERM_BOLD), r->args->operands.items[0],
               term_style(&term, TERM_PLAIN));
    printf("%zu endpoint%s", state->n_endpoints, state->n_endpoints == 1 ? "" : "s");
    if (change->is_first) {
        printf(", resolver %s", scheme);
        if (source_of(state) != NULL)
            printf(" (%s)", source_of(state));
        printf(", %s\n", units_format_duration(age_ns(r), buf));
        return;
    }
    if (change->n_added + change->n_removed > 0)
        printf(", %zu new, %zu gone", change->n_added, change->n_removed);
    else
        printf(", unchanged");
    if (source_of(state) != NULL)
        printf(" (%s)", source_of(state));
    putchar('\n');
}

/* All of the first update; of later ones what is new and what is gone. */
static void print_endpoints(const struct resolving *r,
                            const struct grebe_resolver_state *state,
                            const struct change *change)
{
    struct term term = term_of(stdout, r->args->output.is_colourless);
    char line[RESOLVE_LINE];

    for (size_t i = 0; i < state->n_endpoints; i++) {
        resolve_line(state->endpoints[i], line);
        if (change->is_first)
            printf("  %3zu  %s\n", i + 1, line);
        else if (!resolve_list_has(&r->last, line))
            printf("  %s  +  %s%s\n", term_style(&term, TERM_GREEN), line,
                   term_style(&term, TERM_PLAIN));
    }
    for (size_t i = 0; i < r->last.n; i++)
        if (!resolve_list_has(&change->now, r->last.lines[i]))
            printf("  %s  -  %s%s\n", term_style(&term, TERM_RED), r->last.lines[i],
                   term_style(&term, TERM_PLAIN));
}

static void print_balancers(const struct grebe_resolver_state *state)
{
    const struct grebe_endpoint *balancers =
        grebe_attributes_get(state->attributes, &GREBE_ATTRIBUTE_BALANCERS);
    char buf[RESOLVE_LINE];

    if (balancers != NULL)
        printf("  balancers       %s\n", resolve_addresses(balancers, buf));
}

static void print_config(const struct resolving *r,
                         const struct grebe_resolver_state *state,
                         const struct change *change)
{
    struct term term = term_of(stdout, r->args->output.is_colourless);

    if (state->service_config != NULL && (change->is_first || change->has_new_config))
        printf("  service config  %s\n", state->service_config);
    if (state->service_config == NULL && !change->is_first && change->has_new_config)
        printf("  service config  none any more\n");
    if (state->service_config_error != NULL)
        printf("  service config  %serror: %s%s\n", term_style(&term, TERM_RED),
               state->service_config_error, term_style(&term, TERM_PLAIN));
}

static void print_times(const struct grebe_resolver_state *state)
{
    uint64_t wait_ns = until_ns(state->next_refresh_ns);
    char buf[UNITS_TEXT];

    if (state->ttl_ns > 0)
        printf("  TTL             %s\n",
               units_format_duration(state->ttl_ns == 1 ? 0 : state->ttl_ns, buf));
    if (wait_ns > 0)
        printf("  next refresh    in %s\n", units_format_duration(wait_ns, buf));
}

static void print_state(const struct resolving *r,
                        const struct grebe_resolver_state *state, const char *scheme,
                        const struct change *change)
{
    print_head(r, state, scheme, change);
    print_endpoints(r, state, change);
    print_balancers(state);
    print_config(r, state, change);
    print_times(state);
}

static void print_error(const struct resolving *r, const struct grebe_status *error)
{
    uint64_t wait_ns = until_ns(grebe_resolver_watch_next_ns(r->watch));
    char name[24], buf[UNITS_TEXT];

    if (r->args->watches)
        print_time(stderr);
    else
        fprintf(stderr, "grebe resolve: %s: ", r->args->operands.items[0]);
    fprintf(stderr, "%s: ", grebe_status_code_name(error->code, name));
    term_print_escaped(stderr, error->message, error->message_length);
    if (r->args->watches && wait_ns > 0)
        fprintf(stderr, "; next attempt in %s", units_format_duration(wait_ns, buf));
    fputc('\n', stderr);
}

/* ---- JSON -------------------------------------------------------------------------- */

static const char *network_of(const struct grebe_address *address)
{
    const char *network =
        grebe_attributes_get(grebe_address_attributes(address), &GREBE_ATTRIBUTE_NETWORK);

    return network == NULL ? "tcp" : network;
}

static json_t *addresses_json(const struct grebe_endpoint *endpoint)
{
    json_t *addresses = json_array();

    for (size_t i = 0; i < grebe_endpoint_n_addresses(endpoint); i++) {
        const struct grebe_address *address = grebe_endpoint_address(endpoint, i);

        json_array_append_new(
            addresses, json_pack("{s:o, s:s, s:o?}", "address",
                                 output_string(grebe_address_text(address)), "network",
                                 network_of(address), "server_name",
                                 output_string(grebe_address_server_name(address))));
    }
    return addresses;
}

static json_t *endpoint_json(const struct grebe_endpoint *endpoint)
{
    return json_pack("{s:o, s:o}", "addresses", addresses_json(endpoint), "attributes",
                     endpoint_facts_json(endpoint));
}

/* An object of its own if it is JSON, else the text. */
static json_t *service_config_json(const char *text)
{
    json_t *value;

    if (text == NULL)
        return json_null();
    value = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    return value == NULL ? output_string(text) : value;
}

static json_t *seconds_json(uint64_t ns)
{
    return ns == 0 ? json_null() : json_real(units_s(ns == 1 ? 0 : ns));
}

static json_t *balancers_json(const struct grebe_resolver_state *state)
{
    const struct grebe_endpoint *balancers =
        grebe_attributes_get(state->attributes, &GREBE_ATTRIBUTE_BALANCERS);

    return balancers == NULL ? json_array() : addresses_json(balancers);
}

static json_t *state_json(const struct resolving *r,
                          const struct grebe_resolver_state *state, const char *scheme,
                          const struct change *change)
{
    json_t *endpoints = json_array();

    for (size_t i = 0; i < state->n_endpoints; i++)
        json_array_append_new(endpoints, endpoint_json(state->endpoints[i]));
    return json_pack(
        "{s:i, s:f, s:o, s:s, s:o?, s:o, s:o?, s:o, s:o, s:o?, s:o, s:o, s:I, s:I, s:n}",
        "version", 1, "t_s", units_s(age_ns(r)), "target",
        output_string(r->args->operands.items[0]), "scheme", scheme, "source",
        output_string(source_of(state)), "endpoints", endpoints, "reason",
        output_string(grebe_attributes_get(state->attributes, &GREBE_ATTRIBUTE_REASON)),
        "balancers", balancers_json(state), "service_config",
        service_config_json(state->service_config), "service_config_error",
        output_string(state->service_config_error), "ttl_s", seconds_json(state->ttl_ns),
        "next_refresh_s", seconds_json(until_ns(state->next_refresh_ns)), "added",
        (json_int_t)change->n_added, "removed", (json_int_t)change->n_removed, "error");
}

/* The same members as above: who reads them need not look which kind it is. */
static json_t *error_json(const struct resolving *r, const struct grebe_status *error,
                          const char *scheme)
{
    uint64_t wait_ns = until_ns(grebe_resolver_watch_next_ns(r->watch));
    char name[24];

    return json_pack(
        "{s:i, s:f, s:o, s:s, s:n, s:[], s:n, s:[], s:n, s:n, s:n, s:o, s:i, "
        "s:i, s:{s:s, s:o}}",
        "version", 1, "t_s", units_s(age_ns(r)), "target",
        output_string(r->args->operands.items[0]), "scheme", scheme, "source",
        "endpoints", "reason", "balancers", "service_config", "service_config_error",
        "ttl_s", "next_refresh_s", seconds_json(wait_ns), "added", 0, "removed", 0,
        "error", "code", grebe_status_code_name(error->code, name), "message",
        output_text(error->message, error->message_length));
}

/* ---- Run --------------------------------------------------------------------------- */

static void on_state(struct resolving *r, const struct grebe_resolver_state *state,
                     const char *scheme)
{
    struct change change;

    if (!compare(r, state, &change)) {
        fprintf(stderr, "grebe resolve: out of memory\n");
        resolve_list_free(&change.now);
        r->has_failed = true;
        return;
    }
    if (output_is(&r->args->output, "json"))
        output_json(state_json(r, state, scheme, &change));
    else
        print_state(r, state, scheme, &change);
    remember(r, state, &change);
}

static void on_result(void *arg, const struct grebe_resolver_state *state,
                      const struct grebe_status *error, const char *scheme)
{
    struct resolving *r = arg;

    if (r->has_answer && !r->args->watches)
        return; /* one answer was asked for; the loop stops at the end of its turn */
    r->has_answer = true;
    r->has_failed = error != NULL || state->n_endpoints == 0;
    if (error == NULL)
        on_state(r, state, scheme);
    else if (output_is(&r->args->output, "json"))
        output_json(error_json(r, error, scheme));
    if (error != NULL)
        print_error(r, error);
    uv_timer_stop(&r->timeout);
    if (!output_flush() || !r->args->watches)
        uv_stop(&r->host.uv);
}

static void on_timeout(uv_timer_t *timer)
{
    struct resolving *r = timer->data;
    char buf[UNITS_TEXT];

    fprintf(stderr, "grebe resolve: %s: no answer in %s\n", r->args->operands.items[0],
            units_format_duration(r->args->timeout_ns, buf));
    r->has_failed = true;
    uv_stop(&r->host.uv);
}

static void on_interrupt(struct host *host)
{
    uv_stop(&host->uv);
}

/* The resolver's own warnings, of answers that make no sense. */
static void on_log(void *arg, enum grebe_log_level level, const char *message)
{
    (void)arg;
    if (level >= GREBE_LOG_WARNING)
        fprintf(stderr, "grebe resolve: %s\n", message);
}

static int resolve(struct resolving *r)
{
    struct grebe_channel_options options;
    struct grebe_diag diag;
    int result;

    grebe_channel_options_init(&options);
    options.ignores_dns_ttl = r->args->ignores_ttl;
    options.ignores_dns_txt = r->args->ignores_txt;
    options.ignores_dns_srv = r->args->ignores_srv;
    options.dns_min_interval_ns = r->args->min_interval_ns;
    if (r->args->max_interval_ns > 0)
        options.dns_max_interval_ns = r->args->max_interval_ns;
    /* What the DNS says is asked for by default, not what a proxy would be told. */
    proxy_apply(&r->args->proxy, false, &options);
    options.on_log = on_log;
    r->began_ns = grebe_now_ns();
    result = grebe_resolver_watch_new(r->host.loop, r->args->operands.items[0], &options,
                                      &diag, on_result, r, &r->watch);
    if (result != GREBE_OK)
        return channel_refused("resolve", result, &diag);
    if (!r->has_answer) /* a resolver may answer while it is built */
        uv_timer_start(&r->timeout, on_timeout, r->args->timeout_ns / NS_PER_MS, 0);
    if (!r->has_answer || r->args->watches)
        uv_run(&r->host.uv, UV_RUN_DEFAULT);
    grebe_resolver_watch_destroy(r->watch);
    return r->has_failed || !r->has_answer ? EXIT_FAILED : EXIT_FINE;
}

static int run(void *arg)
{
    struct resolving r = {.args = arg};
    int code = plugins_load("resolve", &r.args->plugins);
    const char *obstacle;

    if (code == EXIT_FINE)
        code = channel_check_target("resolve", r.args->operands.items[0]);
    if (code != EXIT_FINE)
        return code;
    obstacle = host_init(&r.host, on_interrupt);
    if (obstacle != NULL)
        return options_fail("resolve", "%s", obstacle);
    uv_timer_init(&r.host.uv, &r.timeout);
    r.timeout.data = &r;
    code = resolve(&r);
    uv_close((uv_handle_t *)&r.timeout, NULL);
    host_fini(&r.host);
    resolve_list_free(&r.last);
    free(r.last_config);
    return code;
}

const struct verb resolve_verb = {
    .name = "resolve",
    .operands = "TARGET",
    .summary = "print what a target resolves to",
    .text =
        "Asks the target's resolver and prints endpoints, attributes, service config, the "
        "records they came from, TTL and when it will be asked again. Exits with 1 if "
        "there are no endpoints. With --watch it goes on: of later updates it prints what "
        "is new and what is gone, of errors when the next attempt is; with -o json each "
        "is an object on a line of its own.",
    .groups = groups,
    .examples = examples,
    .args_size = sizeof(struct resolve_args),
    .run = run,
};
