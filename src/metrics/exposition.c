/* SPDX-License-Identifier: Apache-2.0 */
/* metrics/exposition.c -- a memory recorder's figures, as scrapers read them.
 *
 * An instrument becomes a family of its own name with underscores, its unit and, if it
 * counts, "_total" behind: grpc.client.attempt.started is
 * grpc_client_attempt_started_total.
 *
 * Sources     Prometheus text format 0.0.4; OpenMetrics 1.0; OpenTelemetry, "Prometheus and
 *             OpenMetrics compatibility".
 */
#include <grebe/memory_recorder.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buffered.h"
#include "base/text.h"
#include "base/utf8.h"
#include "metrics/number.h"

/* ---- Output ---------------------------------------------------------------------------- */

struct output {
    enum grebe_exposition exposition;
    const struct grebe_instrument *family; /* whose lines come now */
    struct grebe__buffered text;
};

static void put_bytes(struct output *out, const char *bytes, size_t length)
{
    grebe__buffered_put(&out->text, bytes, length);
}

static void put(struct output *out, const char *text)
{
    put_bytes(out, text, strlen(text));
}

/* Text of others: what ends a line or a value is escaped, what is no UTF-8 replaced. */
static void put_text(struct output *out, const char *text, bool escapes_quotes)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t left = strlen(text);

    while (left > 0) {
        size_t n = grebe__utf8_length(at, left);

        if (*at == '\\')
            put(out, "\\\\");
        else if (*at == '\n')
            put(out, "\\n");
        else if (*at == '"' && escapes_quotes)
            put(out, "\\\"");
        else if (n == 0)
            put(out, "\xef\xbf\xbd");
        else
            put_bytes(out, (const char *)at, n);
        n = n == 0 ? 1 : n;
        at += n;
        left -= n;
    }
}

/* ---- Names ----------------------------------------------------------------------------- */

static void put_identifier(struct output *out, const char *name)
{
    for (; *name != '\0'; name++) {
        bool is_plain = grebe__ascii_is_alpha(*name) || grebe__ascii_is_digit(*name);

        put_bytes(out, is_plain ? name : "_", 1);
    }
}

/* What a unit is called at the end of a name; "" for those in braces, which are notes. */
static const char *suffix_of(const struct grebe_instrument *instrument)
{
    static const struct {
        const char *unit, *suffix;
    } units[] = {
        {"s", "_seconds"},      {"ms", "_milliseconds"}, {"us", "_microseconds"},
        {"ns", "_nanoseconds"}, {"By", "_bytes"},        {"By/s", "_bytes_per_second"},
        {"%", "_percent"},
    };
    size_t n_name = strlen(instrument->name);

    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        const char *suffix = units[i].suffix;
        size_t n = strlen(suffix) - 1;

        if (strcmp(instrument->unit, units[i].unit) != 0)
            continue;
        /* A name that says its unit already is left alone. */
        return n_name > n && strcmp(instrument->name + n_name - n, suffix + 1) == 0
                   ? ""
                   : suffix;
    }
    if (strcmp(instrument->unit, "1") == 0 && instrument->kind == GREBE_INSTRUMENT_GAUGE)
        return "_ratio";
    return "";
}

static void put_family(struct output *out)
{
    put_identifier(out, out->family->name);
    put(out, suffix_of(out->family));
}

static bool is_open_metrics(const struct output *out)
{
    return out->exposition == GREBE_EXPOSITION_OPENMETRICS;
}

/* In OpenMetrics "_total" belongs to the sample, before that to the name of the family. */
static void put_total(struct output *out, bool is_sample)
{
    if (out->family->kind == GREBE_INSTRUMENT_COUNTER &&
        (is_sample || !is_open_metrics(out)))
        put(out, "_total");
}

/* ---- Lines ----------------------------------------------------------------------------- */

static const char *type_of(const struct grebe_instrument *instrument)
{
    switch (instrument->kind) {
    case GREBE_INSTRUMENT_COUNTER:
        return " counter\n";
    case GREBE_INSTRUMENT_HISTOGRAM:
        return " histogram\n";
    case GREBE_INSTRUMENT_UP_DOWN_COUNTER:
    case GREBE_INSTRUMENT_GAUGE:
        break;
    }
    return " gauge\n";
}

static void put_header(struct output *out)
{
    const char *suffix = suffix_of(out->family);

    put(out, "# HELP ");
    put_family(out);
    put_total(out, false);
    put(out, " ");
    put_text(out, out->family->description, is_open_metrics(out));
    put(out, "\n# TYPE ");
    put_family(out);
    put_total(out, false);
    put(out, type_of(out->family));
    if (!is_open_metrics(out) || suffix[0] == '\0')
        return;
    put(out, "# UNIT ");
    put_family(out);
    put(out, " ");
    put(out, suffix + 1);
    put(out, "\n");
}

/* `bound` is the label "le" of a bucket; NULL: there is none. */
static void put_labels(struct output *out, const struct grebe_figures *figures,
                       const char *bound)
{
    const char *before = "{";

    for (size_t i = 0; i < figures->n_labels; i++) {
        put(out, before);
        put_identifier(out, figures->labels[i]);
        put(out, "=\"");
        put_text(out, figures->values[i], true);
        put(out, "\"");
        before = ",";
    }
    if (bound != NULL) {
        put(out, before);
        put(out, "le=\"");
        put(out, bound);
        put(out, "\"");
        before = ",";
    }
    put(out, *before == '{' ? " " : "} ");
}

static void put_sample(struct output *out, const struct grebe_figures *figures,
                       const char *suffix, const char *bound, const char *value)
{
    put_family(out);
    put(out, suffix);
    put_total(out, true);
    put_labels(out, figures, bound);
    put(out, value);
    put(out, "\n");
}

static void put_count(struct output *out, const struct grebe_figures *figures,
                      const char *suffix, const char *bound, uint64_t count)
{
    char text[24];

    snprintf(text, sizeof text, "%" PRIu64, count);
    put_sample(out, figures, suffix, bound, text);
}

static void put_histogram(struct output *out, const struct grebe_figures *figures)
{
    const struct grebe_instrument *instrument = figures->instrument;
    char text[GREBE__NUMBER_TEXT];
    uint64_t so_far = 0;

    for (size_t i = 0; i < instrument->n_bounds; i++) {
        so_far += figures->buckets[i];
        put_count(out, figures, "_bucket",
                  grebe__number_text(instrument->bounds[i], 15, text), so_far);
    }
    put_count(out, figures, "_bucket", "+Inf", figures->count);
    /* A sum that may go down is none, says OpenMetrics, and without a sum no count. */
    if (is_open_metrics(out) && instrument->bounds[0] < 0)
        return;
    put_sample(out, figures, "_sum", NULL, grebe__number_text(figures->value, 17, text));
    put_count(out, figures, "_count", NULL, figures->count);
}

static void put_figures(void *arg, const struct grebe_figures *figures)
{
    struct output *out = arg;
    char text[GREBE__NUMBER_TEXT];

    if (out->family != figures->instrument) {
        out->family = figures->instrument;
        put_header(out);
    }
    switch (figures->instrument->kind) {
    case GREBE_INSTRUMENT_COUNTER:
    case GREBE_INSTRUMENT_UP_DOWN_COUNTER:
        snprintf(text, sizeof text, "%" PRId64, figures->sum);
        put_sample(out, figures, "", NULL, text);
        return;
    case GREBE_INSTRUMENT_GAUGE:
        put_sample(out, figures, "", NULL, grebe__number_text(figures->value, 17, text));
        return;
    case GREBE_INSTRUMENT_HISTOGRAM:
        put_histogram(out, figures);
        return;
    }
}

/* ---- The whole -------------------------------------------------------------------------- */

const char *grebe_exposition_content_type(enum grebe_exposition exposition)
{
    return exposition == GREBE_EXPOSITION_OPENMETRICS
               ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
               : "text/plain; version=0.0.4; charset=utf-8";
}

void grebe_memory_recorder_write(
    struct grebe_memory_recorder *recorder, enum grebe_exposition exposition,
    void (*write)(void *arg, const char *text, size_t length), void *arg)
{
    struct output out;

    out.exposition = exposition;
    out.family = NULL;
    grebe__buffered_init(&out.text, write, arg);
    grebe_memory_recorder_each(recorder, put_figures, &out);
    if (is_open_metrics(&out))
        put(&out, "# EOF\n");
    grebe__buffered_flush(&out.text);
}

static void append(void *arg, const char *text, size_t length)
{
    grebe__text_append(arg, text, length);
}

size_t grebe_memory_recorder_format(struct grebe_memory_recorder *recorder,
                                    enum grebe_exposition exposition, char *buf,
                                    size_t size)
{
    struct grebe__text text = grebe__text_init(buf, size);

    grebe_memory_recorder_write(recorder, exposition, append, &text);
    return text.length;
}
