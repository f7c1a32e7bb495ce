/* SPDX-License-Identifier: Apache-2.0 */
/* resolve.c -- grebe resolve: what a resolver gives, and when it will ask again. */
#include <stdlib.h>
#include <string.h>

#include <grebe/grebe.h>
#include <grebe/resolve.h>

#include "channel_args.h"
#include "host.h"
#include "output.h"
#include "plugins.h"
#include "term.h"
#include "units.h"
#include "verbs.h"

struct resolve_args {
    struct operands operands;
    struct output_args output;
    bool watches;
    bool ignores_ttl;
    uint64_t timeout_ns;
    struct plugin_args plugins;
};

#define AT(member) offsetof(struct resolve_args, member)

static const struct option_spec resolve_options[] = {
    {OPTION_FLAG, 'w', "watch", AT(watches), NULL, NULL, 0,
     "go on, and print every change, until SIGINT"},
    {OPTION_DURATION, '\0', "timeout", AT(timeout_ns), "TIME", "30s", 1,
     "for the first answer"},
    {OPTION_FLAG, '\0', "ignore-ttl", AT(ignores_ttl), NULL, NULL, 0,
     "do not ask again when the answer's TTL ends"},
    {.kind = OPTION_END},
};

static const struct option_group groups[] = {
    {"Resolve", resolve_options, 0},
    {"Plug-ins", plugin_options, AT(plugins)},
    {"Output", output_options, AT(output)},
    {NULL, NULL, 0},
};

static const struct option_example examples[] = {
    {"grebe resolve dns:///api.example.com:443", "endpoints, service config, TTL"},
    {"grebe resolve dns://127.0.0.1:5353/my.service:80 --watch",
     "every change, asking that DNS server"},
    {"grebe resolve ipv4:10.0.0.1:80,10.0.0.2:80 -o json", "for a program"},
    {NULL, NULL},
};

struct resolving {
    struct host host;
    const struct resolve_args *args;
    struct grebe_resolver_watch *watch;
    uv_timer_t timeout;
    uint64_t began_ns;
    bool has_answer; /* of either kind */
    bool has_failed; /* the last answer was an error, or no endpoints */
};

/* ---- Attributes -------------------------------------------------------------------- */

/* What an endpoint says beside its addresses, as far as there is a name for it. */
static uint32_t weight_of(const struct grebe_endpoint *endpoint)
{
    void *weight = grebe_attributes_get(grebe_endpoint_attributes(endpoint),
                                        &GREBE_ATTRIBUTE_WEIGHT);

    return weight == NULL ? 1 : (uint32_t)(uintptr_t)weight;
}

static const char *network_of(const struct grebe_address *address)
{
    const char *network =
        grebe_attributes_get(grebe_address_attributes(address), &GREBE_ATTRIBUTE_NETWORK);

    return network == NULL ? "tcp" : network;
}

/* Until the next refresh; 0 if there is none or it is due. */
static uint64_t refresh_ns(const struct grebe_resolver_state *state)
{
    uint64_t now_ns = grebe_now_ns();

    return state->next_refresh_ns > now_ns ? state->next_refresh_ns - now_ns : 0;
}

/* ---- Table ------------------------------------------------------------------------- */

static void print_endpoint(const struct grebe_endpoint *endpoint, size_t i)
{
    size_t n = grebe_endpoint_n_addresses(endpoint);

    for (size_t k = 0; k < n; k++) {
        const struct grebe_address *address = grebe_endpoint_address(endpoint, k);
        const char *server_name = grebe_address_server_name(address);

        if (k == 0)
            printf("  %3zu  ", i + 1);
        else
            printf("       ");
        printf("%-24s %s", grebe_address_text(address), network_of(address));
        if (k == 0 && weight_of(endpoint) != 1)
            printf("  weight %u", weight_of(endpoint));
        if (server_name != NULL)
            printf("  server name %s", server_name);
        putchar('\n');
    }
    if (n == 0)
        printf("  %3zu  (no addresses)\n", i + 1);
}

static void print_state(const struct resolving *r,
                        const struct grebe_resolver_state *state, const char *scheme)
{
    struct term term = term_of(stdout, r->args->output.is_colourless);
    char buf[UNITS_TEXT];

    printf("%s%s%s  %zu endpoint%s, resolver %s, %s\n", term_style(&term, TERM_BOLD),
           r->args->operands.items[0], term_style(&term, TERM_PLAIN), state->n_endpoints,
           state->n_endpoints == 1 ? "" : "s", scheme,
           units_format_duration(grebe_now_ns() - r->began_ns, buf));
    for (size_t i = 0; i < state->n_endpoints; i++)
        print_endpoint(state->endpoints[i], i);
    if (state->service_config != NULL)
        printf("  service config  %s\n", state->service_config);
    if (state->service_config_error != NULL)
        printf("  service config  %serror: %s%s\n", term_style(&term, TERM_RED),
               state->service_config_error, term_style(&term, TERM_PLAIN));
    if (state->ttl_ns > 0)
        printf("  TTL             %s\n", units_format_duration(state->ttl_ns, buf));
    if (refresh_ns(state) > 0)
        printf("  next refresh    in %s\n",
               units_format_duration(refresh_ns(state), buf));
    fflush(stdout);
}

static void print_error(const struct resolving *r, const struct grebe_status *error)
{
    char name[24];

    fprintf(stderr, "grebe resolve: %s: %s: ", r->args->operands.items[0],
            grebe_status_code_name(error->code, name));
    term_print_escaped(stderr, error->message, error->message_length);
    fputc('\n', stderr);
}

/* ---- JSON -------------------------------------------------------------------------- */

static json_t *address_json(const struct grebe_address *address)
{
    return json_pack("{s:s, s:s, s:s?}", "address", grebe_address_text(address),
                     "network", network_of(address), "server_name",
                     grebe_address_server_name(address));
}

static json_t *endpoint_json(const struct grebe_endpoint *endpoint)
{
    json_t *addresses = json_array();

    for (size_t i = 0; i < grebe_endpoint_n_addresses(endpoint); i++)
        json_array_append_new(addresses,
                              address_json(grebe_endpoint_address(endpoint, i)));
    return json_pack("{s:o, s:{s:i}}", "addresses", addresses, "attributes", "weight",
                     (int)weight_of(endpoint));
}

/* An object of its own if it is JSON, else the text. */
static json_t *service_config_json(const char *text)
{
    json_t *value;

    if (text == NULL)
        return json_null();
    value = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    return value == NULL ? json_string(text) : value;
}

static json_t *seconds_json(uint64_t ns)
{
    return ns == 0 ? json_null() : json_real(units_s(ns));
}

static json_t *state_json(const struct resolving *r,
                          const struct grebe_resolver_state *state, const char *scheme)
{
    json_t *endpoints = json_array();

    for (size_t i = 0; i < state->n_endpoints; i++)
        json_array_append_new(endpoints, endpoint_json(state->endpoints[i]));
    return json_pack("{s:i, s:s, s:s, s:o, s:o, s:s?, s:o, s:o, s:n}", "version", 1,
                     "target", r->args->operands.items[0], "scheme", scheme, "endpoints",
                     endpoints, "service_config",
                     service_config_json(state->service_config), "service_config_error",
                     state->service_config_error, "ttl_s", seconds_json(state->ttl_ns),
                     "next_refresh_s", seconds_json(refresh_ns(state)), "error");
}

static json_t *error_json(const struct resolving *r, const struct grebe_status *error,
                          const char *scheme)
{
    char name[24];

    return json_pack("{s:i, s:s, s:s, s:[], s:{s:s, s:o}}", "version", 1, "target",
                     r->args->operands.items[0], "scheme", scheme, "endpoints", "error",
                     "code", grebe_status_code_name(error->code, name), "message",
                     json_stringn(error->message, error->message_length));
}

/* ---- Run --------------------------------------------------------------------------- */

static void on_result(void *arg, const struct grebe_resolver_state *state,
                      const struct grebe_status *error, const char *scheme)
{
    struct resolving *r = arg;
    bool is_json = output_is(&r->args->output, "json");

    if (r->has_answer && !r->args->watches)
        return; /* one answer was asked for; the loop stops at the end of its turn */
    r->has_answer = true;
    r->has_failed = error != NULL || state->n_endpoints == 0;
    if (is_json)
        output_json(error == NULL ? state_json(r, state, scheme)
                                  : error_json(r, error, scheme));
    else if (error == NULL)
        print_state(r, state, scheme);
    if (error != NULL)
        print_error(r, error);
    uv_timer_stop(&r->timeout);
    if (!r->args->watches)
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

static int resolve(struct resolving *r)
{
    struct grebe_channel_options options;
    struct grebe_diag diag;
    int result;

    grebe_channel_options_init(&options);
    options.ignores_dns_ttl = r->args->ignores_ttl;
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
    return code;
}

const struct verb resolve_verb = {
    .name = "resolve",
    .operands = "TARGET",
    .summary = "print what a target resolves to",
    .text =
        "Asks the target's resolver and prints endpoints, attributes, service config, "
        "TTL and when it will be asked again. Exits with 1 if there are no endpoints. "
        "With --watch and -o json there is one object a line for each change.",
    .groups = groups,
    .examples = examples,
    .args_size = sizeof(struct resolve_args),
    .run = run,
};
