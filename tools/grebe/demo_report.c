/* SPDX-License-Identifier: Apache-2.0 */
/* demo_report.c -- what `grebe demo` shows, in 80 columns. */
#include <stdio.h>
#include <string.h>

#include "demo.h"
#include "units.h"

enum { BAR_COLUMNS = 15 };

static const char *role_text(enum demo_role role)
{
    return role == DEMO_SLOW ? "slow" : role == DEMO_KILLED ? "killed" : "";
}

/* ---- Table ------------------------------------------------------------------------- */

static unsigned long long in_ms(uint64_t ns)
{
    return (unsigned long long)(ns / NS_PER_MS);
}

void demo_print_title(const struct demo *demo, const struct term *term)
{
    const char *slow = demo->backends[DEMO_SLOW_INDEX].name;
    const char *killed = demo->backends[DEMO_KILLED_INDEX].name;
    char rate[UNITS_TEXT];

    printf("%sFive backends on loopback, %s calls a second, %.1f s for each policy.%s\n",
           term_style(term, TERM_BOLD), units_format_count(demo->rate, rate),
           units_s(demo->run_ns), term_style(term, TERM_PLAIN));
    printf("%s is slow: %llu ms for a call where the others take %llu ms.\n", slow,
           in_ms(demo->slow_delay_ns), in_ms(demo->delay_ns));
    printf("%s is killed after %.1f s and is back after %.1f s.\n", killed,
           units_s(demo->kill_ns), units_s(demo->revive_ns));
}

static void print_counter(const struct term *term, const char *what, uint64_t n,
                          enum term_style style)
{
    printf("%s %s%llu%s", what, term_style(term, n > 0 ? style : TERM_GREEN),
           (unsigned long long)n, term_style(term, TERM_PLAIN));
}

/* A column for each slice of time, as high as the calls in it. */
static void print_slices(const struct term *term, const uint32_t slices[DEMO_SLICES],
                         uint32_t highest, enum term_style style)
{
    static const char *const blocks[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static const char *const letters[] = {" ", ".", ".", ":", ":", "+", "+", "#", "#"};
    const char *const *signs = term->has_utf8 ? blocks : letters;

    fputs(term_style(term, style), stdout);
    for (int i = 0; i < DEMO_SLICES; i++) {
        uint32_t height = highest == 0 ? 0 : (8 * slices[i] + highest / 2) / highest;

        fputs(signs[slices[i] > 0 && height == 0 ? 1 : height], stdout);
    }
    fputs(term_style(term, TERM_PLAIN), stdout);
}

static uint32_t highest_slice(const struct demo_run *run)
{
    uint32_t highest = 0;

    for (int i = 0; i < DEMO_BACKENDS; i++)
        for (int k = 0; k < DEMO_SLICES; k++)
            if (run->slices[i][k] > highest)
                highest = run->slices[i][k];
    return highest;
}

static void print_backend(const struct demo_backend *backend,
                          const struct tally_backend *share, uint64_t n_all,
                          const struct term *term)
{
    double part = n_all == 0 ? 0 : (double)share->n / (double)n_all;
    enum term_style style = backend->role == DEMO_SLOW     ? TERM_YELLOW
                            : backend->role == DEMO_KILLED ? TERM_RED
                                                           : TERM_CYAN;
    char p50[UNITS_TEXT] = "-", p99[UNITS_TEXT] = "-";

    if (share->n > 0) {
        units_format_duration(histogram_quantile(&share->latency, 0.5), p50);
        units_format_duration(histogram_quantile(&share->latency, 0.99), p99);
    }
    printf("  %-3s %s%-7s%s", backend->name, term_style(term, style),
           role_text(backend->role), term_style(term, TERM_PLAIN));
    term_print_bar(term, part, BAR_COLUMNS, style);
    printf(" %5.1f%% %6llu %7s %7s  ", 100 * part, (unsigned long long)share->n, p50,
           p99);
}

static void print_quantile(const char *name, const struct histogram *latency, double q)
{
    char text[UNITS_TEXT];

    printf(" %s %-7s", name, units_format_duration(histogram_quantile(latency, q), text));
}

void demo_print_run(const struct demo *demo, const struct demo_run *run,
                    const struct term *term)
{
    uint32_t highest = highest_slice(run);

    printf("\n%s%-26s%s", term_style(term, TERM_BOLD), run->policy,
           term_style(term, TERM_PLAIN));
    print_quantile("p50", &run->sum.latency, 0.5);
    print_quantile("p90", &run->sum.latency, 0.9);
    print_quantile("p99", &run->sum.latency, 0.99);
    print_counter(term, " errors", run->n_errors, TERM_RED);
    print_counter(term, "  lost", run->n_lost, TERM_YELLOW);
    printf("\n%s  %-11s%-*s  share  calls     p50     p99  over time%s\n",
           term_style(term, TERM_DIM), "", BAR_COLUMNS, "", term_style(term, TERM_PLAIN));
    for (int i = 0; i < DEMO_BACKENDS; i++) {
        print_backend(&demo->backends[i], &run->shares[i], run->sum.n, term);
        print_slices(term, run->slices[i], highest, TERM_DIM);
        putchar('\n');
    }
}

/* One line to take home. */
void demo_print_verdict(const struct demo *demo, const struct term *term)
{
    uint64_t n = 0, n_errors = 0, n_lost = 0;

    for (size_t i = 0; i < demo->n_runs; i++) {
        n += demo->runs[i].sum.n;
        n_errors += demo->runs[i].n_errors;
        n_lost += demo->runs[i].n_lost;
    }
    printf("\n%llu calls.  ", (unsigned long long)n);
    if (n_errors == 0)
        printf("%sNo caller saw an error%s while another backend was up",
               term_style(term, TERM_GREEN), term_style(term, TERM_PLAIN));
    else
        printf("%s%llu errors%s that a caller saw", term_style(term, TERM_RED),
               (unsigned long long)n_errors, term_style(term, TERM_PLAIN));
    if (n_lost > 0)
        printf(";\n%llu call%s on %s when it was killed and lost with it",
               (unsigned long long)n_lost, n_lost == 1 ? " was" : "s were",
               demo->backends[DEMO_KILLED_INDEX].name);
    printf(".\n");
}

/* ---- JSON -------------------------------------------------------------------------- */

static json_t *latency_json(const struct histogram *latency)
{
    return json_pack(
        "{s:f, s:f, s:f, s:f, s:f}", "mean", units_us(histogram_mean(latency)), "p50",
        units_us(histogram_quantile(latency, 0.5)), "p90",
        units_us(histogram_quantile(latency, 0.9)), "p99",
        units_us(histogram_quantile(latency, 0.99)), "max", units_us(latency->max_ns));
}

static json_t *shares_json(const struct demo *demo, const struct demo_run *run)
{
    json_t *array = json_array();

    for (int i = 0; i < DEMO_BACKENDS; i++) {
        const struct tally_backend *share = &run->shares[i];
        double part = run->sum.n == 0 ? 0 : (double)share->n / (double)run->sum.n;

        json_array_append_new(
            array,
            json_pack("{s:s, s:s, s:I, s:f, s:I, s:o}", "name", demo->backends[i].name,
                      "address", demo->backends[i].address, "calls", (json_int_t)share->n,
                      "share", part, "ok", (json_int_t)share->codes[GREBE_STATUS_OK],
                      "latency_us", latency_json(&share->latency)));
    }
    return array;
}

static json_t *run_json(const struct demo *demo, const struct demo_run *run)
{
    return json_pack("{s:s, s:I, s:I, s:I, s:I, s:o, s:{s:f, s:f}, s:o}", "policy",
                     run->policy, "calls", (json_int_t)run->sum.n, "ok",
                     (json_int_t)run->sum.n_ok, "errors", (json_int_t)run->n_errors,
                     "lost_with_killed", (json_int_t)run->n_lost, "latency_us",
                     latency_json(&run->sum.latency), "imbalance", "max_over_mean",
                     run->sum.max_over_mean, "jain", run->sum.jain, "backends",
                     shares_json(demo, run));
}

json_t *demo_json(const struct demo *demo)
{
    json_t *backends = json_array(), *policies = json_array();

    for (int i = 0; i < DEMO_BACKENDS; i++) {
        const struct demo_backend *backend = &demo->backends[i];
        const char *role = role_text(backend->role);

        json_array_append_new(backends,
                              json_pack("{s:s, s:s, s:s}", "name", backend->name,
                                        "address", backend->address, "role",
                                        *role == '\0' ? "steady" : role));
    }
    for (size_t i = 0; i < demo->n_runs; i++)
        json_array_append_new(policies, run_json(demo, &demo->runs[i]));
    return json_pack("{s:i, s:f, s:f, s:f, s:f, s:o, s:o}", "version", 1, "rate_target",
                     demo->rate, "seconds_per_policy", units_s(demo->run_ns),
                     "killed_at_s", units_s(demo->kill_ns), "revived_at_s",
                     units_s(demo->revive_ns), "backends", backends, "policies",
                     policies);
}
