/* SPDX-License-Identifier: Apache-2.0 */
/* backend.c -- grebe backend: something real to balance over. */
#include "backend.h"

#include <grebe/status.h>

#include "units.h"
#include "verbs.h"

#define AT(member) offsetof(struct backend_args, member)

static const struct option_spec listener_options[] = {
    {OPTION_LIST, '\0', "listen", AT(listen), "ADDR", NULL, 0,
     "127.0.0.1:50051, [::1]:0 or unix:/path; port 0 picks a free one; may be repeated"},
    {OPTION_COUNT, '\0', "count", AT(count), "N", "1", 1,
     "N backends for each --listen, on consecutive ports"},
    {OPTION_TEXT, '\0', "name", AT(name), "TEXT", NULL, 0,
     "answer with the header grebe-backend: TEXT, or TEXT-1, TEXT-2... if there are "
     "several"},
    {OPTION_TEXT, '\0', "tls-cert", AT(cert), "FILE", NULL, 0,
     "PEM certificate chain; without it connections are plaintext"},
    {OPTION_TEXT, '\0', "tls-key", AT(key), "FILE", NULL, 0, "its PEM key"},
    {OPTION_TEXT, '\0', "tls-client-ca", AT(client_ca), "FILE", NULL, 0,
     "demand client certificates that this CA has signed"},
    {OPTION_TEXT, '\0', "tcp-congestion", AT(congestion), "NAME", NULL, 0,
     "TCP_CONGESTION of the sockets, as in cubic"},
    {.kind = OPTION_END},
};

static const struct option_spec behaviour_options[] = {
    {OPTION_DURATION, '\0', "delay", AT(delay_ns), "TIME", NULL, 0,
     "how long a call is served, as in 5ms"},
    {OPTION_DURATION, '\0', "jitter", AT(jitter_ns), "TIME", NULL, 0,
     "plus or minus this much, evenly spread"},
    {OPTION_NUMBER, '\0', "fail-rate", AT(fail_rate), "SHARE", NULL, 0,
     "share of calls that fail, 0 to 1"},
    {OPTION_TEXT, '\0', "fail-code", AT(fail_code), "CODE", "UNAVAILABLE", 0,
     "how they fail"},
    {OPTION_COUNT, '\0', "seed", AT(seed), "N", "1", 0, "of jitter and failures"},
    {OPTION_COUNT, '\0', "capacity", AT(capacity), "N", NULL, 0,
     "calls that are served at once, others queue; 0: all"},
    {OPTION_COUNT, '\0', "max-streams", AT(max_streams), "N", NULL, 0,
     "MAX_CONCURRENT_STREAMS of a connection; 0: 100000"},
    {OPTION_DURATION, '\0', "max-age", AT(max_age_ns), "TIME", NULL, 0,
     "connections older than this, +- 10 %, are drained; 0: never"},
    {OPTION_DURATION, '\0', "drain-timeout", AT(drain_timeout_ns), "TIME", "30s", 0,
     "calls that run longer after SIGTERM are lost"},
    {.kind = OPTION_END},
};

static const struct option_spec report_options[] = {
    {OPTION_LIST, '\0', "health", AT(health), "SERVICE=STATUS", NULL, 0,
     "serve grpc.health.v1.Health; STATUS is SERVING, NOT_SERVING or UNKNOWN; SIGUSR1 "
     "makes all services NOT_SERVING, SIGUSR2 takes that back; may be repeated"},
    {OPTION_COUNT, '\0', "toggle", AT(toggled), "N", NULL, 1,
     "SIGUSR1 and SIGUSR2 are for the N-th backend alone"},
    {OPTION_TEXT, '\0', "orca", AT(orca), "[VALUES]", NULL, 0,
     "report load behind every call and through xds.service.orca.v3.OpenRcaService: what "
     "is measured, or VALUES like cpu=0.4,qps=100,named.queue=3; also mem, app, eps, "
     "util.NAME, cost.NAME"},
    {OPTION_DURATION, '\0', "orca-interval", AT(orca_interval_ns), "TIME", "30s",
     NS_PER_MS, "between two reports of a stream, unless its client wants fewer"},
    {.kind = OPTION_END},
};

static const struct option_group groups[] = {
    {"Listeners", listener_options, 0},
    {"Behaviour", behaviour_options, 0},
    {"Health and load", report_options, 0},
    {"Output", output_options, AT(output)},
    {NULL, NULL, 0},
};

static const struct option_example examples[] = {
    {"grebe backend --listen 127.0.0.1:50051", "one backend that echoes at once"},
    {"grebe backend --listen 127.0.0.1:7000 --count 5 --delay 5ms --jitter 2ms",
     "five of them on ports 7000 to 7004, 3 to 7 ms for each call"},
    {"grebe backend --listen 127.0.0.1:0 --capacity 8 --delay 10ms --orca",
     "one that is full at 800 calls a second and says how busy it is"},
    {"grebe backend --listen 127.0.0.1:0 --orca cpu=0.9,qps=100 --orca-interval 1s",
     "one that says it is nearly full, whatever it does"},
    {"grebe backend --health my.Service=SERVING & kill -USR1 $!",
     "one that says it is not well any more"},
    {NULL, NULL},
};

static int complain(const char *what)
{
    return options_complain("backend", "%s", what);
}

size_t backend_count(const struct backend_args *args)
{
    return (args->listen.n == 0 ? 1 : args->listen.n) * args->count;
}

static bool is_header_text(const char *text)
{
    while (*text >= ' ' && *text <= '~')
        text++;
    return *text == '\0';
}

static int check(const struct backend_args *args)
{
    if ((args->cert == NULL) != (args->key == NULL))
        return complain("--tls-cert and --tls-key go together");
    if (args->client_ca != NULL && args->cert == NULL)
        return complain("--tls-client-ca needs --tls-cert and --tls-key");
    if (args->fail_rate > 1)
        return complain("--fail-rate: more than 1 is more than all calls");
    if (grebe_status_code_parse(args->fail_code) <= 0)
        return options_complain("backend",
                                "--fail-code: '%s' is not a code like UNAVAILABLE",
                                args->fail_code);
    if (args->name != NULL && !is_header_text(args->name))
        return complain("--name: it goes into a header: printable ASCII");
    if (args->max_streams > INT32_MAX)
        return complain("--max-streams: HTTP/2 counts to 2147483647");
    if (args->toggled > backend_count(args))
        return complain("--toggle: there are not that many backends");
    if (args->toggled > 0 && args->health.n == 0)
        return complain("--toggle: nothing to toggle without --health");
    return EXIT_FINE;
}

static int run(void *arg)
{
    const struct backend_args *args = arg;
    int code = check(args);

    return code == EXIT_FINE ? backend_run(args) : code;
}

const struct verb backend_verb = {
    .name = "backend",
    .operands = "",
    .summary = "serve real gRPC for demos and tests",
    .text =
        "Serves until SIGTERM or SIGINT, then drains: GOAWAY, the calls that run are "
        "finished, exit 0; a second signal ends it at once. The first lines on stdout "
        "are 'listening ADDR', one for each listener. Any method echoes its request "
        "messages, streaming ones as they arrive.",
    .groups = groups,
    .examples = examples,
    .args_size = sizeof(struct backend_args),
    .run = run,
};
