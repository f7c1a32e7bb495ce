/* SPDX-License-Identifier: Apache-2.0 */
/* replay_whatif.c -- grebe replay --policy: what another policy would have done. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "lab/whatif.h"
#include "replay.h"
#include "tally.h"
#include "term.h"
#include "units.h"

enum { SLICES = 20, MAX_SHOWN = 10, BAR_COLUMNS = 12 };

/* A call that went elsewhere. */
struct elsewhere {
    struct lab_whatif_call call;
    char recorded[128], now[128];
};

struct comparison {
    struct tally recorded, now;
    uint64_t n_calls, n_elsewhere;
    uint64_t n_open;                   /* in either, when the recording ended */
    struct elsewhere first[MAX_SHOWN]; /* by the time they asked */
    unsigned n_first;
    uint64_t span_ns;
    uint64_t slices[SLICES], moved[SLICES]; /* calls, and those that went elsewhere */
    bool is_short;                          /* of memory */
};

/* ---- Counting ------------------------------------------------------------------------- */

static void count(struct tally *tally, const struct lab_whatif_end *end, bool *is_short)
{
    const struct grebe_status status = grebe_status_of(end->code, "");
    const struct tally_call call = {
        .peer = end->address,
        .status = &status,
        .latency_ns = end->latency_ns,
    };

    if (!tally_add(tally, &call))
        *is_short = true;
}

static void note_elsewhere(struct comparison *comparison,
                           const struct lab_whatif_call *call)
{
    struct elsewhere *first = comparison->first;
    unsigned at = comparison->n_first;

    comparison->n_elsewhere++;
    while (at > 0 && first[at - 1].call.at_ns > call->at_ns)
        at--;
    if (at == MAX_SHOWN)
        return;
    if (comparison->n_first < MAX_SHOWN)
        comparison->n_first++;
    memmove(&first[at + 1], &first[at], (comparison->n_first - 1 - at) * sizeof first[0]);
    first[at].call = *call;
    snprintf(first[at].recorded, sizeof first[at].recorded, "%s", call->recorded.address);
    snprintf(first[at].now, sizeof first[at].now, "%s", call->now.address);
}

static void on_call(void *arg, const struct lab_whatif_call *call)
{
    struct comparison *comparison = arg;
    bool is_elsewhere = strcmp(call->recorded.address, call->now.address) != 0;
    size_t slice =
        comparison->span_ns == 0
            ? 0
            : (size_t)((double)call->at_ns / (double)comparison->span_ns * SLICES);

    if (call->recorded.code < 0 || call->now.code < 0) {
        comparison->n_open++;
        return;
    }
    slice = slice < SLICES ? slice : SLICES - 1;
    comparison->n_calls++;
    comparison->slices[slice]++;
    comparison->moved[slice] += is_elsewhere;
    count(&comparison->recorded, &call->recorded, &comparison->is_short);
    count(&comparison->now, &call->now, &comparison->is_short);
    if (is_elsewhere)
        note_elsewhere(comparison, call);
}

static void on_backend(void *arg, const char *address)
{
    struct comparison *comparison = arg;

    if (!tally_expect(&comparison->recorded, address) ||
        !tally_expect(&comparison->now, address))
        comparison->is_short = true;
}

/* ---- Table ------------------------------------------------------------------------------ */

static const struct tally_backend *find(const struct tally *tally, const char *address)
{
    for (size_t i = 0; i < tally->n_backends; i++)
        if (strcmp(tally->backends[i]->address, address) == 0)
            return tally->backends[i];
    return NULL;
}

static double share_of(const struct tally_backend *backend, uint64_t n_calls)
{
    return backend == NULL || n_calls == 0 ? 0 : (double)backend->n / (double)n_calls;
}

static void print_side(const struct tally_backend *backend, uint64_t n_calls,
                       const struct term *term, enum term_style style)
{
    double share = share_of(backend, n_calls);
    uint64_t n = backend == NULL ? 0 : backend->n;
    uint64_t n_ok = backend == NULL ? 0 : backend->codes[GREBE_STATUS_OK];
    char p99[UNITS_TEXT] = "-", failed[24] = "-";

    if (n > 0)
        units_format_duration(histogram_quantile(&backend->latency, 0.99), p99);
    if (n > n_ok)
        snprintf(failed, sizeof failed, "%llu", (unsigned long long)(n - n_ok));
    printf("  %5.1f%% ", 100 * share);
    term_print_bar(term, share, BAR_COLUMNS, style);
    printf(" %8llu %7s %7s", (unsigned long long)n, failed, p99);
}

static void print_row(const struct comparison *comparison, const char *address, int width,
                      const struct term *term)
{
    const char *name = *address == '\0' ? "(none)" : address;

    printf("  ");
    term_print_escaped(stdout, name, strlen(name));
    printf("%*s", width - (int)strlen(name), "");
    print_side(find(&comparison->recorded, address), comparison->n_calls, term, TERM_DIM);
    print_side(find(&comparison->now, address), comparison->n_calls, term, TERM_CYAN);
    putchar('\n');
}

/* All that either side has, those that reached no backend last. */
static void print_rows(const struct comparison *comparison, const struct term *term)
{
    size_t n;
    struct tally_backend **sorted = tally_sorted(&comparison->now, &n);
    int width = (int)strlen("(none)");

    if (sorted == NULL)
        return;
    for (size_t i = 0; i < n; i++)
        if ((int)strlen(sorted[i]->address) > width)
            width = (int)strlen(sorted[i]->address);
    printf("  %-*s  %-44s  %s\n", width, "", "recorded", "now");
    printf("  %-*s  %-19s %8s %7s %7s  %-19s %8s %7s %7s\n", width, "backend", "share",
           "calls", "failed", "p99", "share", "calls", "failed", "p99");
    for (size_t i = 0; i < n; i++)
        if (*sorted[i]->address != '\0')
            print_row(comparison, sorted[i]->address, width, term);
    if (find(&comparison->now, "") != NULL || find(&comparison->recorded, "") != NULL)
        print_row(comparison, "", width, term);
    free(sorted);
}

static void print_balance(const char *what, const struct tally *tally)
{
    struct tally_sum sum;
    char p50[UNITS_TEXT], p99[UNITS_TEXT];

    tally_sum(tally, &sum);
    printf("  %-9s max/mean %.3f, Jain %.3f; %llu failed; p50 %s p99 %s\n", what,
           sum.max_over_mean, sum.jain, (unsigned long long)(sum.n - sum.n_ok),
           units_format_duration(histogram_quantile(&sum.latency, 0.5), p50),
           units_format_duration(histogram_quantile(&sum.latency, 0.99), p99));
}

static void print_first(const struct comparison *comparison)
{
    char at[UNITS_TEXT];

    for (unsigned i = 0; i < comparison->n_first; i++) {
        const struct elsewhere *elsewhere = &comparison->first[i];

        printf("    %8s  call %llu  ", units_format_duration(elsewhere->call.at_ns, at),
               (unsigned long long)elsewhere->call.number);
        term_print_escaped(stdout, elsewhere->recorded, strlen(elsewhere->recorded));
        fputs(*elsewhere->recorded == '\0' ? "(none) -> " : " -> ", stdout);
        term_print_escaped(stdout, elsewhere->now, strlen(elsewhere->now));
        puts(*elsewhere->now == '\0' ? "(none)" : "");
    }
}

static void print_slices(const struct comparison *comparison)
{
    fputs("  elsewhere, by time ", stdout);
    for (size_t i = 0; i < SLICES; i++)
        if (comparison->slices[i] == 0)
            fputs("  -", stdout);
        else
            printf(" %2.0f",
                   100 * (double)comparison->moved[i] / (double)comparison->slices[i]);
    puts(" %");
}

static void print_assumed(const struct lab_whatif_result *result)
{
    if (result->n_assumed_calls > 0)
        printf(
            "  assumed: %llu calls are like those to other backends: theirs had none\n",
            (unsigned long long)result->n_assumed_calls);
    if (result->n_assumed_connects > 0)
        printf("  assumed: %llu connections are like those to other backends\n",
               (unsigned long long)result->n_assumed_connects);
    if (result->n_retries > 0)
        printf("  left out: %llu attempts that were retries when it was recorded\n",
               (unsigned long long)result->n_retries);
    if (result->n_lost > 0)
        printf("  partial: %llu lines were lost when it was recorded\n",
               (unsigned long long)result->n_lost);
    else if (!result->has_end)
        puts("  partial: the recording was cut off before its end");
}

static void print_table(const struct comparison *comparison,
                        const struct lab_whatif_result *result, bool is_colourless)
{
    struct term term = term_of(stdout, is_colourless);
    char span[UNITS_TEXT];

    printf("%s%llu calls in %s: %s as recorded, %s now%s\n\n",
           term_style(&term, TERM_BOLD), (unsigned long long)comparison->n_calls,
           units_format_duration(result->span_ns, span), result->recorded_policy,
           result->policy, term_style(&term, TERM_PLAIN));
    print_rows(comparison, &term);
    putchar('\n');
    print_balance("recorded", &comparison->recorded);
    print_balance("now", &comparison->now);
    printf("  %llu calls (%.1f%%) go elsewhere\n",
           (unsigned long long)comparison->n_elsewhere,
           comparison->n_calls == 0
               ? 0
               : 100 * (double)comparison->n_elsewhere / (double)comparison->n_calls);
    if (comparison->n_elsewhere > 0)
        print_slices(comparison);
    print_first(comparison);
    print_assumed(result);
}

/* ---- JSON ------------------------------------------------------------------------------- */

static json_t *latency_json(const struct histogram *latency)
{
    return json_pack("{s:f, s:f}", "p50",
                     (double)histogram_quantile(latency, 0.5) / NS_PER_US, "p99",
                     (double)histogram_quantile(latency, 0.99) / NS_PER_US);
}

static json_t *backends_json(const struct tally *tally, uint64_t n_calls)
{
    size_t n;
    struct tally_backend **sorted = tally_sorted(tally, &n);
    json_t *list = json_array();

    for (size_t i = 0; sorted != NULL && i < n; i++)
        json_array_append_new(
            list,
            json_pack("{s:s, s:I, s:f, s:I, s:o}", "address", sorted[i]->address, "calls",
                      (json_int_t)sorted[i]->n, "share", share_of(sorted[i], n_calls),
                      "ok", (json_int_t)sorted[i]->codes[GREBE_STATUS_OK], "latency_us",
                      latency_json(&sorted[i]->latency)));
    free(sorted);
    return list;
}

static json_t *side_json(const char *policy, const struct tally *tally, uint64_t n_calls)
{
    struct tally_sum sum;

    tally_sum(tally, &sum);
    return json_pack("{s:s, s:I, s:o, s:{s:f, s:f}, s:o}", "policy", policy, "ok",
                     (json_int_t)sum.n_ok, "latency_us", latency_json(&sum.latency),
                     "imbalance", "max_over_mean", sum.max_over_mean, "jain", sum.jain,
                     "backends", backends_json(tally, n_calls));
}

static json_t *first_json(const struct comparison *comparison)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < comparison->n_first; i++) {
        const struct elsewhere *elsewhere = &comparison->first[i];

        json_array_append_new(list,
                              json_pack("{s:I, s:I, s:s, s:s}", "call",
                                        (json_int_t)elsewhere->call.number, "at_ns",
                                        (json_int_t)elsewhere->call.at_ns, "recorded",
                                        elsewhere->recorded, "now", elsewhere->now));
    }
    return list;
}

static json_t *slices_json(const struct comparison *comparison)
{
    json_t *list = json_array();

    for (size_t i = 0; i < SLICES; i++)
        json_array_append_new(
            list, json_pack("{s:I, s:I}", "calls", (json_int_t)comparison->slices[i],
                            "elsewhere", (json_int_t)comparison->moved[i]));
    return list;
}

static json_t *whole_json(const struct comparison *comparison,
                          const struct lab_whatif_result *result)
{
    return json_pack(
        "{s:i, s:s, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:b}",
        "version", 1, "target", result->target, "span_ns", (json_int_t)result->span_ns,
        "calls", (json_int_t)comparison->n_calls, "unfinished",
        (json_int_t)comparison->n_open, "elsewhere", (json_int_t)comparison->n_elsewhere,
        "recorded",
        side_json(result->recorded_policy, &comparison->recorded, comparison->n_calls),
        "now", side_json(result->policy, &comparison->now, comparison->n_calls), "first",
        first_json(comparison), "slices", slices_json(comparison), "assumed_calls",
        (json_int_t)result->n_assumed_calls, "assumed_connects",
        (json_int_t)result->n_assumed_connects, "retries_left_out",
        (json_int_t)result->n_retries, "lost", (json_int_t)result->n_lost, "is_partial",
        result->n_lost > 0 || !result->has_end);
}

/* ---- Running ------------------------------------------------------------------------------ */

static struct lab_whatif *interrupted; /* what SIGINT stops */

static void on_sigint(int number)
{
    (void)number;
    lab_whatif_stop(interrupted);
}

static int take(void *arg, const char *text, size_t length, struct grebe_diag *diag)
{
    return lab_whatif_line(arg, text, length, diag);
}

static int run(struct lab_whatif *whatif, const char *path, const char *policy)
{
    struct sigaction action = {.sa_handler = on_sigint, .sa_flags = (int)SA_RESETHAND};
    struct grebe_diag diag = {""};
    int error;

    interrupted = whatif;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    error = lab_whatif_run(whatif, policy, &diag);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    if (error == GREBE_ERR_NOMEM)
        return options_fail("replay", "out of memory");
    if (error != GREBE_OK && strncmp(diag.text, "--policy", 8) == 0)
        return options_complain("replay", "%s", diag.text);
    if (error != GREBE_OK)
        return options_complain("replay", "%s: %s", path, diag.text);
    return EXIT_FINE;
}

static int compare(const struct replay_args *args, struct comparison *comparison,
                   struct lab_whatif *whatif)
{
    struct feeding feeding = {
        .path = args->operands.items[0], .take = take, .arg = whatif};
    int code = replay_read(&feeding);
    struct lab_whatif_result result;

    if (code != EXIT_FINE)
        return code;
    comparison->span_ns = lab_whatif_result(whatif).span_ns;
    code = run(whatif, feeding.path, args->policy);
    if (code != EXIT_FINE)
        return code;
    if (comparison->is_short)
        return options_fail("replay", "out of memory");
    result = lab_whatif_result(whatif);
    if (!output_is(&args->output, "table"))
        return output_json(whole_json(comparison, &result));
    print_table(comparison, &result, args->output.is_colourless);
    return EXIT_FINE;
}

int replay_whatif(const struct replay_args *args)
{
    struct comparison comparison = {.n_calls = 0};
    struct lab_whatif *whatif = lab_whatif_new(&(struct lab_whatif_options){
        .on_call = on_call, .on_backend = on_backend, .arg = &comparison});
    int code = EXIT_FAILED;

    tally_init(&comparison.recorded, NULL);
    tally_init(&comparison.now, NULL);
    if (whatif == NULL)
        options_fail("replay", "out of memory");
    else
        code = compare(args, &comparison, whatif);
    lab_whatif_destroy(whatif);
    tally_fini(&comparison.recorded);
    tally_fini(&comparison.now);
    return code;
}
