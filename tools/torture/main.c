/* SPDX-License-Identifier: Apache-2.0 */
/* main.c -- grebe-torture: which seeds, and how. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "leaks.h"
#include "mischief.h"
#include "plan.h"
#include "policies.h"
#include "runner.h"
#include "trace.h"
#include "world.h"

struct options {
    struct run_request request;
    bool is_single; /* --seed */
    bool is_here, is_verbose, is_plan;
    const char *keep; /* NULL: all */
};

static const char help[] =
    "usage: grebe-torture [OPTION...]\n"
    "\n"
    "Plays random lives of whole channels in a simulated world and checks that nothing\n"
    "happens in them that must not.  A seed that fails is printed with the command that\n"
    "replays it and the smallest list of events that fails in the same way.\n"
    "\n"
    "  --seeds A-B          these seeds (1-1000); N stands for 1-N\n"
    "  --jobs N             in so many processes (1)\n"
    "  --seconds N          stop after so long\n"
    "  --max-failures N     stop after so many failures (1)\n"
    "  --verify             play each seed twice: both runs must be the same\n"
    "  --no-shrink          do not look for the smallest list\n"
    "\n"
    "  --seed N             only this one\n"
    "  --keep LIST          only these of its events: 3,7-9 or none\n"
    "  --verbose            everything that happens\n"
    "  --plan               what will be done, without doing it\n"
    "  --here               in this process, for a debugger\n"
    "\n"
    "  --mischief KIND      make a mistake of that kind, to see it found: twice, crash,\n"
    "                       hang, leak\n"
    "\n"
    "The last line is the sum.  Exit codes: 0 all passed, 1 some failed, 2 usage.\n";

_Noreturn static void refuse(const char *what, const char *value)
{
    fprintf(stderr, "grebe-torture: %s: \"%s\"; --help says how\n", what, value);
    exit(2);
}

static uint64_t parse_number(const char *option, const char *text, char **end)
{
    uint64_t number = strtoull(text, end, 10);

    if (*end == text || text[0] == '-')
        refuse(option, text);
    return number;
}

static uint64_t parse_only(const char *option, const char *text)
{
    char *end;
    uint64_t number = parse_number(option, text, &end);

    if (*end != '\0')
        refuse(option, text);
    return number;
}

static void parse_seeds(const char *text, struct run_request *request)
{
    char *end;

    request->first = 1;
    request->last = parse_number("--seeds", text, &end);
    if (*end == '-') {
        request->first = request->last;
        request->last = parse_only("--seeds", end + 1);
    } else if (*end != '\0') {
        refuse("--seeds", text);
    }
}

/* "3,7-9": events; "none" is none. */
static void parse_keep(const char *text, bool is_kept[MAX_EVENTS])
{
    const char *at = text;

    memset(is_kept, 0, MAX_EVENTS * sizeof is_kept[0]);
    if (strcmp(text, "none") == 0)
        return;
    for (;;) {
        char *end;
        uint64_t first = parse_number("--keep", at, &end), last = first;

        if (*end == '-')
            last = parse_number("--keep", end + 1, &end);
        for (uint64_t i = first; i <= last && i < MAX_EVENTS; i++)
            is_kept[i] = true;
        if (*end == '\0')
            return;
        if (*end != ',')
            refuse("--keep", text);
        at = end + 1;
    }
}

static enum mischief parse_mischief(const char *text)
{
    static const char *const names[] = {
        [MISCHIEF_TWICE] = "twice",
        [MISCHIEF_CRASH] = "crash",
        [MISCHIEF_HANG] = "hang",
        [MISCHIEF_LEAK] = "leak",
    };

    for (unsigned i = MISCHIEF_TWICE; i <= MISCHIEF_LEAK; i++)
        if (strcmp(names[i], text) == 0)
            return i;
    refuse("--mischief", text);
}

static struct options parse(int argc, char **argv)
{
    static const struct option known[] = {
        {"seeds", required_argument, NULL, 's'},
        {"jobs", required_argument, NULL, 'j'},
        {"seconds", required_argument, NULL, 't'},
        {"max-failures", required_argument, NULL, 'm'},
        {"verify", no_argument, NULL, 'y'},
        {"no-shrink", no_argument, NULL, 'n'},
        {"seed", required_argument, NULL, 'S'},
        {"keep", required_argument, NULL, 'k'},
        {"verbose", no_argument, NULL, 'v'},
        {"plan", no_argument, NULL, 'p'},
        {"here", no_argument, NULL, 'h'},
        {"mischief", required_argument, NULL, 'M'},
        {"help", no_argument, NULL, 'H'},
        {NULL, 0, NULL, 0},
    };
    struct options options = {
        .request = {.first = 1,
                    .last = 1000,
                    .n_jobs = 1,
                    .max_failures = 1,
                    .is_shrinking = true},
    };

    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;)
        switch (c) {
        case 's':
            parse_seeds(optarg, &options.request);
            break;
        case 'j':
            options.request.n_jobs = (uint32_t)parse_only("--jobs", optarg);
            break;
        case 't':
            options.request.seconds = parse_only("--seconds", optarg);
            break;
        case 'm':
            options.request.max_failures = (uint32_t)parse_only("--max-failures", optarg);
            break;
        case 'y':
            options.request.verifies = true;
            break;
        case 'n':
            options.request.is_shrinking = false;
            break;
        case 'S':
            options.is_single = true;
            options.request.first = options.request.last = parse_only("--seed", optarg);
            break;
        case 'k':
            options.keep = optarg;
            break;
        case 'v':
            options.is_verbose = true;
            break;
        case 'p':
            options.is_plan = true;
            break;
        case 'h':
            options.is_here = true;
            break;
        case 'M':
            mischief = parse_mischief(optarg);
            break;
        case 'H':
            fputs(help, stdout);
            exit(0);
        default:
            exit(2);
        }
    if (optind < argc)
        refuse("there are no operands", argv[optind]);
    return options;
}

static void print_plan(const struct plan *plan, const bool *is_kept)
{
    char text[PLAN_TEXT_BYTES];

    printf("seed %" PRIu64 ": %u servers, %u clients, %u events\n", plan->seed,
           plan->n_servers, plan->n_clients, plan->n_events);
    for (uint32_t i = 0; i < plan->n_clients; i++)
        printf("client %u: %s\n", i, client_text(&plan->clients[i], text, sizeof text));
    for (uint32_t i = 0; i < plan->n_events; i++)
        if (is_kept == NULL || is_kept[i])
            printf("%4u %s\n", i, event_text(&plan->events[i], text, sizeof text));
}

/* True if it passed. */
static bool play_one(const struct options *options)
{
    static struct plan plan;
    static bool is_kept[MAX_EVENTS];
    const bool *kept = options->keep == NULL ? NULL : is_kept;
    struct verdict verdict;

    plan_draw(&plan, options->request.first);
    if (options->keep != NULL)
        parse_keep(options->keep, is_kept);
    if (options->is_plan) {
        print_plan(&plan, kept);
        return true;
    }
    trace_show(options->is_verbose);
    if (options->is_here) {
        world_play(&plan, kept);
        leaks_check();
        return true;
    }
    verdict = attempt(&plan, kept);
    if (!verdict.has_failed)
        return true;
    trace_show(false);
    report_failure(&plan, &verdict, kept == NULL && options->request.is_shrinking);
    verdict_free(&verdict);
    return false;
}

int main(int argc, char **argv)
{
    struct options options = parse(argc, argv);
    struct run_result result = {0};

    policies_register();
    if (options.is_single) {
        bool has_passed = play_one(&options);

        if (options.is_plan)
            return 0;
        result = (struct run_result){has_passed, !has_passed};
    } else {
        result = run_seeds(&options.request);
    }
    printf("%" PRIu64 " passed, %" PRIu64 " failed\n", result.n_passed, result.n_failed);
    return result.n_failed == 0 ? 0 : 1;
}
