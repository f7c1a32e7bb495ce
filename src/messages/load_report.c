/* SPDX-License-Identifier: Apache-2.0 */
/* A report is read twice: once to see how much memory its names need at most, and once to
 * fill it.  One without names, as most are, is read once and needs none. */
#include "messages/load_report.h"

#include <string.h>

#include <grebe/error.h>

#include "base/utf8.h"
#include "messages/wire.h"

/* Field numbers of xds.data.orca.v3.OrcaLoadReport. */
enum {
    CPU_UTILIZATION = 1,
    MEM_UTILIZATION = 2,
    REQUEST_COST = 4,
    UTILIZATION = 5,
    RPS_FRACTIONAL = 6,
    EPS = 7,
    NAMED_METRICS = 8,
    APPLICATION_UTILIZATION = 9,
};

/* ---- What can be true ------------------------------------------------------------------ */

static bool is_number(double value)
{
    return __builtin_isfinite(value);
}

static bool is_amount(double value)
{
    return is_number(value) && value >= 0;
}

static bool is_fraction(double value)
{
    return is_amount(value) && value <= 1;
}

/* Names are C strings of well-formed UTF-8. */
static bool is_name(const unsigned char *bytes, size_t length)
{
    for (size_t at = 0, n; at < length; at += n) {
        n = bytes[at] < 0x80 ? 1 : grebe__utf8_length(bytes + at, length - at);
        if (n == 0 || bytes[at] == '\0')
            return false;
    }
    return true;
}

/* ---- Scalars ---------------------------------------------------------------------------- */

static void take_scalar(struct grebe_load_report *view,
                        const struct grebe__wire_field *field)
{
    double value = grebe__wire_double(field);

    switch (field->number) {
    case CPU_UTILIZATION:
        view->cpu_utilization = is_amount(value) ? value : 0;
        break;
    case MEM_UTILIZATION:
        view->mem_utilization = is_fraction(value) ? value : 0;
        break;
    case RPS_FRACTIONAL:
        view->rps = is_amount(value) ? value : 0;
        break;
    case EPS:
        view->eps = is_amount(value) ? value : 0;
        break;
    case APPLICATION_UTILIZATION:
        view->application_utilization = is_amount(value) ? value : 0;
        break;
    default:
        break;
    }
}

/* ---- Named metrics ---------------------------------------------------------------------- */

static bool is_map(const struct grebe__wire_field *field)
{
    return field->type == GREBE__WIRE_BYTES &&
           (field->number == REQUEST_COST || field->number == UTILIZATION ||
            field->number == NAMED_METRICS);
}

struct entry {
    const unsigned char *name;
    size_t length;
    double value;
};

/* {1 key, 2 value}, either of which may be missing.  False: no message. */
static bool read_entry(const struct grebe__wire_field *map, struct entry *entry)
{
    struct grebe__wire wire = grebe__wire_of(map->bytes, map->length);
    struct grebe__wire_field field;

    *entry = (struct entry){.name = map->bytes};
    while (grebe__wire_next(&wire, &field)) {
        if (field.number == 1 && field.type == GREBE__WIRE_BYTES) {
            entry->name = field.bytes;
            entry->length = field.length;
        } else if (field.number == 2 && field.type == GREBE__WIRE_FIXED64) {
            entry->value = grebe__wire_double(&field);
        }
    }
    return !wire.is_bad;
}

static bool is_believable(uint32_t map, const struct entry *entry)
{
    bool is_possible =
        map == UTILIZATION ? is_fraction(entry->value) : is_number(entry->value);

    return is_possible && is_name(entry->name, entry->length);
}

/* How many there are, and more bytes than their names have. */
struct needs {
    size_t n[NAMED_METRICS + 1]; /* by field number */
    size_t n_all, text_bytes;
};

static int count(const struct grebe__wire_field *map, struct needs *needs)
{
    if (needs->n_all++ == GREBE__LOAD_METRICS_MAX)
        return GREBE_ERR_TOO_LARGE;
    needs->n[map->number]++;
    needs->text_bytes += map->length + 1;
    return GREBE_OK;
}

/* The three arrays, one behind the other, and then the names. */
struct filler {
    struct grebe_load_metric *next[NAMED_METRICS + 1];
    char *text;
};

static int fill(struct filler *filler, const struct grebe__wire_field *map)
{
    struct grebe_load_metric **next = &filler->next[map->number];
    struct entry entry;

    if (!read_entry(map, &entry))
        return GREBE_ERR_INVALID;
    if (!is_believable(map->number, &entry))
        return GREBE_OK;
    memcpy(filler->text, entry.name, entry.length);
    filler->text[entry.length] = '\0';
    *(*next)++ = (struct grebe_load_metric){filler->text, entry.value};
    filler->text += entry.length + 1;
    return GREBE_OK;
}

static int fill_all(struct filler *filler, const void *bytes, size_t length)
{
    struct grebe__wire wire = grebe__wire_of(bytes, length);
    struct grebe__wire_field field;
    int result = GREBE_OK;

    while (result == GREBE_OK && grebe__wire_next(&wire, &field))
        if (is_map(&field))
            result = fill(filler, &field);
    return result;
}

static int read_named(const void *bytes, size_t length, const struct needs *needs,
                      struct grebe__load_report *out)
{
    size_t arrays = needs->n_all * sizeof(struct grebe_load_metric);
    struct grebe_load_metric *cost, *utilization, *named;
    struct grebe_load_report *view = &out->view;
    struct filler filler;

    out->block = grebe_mem_alloc(out->mem, arrays + needs->text_bytes);
    if (out->block == NULL)
        return GREBE_ERR_NOMEM;
    filler.next[REQUEST_COST] = cost = out->block;
    filler.next[UTILIZATION] = utilization = cost + needs->n[REQUEST_COST];
    filler.next[NAMED_METRICS] = named = utilization + needs->n[UTILIZATION];
    filler.text = (char *)out->block + arrays;
    if (fill_all(&filler, bytes, length) != GREBE_OK)
        return GREBE_ERR_INVALID;
    view->request_cost = cost;
    view->n_request_cost = (size_t)(filler.next[REQUEST_COST] - cost);
    view->utilization = utilization;
    view->n_utilization = (size_t)(filler.next[UTILIZATION] - utilization);
    view->named_metrics = named;
    view->n_named_metrics = (size_t)(filler.next[NAMED_METRICS] - named);
    return GREBE_OK;
}

/* ---- The whole ---------------------------------------------------------------------------- */

int grebe__load_report_read(const struct grebe_mem *mem, const void *bytes, size_t length,
                            struct grebe__load_report *out)
{
    struct grebe__load_report report = {.mem = mem};
    struct grebe__wire wire = grebe__wire_of(bytes, length);
    struct grebe__wire_field field;
    struct needs needs = {{0}, 0, 0};
    int result = GREBE_OK;

    while (result == GREBE_OK && grebe__wire_next(&wire, &field)) {
        if (field.type == GREBE__WIRE_FIXED64)
            take_scalar(&report.view, &field);
        else if (is_map(&field))
            result = count(&field, &needs);
    }
    if (wire.is_bad)
        result = GREBE_ERR_INVALID;
    if (result == GREBE_OK && needs.n_all > 0)
        result = read_named(bytes, length, &needs, &report);
    if (result == GREBE_OK)
        *out = report;
    else
        grebe__load_report_fini(&report);
    return result;
}

void grebe__load_report_fini(struct grebe__load_report *report)
{
    grebe_mem_free(report->mem, report->block);
    report->block = NULL;
}

/* ---- By name ------------------------------------------------------------------------------ */

static bool get_scalar(double value, double *out)
{
    if (value == 0)
        return false; /* on the wire, 0 and nothing are the same */
    *out = value;
    return true;
}

static bool get_named(const struct grebe_load_metric *metrics, size_t n, const char *name,
                      double *out)
{
    while (n-- > 0)
        if (strcmp(metrics[n].name, name) == 0) {
            *out = metrics[n].value;
            return true;
        }
    return false;
}

/* What is left of `metric` behind "prefix."; NULL if it begins otherwise. */
static const char *behind(const char *metric, const char *prefix, size_t length)
{
    return strncmp(metric, prefix, length) == 0 ? metric + length : NULL;
}

#define BEHIND(metric, prefix) behind((metric), prefix ".", sizeof prefix)

bool grebe_load_report_get(const struct grebe_load_report *report, const char *metric,
                           double *out)
{
    const char *name;

    if ((name = BEHIND(metric, "named_metrics")) != NULL)
        return get_named(report->named_metrics, report->n_named_metrics, name, out);
    if ((name = BEHIND(metric, "utilization")) != NULL)
        return get_named(report->utilization, report->n_utilization, name, out);
    if ((name = BEHIND(metric, "request_cost")) != NULL)
        return get_named(report->request_cost, report->n_request_cost, name, out);
    if (strcmp(metric, "cpu_utilization") == 0)
        return get_scalar(report->cpu_utilization, out);
    if (strcmp(metric, "mem_utilization") == 0)
        return get_scalar(report->mem_utilization, out);
    if (strcmp(metric, "application_utilization") == 0)
        return get_scalar(report->application_utilization, out);
    if (strcmp(metric, "rps_fractional") == 0)
        return get_scalar(report->rps, out);
    if (strcmp(metric, "eps") == 0)
        return get_scalar(report->eps, out);
    return false;
}
