/* SPDX-License-Identifier: Apache-2.0 */
/* bench_limits.c -- a run against what was wanted, and against an earlier run.
 *
 * Both work on the JSON of a run: what --save has written is what --baseline reads, and
 * every figure that a limit may name is a path in it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "term.h"
#include "units.h"

enum figure_unit { FIGURE_TIME, FIGURE_COUNT, FIGURE_SHARE, FIGURE_PLAIN };

/* What --fail-if and --baseline know: a number in the JSON, or the failed calls. */
static const struct figure {
    const char *name;
    const char *object, *key; /* object NULL: the top */
    enum figure_unit unit;
    bool more_is_better;
} figures[] = {
    {"rate", NULL, "rate", FIGURE_COUNT, true},
    {"mean", "latency_us", "mean", FIGURE_TIME, false},
    {"p50", "latency_us", "p50", FIGURE_TIME, false},
    {"p90", "latency_us", "p90", FIGURE_TIME, false},
    {"p99", "latency_us", "p99", FIGURE_TIME, false},
    {"p99.9", "latency_us", "p99_9", FIGURE_TIME, false},
    {"max", "latency_us", "max", FIGURE_TIME, false},
    {"calls", NULL, "calls", FIGURE_COUNT, true},
    {"errors", NULL, NULL, FIGURE_SHARE, false},
    {"cpu", "client", "cpu_us_per_call", FIGURE_TIME, false},
    {"imbalance", "imbalance", "max_over_mean", FIGURE_PLAIN, false},
    {"jain", "imbalance", "jain", FIGURE_PLAIN, true},
};

enum { N_FIGURES = sizeof figures / sizeof figures[0] };

/* "p99>20ms": fails if the figure is beyond the value.  "p99>+10%": beyond the baseline's
 * by that much.  "errors>1%": as a share of all calls; "errors>3" as a number. */
struct limit {
    const struct figure *figure;
    char comparison;
    bool takes_equal;
    bool is_relative; /* to the baseline, in percent */
    bool is_percent;
    double value; /* times in microseconds, as in the JSON */
};

/* ---- Figures ----------------------------------------------------------------------- */

static double number_at(const json_t *run, const char *object, const char *key)
{
    const json_t *from = object == NULL ? run : json_object_get(run, object);

    return json_number_value(json_object_get(from, key));
}

static double figure_of(const struct figure *figure, const json_t *run, bool is_percent)
{
    double calls = number_at(run, NULL, "calls"), failed;

    if (figure->unit != FIGURE_SHARE)
        return number_at(run, figure->object, figure->key);
    failed = calls - number_at(run, NULL, "ok");
    return !is_percent ? failed : calls == 0 ? 0 : 100 * failed / calls;
}

static const char *format_figure(const struct figure *figure, double value,
                                 bool is_percent, char buf[UNITS_TEXT])
{
    switch (figure->unit) {
    case FIGURE_TIME:
        return units_format_duration((uint64_t)(value * (double)NS_PER_US), buf);
    case FIGURE_COUNT:
        return units_format_count(value, buf);
    case FIGURE_SHARE:
        snprintf(buf, UNITS_TEXT, is_percent ? "%.3g%%" : "%.0f", value);
        return buf;
    case FIGURE_PLAIN:
        break;
    }
    snprintf(buf, UNITS_TEXT, "%.3f", value);
    return buf;
}

/* ---- Reading limits ---------------------------------------------------------------- */

static const struct figure *find_figure(const char *name, size_t length)
{
    for (int i = 0; i < N_FIGURES; i++)
        if (strlen(figures[i].name) == length &&
            strncmp(figures[i].name, name, length) == 0)
            return &figures[i];
    return length == 5 && strncmp(name, "p99_9", 5) == 0 ? find_figure("p99.9", 5) : NULL;
}

static bool parse_value(const char *text, struct limit *limit)
{
    size_t length = strlen(text);
    char number[32];
    uint64_t ns;

    if (limit->figure->unit == FIGURE_TIME && !limit->is_relative) {
        if (!units_parse_duration(text, &ns))
            return false;
        limit->value = units_us(ns);
        return true;
    }
    limit->is_percent = length > 0 && text[length - 1] == '%';
    if (length >= sizeof number ||
        (limit->is_percent && limit->figure->unit != FIGURE_SHARE && !limit->is_relative))
        return false;
    memcpy(number, text, length + 1);
    if (limit->is_percent)
        number[length - 1] = '\0';
    return units_parse_number(number, &limit->value) &&
           (!limit->is_relative || limit->is_percent);
}

static bool parse_limit(const char *text, struct limit *out)
{
    size_t length = strcspn(text, "<>");
    const char *rest = text + length;

    *out = (struct limit){.figure = find_figure(text, length), .comparison = *rest};
    if (out->figure == NULL || *rest == '\0')
        return false;
    rest++;
    out->takes_equal = *rest == '=';
    rest += out->takes_equal;
    out->is_relative = *rest == '+' || *rest == '-';
    if (!parse_value(rest + out->is_relative, out))
        return false;
    if (out->is_relative && *rest == '-')
        out->value = -out->value;
    return true;
}

int bench_limits_check(const struct bench_args *args)
{
    struct limit limit;

    for (size_t i = 0; i < args->limits.n; i++) {
        if (!parse_limit(args->limits.items[i], &limit))
            return options_complain(
                "bench",
                "--fail-if: '%s' is not like p99>20ms, errors>0.1%% or rate<1000",
                args->limits.items[i]);
        if (limit.is_relative && args->baseline == NULL)
            return options_complain("bench", "--fail-if: '%s' needs --baseline",
                                    args->limits.items[i]);
    }
    return EXIT_FINE;
}

/* ---- Baseline ---------------------------------------------------------------------- */

int bench_baseline_load(const struct bench_args *args, json_t **out)
{
    struct payload text;
    char error[256];

    *out = NULL;
    if (args->baseline == NULL)
        return EXIT_FINE;
    if (!payload_read_file(args->baseline, &text, error, sizeof error))
        return options_complain("bench", "--baseline: %s", error);
    *out = json_loadb((const char *)text.bytes, text.length, 0, NULL);
    payload_free(&text);
    if (json_integer_value(json_object_get(*out, "version")) == 1 &&
        json_is_object(json_object_get(*out, "latency_us")))
        return EXIT_FINE;
    json_decref(*out);
    *out = NULL;
    return options_complain("bench", "--baseline: %s was not written by --save",
                            args->baseline);
}

json_t *bench_baseline_json(const json_t *now, const json_t *baseline)
{
    json_t *object = json_object();

    for (int i = 0; i < N_FIGURES; i++) {
        const struct figure *figure = &figures[i];
        double is = figure_of(figure, now, true), was = figure_of(figure, baseline, true);

        json_object_set_new(object, figure->key == NULL ? "errors_percent" : figure->key,
                            json_pack("{s:f, s:f, s:o}", "before", was, "now", is,
                                      "change",
                                      was == 0 ? json_null() : json_real(is / was - 1)));
    }
    return object;
}

void bench_baseline_print(const json_t *now, const json_t *baseline, bool is_colourless)
{
    struct term term = term_of(stdout, is_colourless);

    printf("\n%s  %-10s %9s %9s  change%s\n", term_style(&term, TERM_DIM), "", "before",
           "now", term_style(&term, TERM_PLAIN));
    for (int i = 0; i < N_FIGURES; i++) {
        const struct figure *figure = &figures[i];
        double is = figure_of(figure, now, true), was = figure_of(figure, baseline, true);
        double change = was == 0 ? 0 : 100 * (is - was) / was;
        bool is_better = figure->more_is_better ? change > 0 : change < 0;
        char before[UNITS_TEXT], after[UNITS_TEXT];

        printf("  %-10s %9s %9s  ", figure->name,
               format_figure(figure, was, true, before),
               format_figure(figure, is, true, after));
        if (was == 0)
            printf("-\n");
        else
            printf("%s%+.1f%%%s\n",
                   change > -5 && change < 5
                       ? ""
                       : term_style(&term, is_better ? TERM_GREEN : TERM_RED),
                   change, term_style(&term, TERM_PLAIN));
    }
}

/* ---- Judging ----------------------------------------------------------------------- */

static bool is_beyond(const struct limit *limit, double is, double bound)
{
    if (is == bound)
        return limit->takes_equal;
    return limit->comparison == '>' ? is > bound : is < bound;
}

int bench_limits_apply(const struct bench_args *args, const json_t *now,
                       const json_t *baseline)
{
    int code = EXIT_FINE;

    for (size_t i = 0; i < args->limits.n; i++) {
        struct limit limit;
        double is, bound;
        bool is_percent;
        char buf[UNITS_TEXT];

        if (!parse_limit(args->limits.items[i], &limit))
            continue; /* checked before the run */
        is_percent = limit.is_percent || limit.is_relative;
        is = figure_of(limit.figure, now, is_percent);
        bound = !limit.is_relative
                    ? limit.value
                    : figure_of(limit.figure, baseline, true) * (1 + limit.value / 100);
        if (!is_beyond(&limit, is, bound))
            continue;
        fprintf(stderr, "grebe bench: %s is %s: %s\n", limit.figure->name,
                format_figure(limit.figure, is, is_percent, buf), args->limits.items[i]);
        code = EXIT_THRESHOLD;
    }
    return code;
}
