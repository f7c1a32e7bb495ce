/* SPDX-License-Identifier: Apache-2.0 */
/* demo.c -- grebe demo: the main job in one look.
 *
 * Five backends on loopback: one is slow, one is killed in the middle and comes back.
 * Each policy in turn gets the same load, open loop, and the same accident.  Everything
 * is real: sockets, HTTP/2, resets.
 */
#include "demo.h"

#include <stdlib.h>
#include <string.h>

#include "demo_backends.h"
#include "units.h"
#include "verbs.h"

struct demo_args {
    struct operands operands;
    struct output_args output;
    uint64_t seconds;
    struct text_list policies;
    double rate;
};

#define AT(member) offsetof(struct demo_args, member)

static const struct option_spec demo_options[] = {
    {OPTION_COUNT, '\0', "seconds", AT(seconds), "N", "20", 2,
     "in all, shared by the policies"},
    {OPTION_LIST, '\0', "policy", AT(policies), "NAME", NULL, 0,
     "show this one; up to 8 of them; else some that need no configuration"},
    {OPTION_NUMBER, 'r', "rate", AT(rate), "N", "500", 0, "calls a second"},
    {.kind = OPTION_END},
};

static const struct option_group groups[] = {
    {"Demo", demo_options, 0},
    {"Output", output_options, AT(output)},
    {NULL, NULL, 0},
};

static const struct option_example examples[] = {
    {"grebe demo", "twenty seconds, six policies"},
    {"grebe demo --seconds 10 --policy round_robin", "one of them"},
    {"grebe demo -o json", "the figures"},
    {NULL, NULL},
};

/* The registry has no list; these do something sensible without configuration. */
static const char *const candidates[] = {
    "pick_first", "round_robin", "weighted_round_robin", "least_request_experimental",
    "p2c_ewma",   "load_aware",
};

/* ---- Observing --------------------------------------------------------------------- */

static int backend_of(const struct demo *demo, const char *peer)
{
    for (int i = 0; i < DEMO_BACKENDS; i++)
        if (strcmp(demo->backends[i].address, peer) == 0)
            return i;
    return -1;
}

/* The connection was reset under it: sent before the kill or before the reset came. */
static bool was_taken_down(const struct demo *demo, int backend,
                           const struct grebe_call *call)
{
    uint64_t killed_ns = demo_backends_killed_ns(demo->servers);
    struct grebe_call_times times = grebe_call_times(call);

    return backend == DEMO_KILLED_INDEX && killed_ns != 0 && times.done_ns >= killed_ns &&
           times.picked_ns <= killed_ns + 100 * NS_PER_MS;
}

static void on_call(void *arg, uint64_t now_ns, const struct grebe_call *call)
{
    struct demo *demo = arg;
    struct demo_run *run = demo->current;
    int backend = backend_of(demo, grebe_call_peer(call));

    if (grebe_call_status(call)->code != GREBE_STATUS_OK) {
        if (was_taken_down(demo, backend, call))
            run->n_lost++;
        else
            run->n_errors++;
    } else if (backend >= 0) {
        uint64_t slice = (now_ns - demo->current_began_ns) * DEMO_SLICES / demo->run_ns;

        if (slice < DEMO_SLICES)
            run->slices[backend][slice]++;
    }
}

/* ---- Course ------------------------------------------------------------------------ */

static void collect(struct demo *demo, struct demo_run *run, const struct tally *tally)
{
    tally_sum(tally, &run->sum);
    for (size_t i = 0; i < tally->n_backends; i++) {
        int backend = backend_of(demo, tally->backends[i]->address);

        if (backend >= 0)
            run->shares[backend] = *tally->backends[i];
    }
}

static int run_bench(struct demo *demo, struct demo_run *run, struct bench *bench,
                     const char *label)
{
    int code;

    bench->label = label;
    bench->on_call = on_call;
    bench->on_call_arg = demo;
    bench->options = (struct grebe_call_options)GREBE_CALL_OPTIONS_INIT;
    strcpy(bench->method, "/grebe.demo.Echo/Echo");
    demo->current = run;
    demo->current_began_ns = grebe_now_ns();
    demo_backends_schedule(demo->servers, DEMO_KILLED_INDEX, demo->kill_ns / NS_PER_MS,
                           demo->revive_ns / NS_PER_MS);
    code = bench_run_load(bench);
    if (code == EXIT_FINE)
        collect(demo, run, &bench->tally);
    return code;
}

/* Shows one policy; *is_interrupted if that is enough. */
static int run_policy(struct demo *demo, struct demo_run *run, bool *is_interrupted)
{
    struct bench_args args = {
        .operands = {.items = {demo->target}, .n = 1},
        .channel = {.is_plaintext = true, .policy = run->policy},
        .rate = demo->rate,
        .duration_ns = demo->run_ns,
    };
    struct bench *bench = bench_new(&args);
    char label[96];
    int code;

    if (bench == NULL)
        return options_fail("demo", "out of memory");
    snprintf(label, sizeof label, "%s, policy %zu of %zu: ", run->policy,
             (size_t)(run - demo->runs) + 1, demo->n_runs);
    code = run_bench(demo, run, bench, label);
    *is_interrupted = bench->is_interrupted;
    bench_destroy(bench);
    return code;
}

static int run_policies(struct demo *demo)
{
    struct term term = term_of(stdout, demo->args->output.is_colourless);
    bool is_table = output_is(&demo->args->output, "table"), is_interrupted = false;
    size_t n_shown = 0;
    int code = EXIT_FINE;

    if (is_table)
        demo_print_title(demo, &term);
    while (n_shown < demo->n_runs && !is_interrupted) {
        struct demo_run *run = &demo->runs[n_shown++];

        fflush(stdout);
        code = run_policy(demo, run, &is_interrupted);
        if (code != EXIT_FINE)
            return code;
        if (is_table)
            demo_print_run(demo, run, &term);
    }
    demo->n_runs = n_shown;
    if (is_table)
        demo_print_verdict(demo, &term);
    else
        code = output_json(demo_json(demo));
    for (size_t i = 0; i < n_shown; i++)
        if (demo->runs[i].n_errors > 0)
            code = EXIT_FAILED;
    return code;
}

/* ---- Set-up ------------------------------------------------------------------------ */

/* There is room for it. */
static bool add_policy(struct demo *demo, const char *name)
{
    if (grebe_balancer_get(name) == NULL)
        return false;
    demo->runs[demo->n_runs++].policy = name;
    return true;
}

static int choose_policies(struct demo *demo)
{
    const struct text_list *wanted = &demo->args->policies;

    if (wanted->n > DEMO_POLICIES)
        return options_complain("demo", "--policy: at most %d of them", DEMO_POLICIES);
    for (size_t i = 0; i < wanted->n; i++)
        if (!add_policy(demo, wanted->items[i]))
            return options_complain("demo", "--policy: there is no '%s'",
                                    wanted->items[i]);
    for (size_t i = 0; wanted->n == 0 && i < sizeof candidates / sizeof candidates[0];
         i++)
        add_policy(demo, candidates[i]);
    return EXIT_FINE;
}

static void set_times(struct demo *demo)
{
    demo->run_ns = demo->args->seconds * NS_PER_S / demo->n_runs;
    demo->kill_ns = demo->run_ns * 2 / 5;
    demo->revive_ns = demo->run_ns * 3 / 5;
}

static int start_backends(struct demo *demo)
{
    static const char *const names[DEMO_BACKENDS] = {"b1", "b2", "b3", "b4", "b5"};
    struct server_settings settings[DEMO_BACKENDS] = {{0}};
    size_t length = (size_t)snprintf(demo->target, sizeof demo->target, "ipv4:");
    char error[256];

    for (int i = 0; i < DEMO_BACKENDS; i++) {
        settings[i].name = names[i];
        settings[i].delay_ns =
            i == DEMO_SLOW_INDEX ? demo->slow_delay_ns : demo->delay_ns;
        settings[i].jitter_ns = settings[i].delay_ns / 3;
        settings[i].capacity = 32;
        settings[i].has_orca = true;
        settings[i].report_interval_ns = NS_PER_S;
        settings[i].seed = (uint64_t)i + 1;
    }
    if (!demo_backends_start(settings, DEMO_BACKENDS, &demo->servers, error,
                             sizeof error))
        return options_fail("demo", "%s", error);
    for (int i = 0; i < DEMO_BACKENDS; i++) {
        struct demo_backend *backend = &demo->backends[i];

        backend->name = names[i];
        backend->role = i == DEMO_SLOW_INDEX     ? DEMO_SLOW
                        : i == DEMO_KILLED_INDEX ? DEMO_KILLED
                                                 : DEMO_STEADY;
        snprintf(backend->address, sizeof backend->address, "%s",
                 demo_backends_address(demo->servers, (size_t)i));
        length += (size_t)snprintf(demo->target + length, sizeof demo->target - length,
                                   "%s%s", i == 0 ? "" : ",", backend->address);
    }
    return EXIT_FINE;
}

static int run(void *arg)
{
    struct demo demo = {
        .args = arg,
        .delay_ns = 3 * NS_PER_MS,
        .slow_delay_ns = 30 * NS_PER_MS,
    };
    int code;

    demo.rate = demo.args->rate;
    if (demo.rate < 10 || demo.rate > 10000)
        return options_complain("demo", "-r: from 10 to 10000");
    demo.runs = calloc(DEMO_POLICIES, sizeof *demo.runs);
    if (demo.runs == NULL)
        return options_fail("demo", "out of memory");
    code = choose_policies(&demo);
    if (code == EXIT_FINE)
        code = start_backends(&demo);
    if (code == EXIT_FINE) {
        set_times(&demo);
        code = run_policies(&demo);
        demo_backends_stop(demo.servers);
    }
    free(demo.runs);
    return code;
}

const struct verb demo_verb = {
    .name = "demo",
    .operands = "",
    .summary = "see policies at work on five backends of its own",
    .text =
        "Starts five backends on loopback, one of them slow, and balances real RPCs "
        "over them with one policy after another; each time one backend is killed and "
        "comes back. Needs nothing from outside. Exits with 1 if a caller saw an error "
        "while another backend was up; calls that were on the killed backend are "
        "counted apart.",
    .groups = groups,
    .examples = examples,
    .args_size = sizeof(struct demo_args),
    .run = run,
};
