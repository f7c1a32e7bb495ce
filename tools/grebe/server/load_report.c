/* SPDX-License-Identifier: Apache-2.0 */
#include "server/load_report.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base64.h"
#include "units.h"

#define UNSET (-1.0)

static const char *const value_names[LOAD_VALUES] = {
    [LOAD_CPU] = "cpu", [LOAD_MEM] = "mem", [LOAD_APP] = "app",
    [LOAD_QPS] = "qps", [LOAD_EPS] = "eps",
};

static const char *const family_names[LOAD_FAMILIES] = {
    [LOAD_UTIL] = "util.",
    [LOAD_NAMED] = "named.",
    [LOAD_COST] = "cost.",
};

/* ---- Names ------------------------------------------------------------------------- */

/* The value or the entry that a name stands for. */
struct place {
    int value;               /* a load_value; LOAD_VALUES: it is an entry */
    enum load_family family; /* of the entry */
    const char *name;        /* of the entry, within its family */
};

static bool find_place(const char *name, struct place *out)
{
    *out = (struct place){.value = LOAD_VALUES};
    for (int i = 0; i < LOAD_VALUES; i++)
        if (strcmp(name, value_names[i]) == 0) {
            out->value = i;
            return true;
        }
    for (int i = 0; i < LOAD_FAMILIES; i++) {
        size_t length = strlen(family_names[i]);

        if (strncmp(name, family_names[i], length) != 0)
            continue;
        out->family = (enum load_family)i;
        out->name = name + length;
        return *out->name != '\0' && strlen(out->name) < LOAD_NAME_BYTES;
    }
    return false;
}

static struct load_entry *find_entry(struct load_report *report, enum load_family family,
                                     const char *name)
{
    for (size_t i = 0; i < report->n_entries; i++)
        if (report->entries[i].family == family &&
            strcmp(report->entries[i].name, name) == 0)
            return &report->entries[i];
    return NULL;
}

/* ---- Setting ----------------------------------------------------------------------- */

void load_report_init(struct load_report *report)
{
    report->n_entries = 0;
    for (int i = 0; i < LOAD_VALUES; i++)
        report->values[i] = UNSET;
}

static bool can_be(const struct place *place, double value)
{
    bool is_anything = place->value == LOAD_VALUES && place->family != LOAD_UTIL;
    bool is_fraction = place->value == LOAD_MEM ||
                       (place->value == LOAD_VALUES && place->family == LOAD_UTIL);

    return isfinite(value) && (is_anything || value >= 0) && (!is_fraction || value <= 1);
}

static bool set_entry(struct load_report *report, size_t most, enum load_family family,
                      const char *name, double value)
{
    struct load_entry *entry = find_entry(report, family, name);

    if (entry == NULL) {
        if (report->n_entries >= most)
            return false;
        entry = &report->entries[report->n_entries++];
        entry->family = family;
        memcpy(entry->name, name, strlen(name) + 1);
    }
    entry->value = value;
    return true;
}

bool load_report_set(struct load_report *report, const char *name, double value)
{
    struct place place;

    if (!find_place(name, &place) || !can_be(&place, value))
        return false;
    if (place.value == LOAD_VALUES)
        return set_entry(report, LOAD_ENTRIES, place.family, place.name, value);
    report->values[place.value] = value;
    return true;
}

void load_report_delete(struct load_report *report, const char *name)
{
    struct load_entry *entry;
    struct place place;

    if (!find_place(name, &place))
        return;
    if (place.value != LOAD_VALUES) {
        report->values[place.value] = UNSET;
        return;
    }
    entry = find_entry(report, place.family, place.name);
    if (entry != NULL)
        *entry = report->entries[--report->n_entries];
}

/* "named.queue=-3", of this length. */
static bool parse_one(struct load_report *report, const char *text, size_t length)
{
    char copy[LOAD_NAME_BYTES + 40], *equals;
    bool is_negative;
    double value;

    if (length >= sizeof copy)
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    equals = strchr(copy, '=');
    if (equals == NULL)
        return false;
    *equals = '\0';
    is_negative = equals[1] == '-';
    return units_parse_number(equals + 1 + is_negative, &value) &&
           load_report_set(report, copy, is_negative ? -value : value);
}

bool load_report_parse(struct load_report *report, const char *text)
{
    for (;;) {
        size_t length = strcspn(text, ",");

        if (!parse_one(report, text, length))
            return false;
        if (text[length] == '\0')
            return true;
        text += length + 1;
    }
}

void load_report_merge(struct load_report *report, const struct load_report *over)
{
    for (int i = 0; i < LOAD_VALUES; i++)
        if (over->values[i] >= 0)
            report->values[i] = over->values[i];
    for (size_t i = 0; i < over->n_entries; i++) {
        const struct load_entry *entry = &over->entries[i];

        set_entry(report, LOAD_MERGED_ENTRIES, entry->family, entry->name, entry->value);
    }
}

/* ---- On the wire ------------------------------------------------------------------- */

static double told(const struct load_report *report, enum load_value value)
{
    return report->values[value] < 0 ? 0 : report->values[value];
}

static void add_util(struct load_message *message, char *name, double value)
{
    size_t i = message->report.n_utilization++;

    xds__data__orca__v3__orca_load_report__utilization_entry__init(&message->util[i]);
    message->util[i].key = name;
    message->util[i].value = value;
    message->utils[i] = &message->util[i];
}

static void add_named(struct load_message *message, char *name, double value)
{
    size_t i = message->report.n_named_metrics++;

    xds__data__orca__v3__orca_load_report__named_metrics_entry__init(&message->named[i]);
    message->named[i].key = name;
    message->named[i].value = value;
    message->nameds[i] = &message->named[i];
}

static void add_cost(struct load_message *message, char *name, double value)
{
    size_t i = message->report.n_request_cost++;

    xds__data__orca__v3__orca_load_report__request_cost_entry__init(&message->cost[i]);
    message->cost[i].key = name;
    message->cost[i].value = value;
    message->costs[i] = &message->cost[i];
}

void load_message_init(struct load_message *message, const struct load_report *report)
{
    static void (*const adders[LOAD_FAMILIES])(struct load_message *, char *, double) = {
        [LOAD_UTIL] = add_util,
        [LOAD_NAMED] = add_named,
        [LOAD_COST] = add_cost,
    };

    xds__data__orca__v3__orca_load_report__init(&message->report);
    message->report.cpu_utilization = told(report, LOAD_CPU);
    message->report.mem_utilization = told(report, LOAD_MEM);
    message->report.application_utilization = told(report, LOAD_APP);
    message->report.rps_fractional = told(report, LOAD_QPS);
    message->report.eps = told(report, LOAD_EPS);
    message->report.utilization = message->utils;
    message->report.named_metrics = message->nameds;
    message->report.request_cost = message->costs;
    for (size_t i = 0; i < report->n_entries; i++) {
        const struct load_entry *entry = &report->entries[i];

        adders[entry->family](message, (char *)(uintptr_t)entry->name, entry->value);
    }
}

void load_report_write_trailer(const struct load_report *report,
                               char out[LOAD_TRAILER_BYTES])
{
    struct load_message message;
    uint8_t packed[LOAD_PACKED_BYTES];

    load_message_init(&message, report);
    base64_encode(packed, protobuf_c_message_pack(&message.report.base, packed), false,
                  out);
}
