/* SPDX-License-Identifier: Apache-2.0 */
#include "core/meter.h"

#include <string.h>

#include <grebe/locality.h>

#include "base/assert.h"
#include "base/hash.h"

/* One of those who keep a series. */
struct sink {
    struct grebe_recorder *recorder; /* the meter's */
    void *series;                    /* the recorder's */
};

/* One block: the struct, its sinks, the values, their text. */
struct grebe_series {
    const struct grebe_instrument *instrument; /* NULL: of nobody */
    const char **values;
    bool is_shared;
    size_t n_sinks;
    struct sink sinks[];
};

/* ---- Recording ------------------------------------------------------------------------- */

static bool has_kind(const struct grebe_series *series, enum grebe_instrument_kind kind)
{
    return series->instrument == NULL || series->instrument->kind == kind;
}

void grebe_series_add(struct grebe_series *series, int64_t by)
{
    GREBE_ASSERT(has_kind(series, GREBE_INSTRUMENT_UP_DOWN_COUNTER) ||
                 (has_kind(series, GREBE_INSTRUMENT_COUNTER) && by >= 0));
    for (size_t i = 0; i < series->n_sinks; i++) {
        const struct sink *sink = &series->sinks[i];

        sink->recorder->ops->add(sink->recorder, sink->series, by);
    }
}

void grebe_series_record(struct grebe_series *series, double value)
{
    GREBE_ASSERT(has_kind(series, GREBE_INSTRUMENT_HISTOGRAM));
    for (size_t i = 0; i < series->n_sinks; i++) {
        const struct sink *sink = &series->sinks[i];

        sink->recorder->ops->record(sink->recorder, sink->series, value);
    }
}

void grebe_series_set(struct grebe_series *series, double value)
{
    GREBE_ASSERT(has_kind(series, GREBE_INSTRUMENT_GAUGE));
    for (size_t i = 0; i < series->n_sinks; i++) {
        const struct sink *sink = &series->sinks[i];

        sink->recorder->ops->set(sink->recorder, sink->series, value);
    }
}

struct grebe_series *grebe__series_of_nobody(void)
{
    static struct grebe_series nobody;

    return &nobody;
}

/* ---- Series ---------------------------------------------------------------------------- */

static size_t n_values(const struct grebe_instrument *instrument)
{
    return instrument->n_labels + instrument->n_optional_labels;
}

static uint64_t hash(const void *key)
{
    const struct grebe_series *series = key;
    uint64_t sum = grebe__hash64_text(series->instrument->name);

    for (size_t i = 0; i < n_values(series->instrument); i++)
        sum = grebe__hash64(series->values[i], strlen(series->values[i]), sum);
    return sum;
}

static bool equal(const void *a, const void *b)
{
    const struct grebe_series *first = a, *second = b;

    if (first->instrument != second->instrument || first->is_shared != second->is_shared)
        return false;
    for (size_t i = 0; i < n_values(first->instrument); i++)
        if (strcmp(first->values[i], second->values[i]) != 0)
            return false;
    return true;
}

static const struct grebe__map_ops map_ops = {.hash = hash, .equal = equal};

/* A series like `key`, with room for a sink of each recorder. */
static struct grebe_series *copy(const struct grebe__meter *meter,
                                 const struct grebe_series *key)
{
    size_t n = n_values(key->instrument);
    size_t size =
        sizeof *key + meter->n_recorders * sizeof(struct sink) + n * sizeof(const char *);
    struct grebe_series *series;
    char *text;

    for (size_t i = 0; i < n; i++)
        size += strlen(key->values[i]) + 1;
    series = grebe_mem_alloc(meter->mem, size);
    if (series == NULL)
        return NULL;
    *series = *key;
    series->values = (const char **)&series->sinks[meter->n_recorders];
    text = (char *)&series->values[n];
    for (size_t i = 0; i < n; i++) {
        size_t length = strlen(key->values[i]) + 1;

        memcpy(text, key->values[i], length);
        series->values[i] = text;
        text += length;
    }
    return series;
}

static void open_sinks(const struct grebe__meter *meter, struct grebe_series *series)
{
    const struct grebe_series_info info = {
        .instrument = series->instrument,
        .values = series->values,
        .is_shared = series->is_shared,
    };

    for (size_t i = 0; i < meter->n_recorders; i++) {
        struct sink sink = {.recorder = meter->recorders[i]};

        if (sink.recorder->ops->open(sink.recorder, &info, &sink.series))
            series->sinks[series->n_sinks++] = sink;
    }
}

struct grebe_series *grebe__meter_series(struct grebe__meter *meter,
                                         const struct grebe_instrument *instrument,
                                         const char *const *values, size_t n,
                                         bool is_shared)
{
    const char *all[GREBE_INSTRUMENT_LABELS_MAX];
    struct grebe_series key = {
        .instrument = instrument, .values = all, .is_shared = is_shared};
    struct grebe_series *series;

    for (size_t i = 0; i < n_values(instrument); i++)
        all[i] = i < n && values[i] != NULL ? values[i] : "";
    series = grebe__map_get(&meter->series, &key);
    if (series != NULL)
        return series;
    series = copy(meter, &key);
    if (series == NULL)
        return NULL;
    if (grebe__map_put(&meter->series, series, series) != GREBE_OK) {
        grebe_mem_free(meter->mem, series);
        return NULL;
    }
    open_sinks(meter, series);
    return series;
}

/* ---- Labels of backends ---------------------------------------------------------------- */

/* A policy that knows more of an address than its resolver says so in balancer attributes. */
static void *attribute(const struct grebe_address *address,
                       const struct grebe_attribute_key *key)
{
    void *value = grebe_attributes_get(grebe_address_balancer_attributes(address), key);

    return value != NULL ? value
                         : grebe_attributes_get(grebe_address_attributes(address), key);
}

static struct grebe__backend_labels *add_labels(struct grebe__meter *meter,
                                                const char *locality,
                                                const char *backend_service)
{
    size_t n_locality = strlen(locality) + 1, n_service = strlen(backend_service) + 1;
    struct grebe__backend_labels *labels =
        grebe_mem_alloc(meter->mem, sizeof *labels + n_locality + n_service);
    char *text;

    if (labels == NULL)
        return NULL;
    text = (char *)(labels + 1);
    labels->locality = memcpy(text, locality, n_locality);
    labels->backend_service = memcpy(text + n_locality, backend_service, n_service);
    labels->next = meter->labels;
    meter->labels = labels;
    return labels;
}

const struct grebe__backend_labels *
grebe__meter_labels(struct grebe__meter *meter, const struct grebe_address *address)
{
    const struct grebe_locality *locality = attribute(address, &GREBE_ATTRIBUTE_LOCALITY);
    const char *service = attribute(address, &GREBE_ATTRIBUTE_BACKEND_SERVICE);
    const char *where = locality == NULL ? "" : grebe_locality_label(locality);

    service = service == NULL ? "" : service;
    if (*where == '\0' && *service == '\0')
        return NULL;
    for (struct grebe__backend_labels *at = meter->labels; at != NULL; at = at->next)
        if (strcmp(at->locality, where) == 0 && strcmp(at->backend_service, service) == 0)
            return at;
    return add_labels(meter, where, service);
}

/* ---- Life ------------------------------------------------------------------------------ */

struct grebe__meter *grebe__meter_new(const struct grebe_mem *mem,
                                      struct grebe_recorder *const *recorders, size_t n)
{
    struct grebe__meter *meter =
        grebe_mem_alloc(mem, sizeof *meter + n * sizeof(struct grebe_recorder *));

    if (meter == NULL)
        return NULL;
    meter->mem = mem;
    meter->labels = NULL;
    meter->n_recorders = n;
    grebe__map_init(&meter->series, mem, &map_ops);
    for (size_t i = 0; i < n; i++)
        meter->recorders[i] = grebe_recorder_ref(recorders[i]);
    return meter;
}

static void close_series(const struct grebe__meter *meter, struct grebe_series *series)
{
    for (size_t i = 0; i < series->n_sinks; i++) {
        const struct sink *sink = &series->sinks[i];

        sink->recorder->ops->close(sink->recorder, sink->series);
    }
    grebe_mem_free(meter->mem, series);
}

void grebe__meter_free(struct grebe__meter *meter)
{
    struct grebe__map_entry *entry = NULL;

    if (meter == NULL)
        return;
    while ((entry = grebe__map_next(&meter->series, entry)) != NULL)
        close_series(meter, entry->value);
    grebe__map_fini(&meter->series);
    for (struct grebe__backend_labels *at = meter->labels, *after; at != NULL;
         at = after) {
        after = at->next;
        grebe_mem_free(meter->mem, at);
    }
    for (size_t i = 0; i < meter->n_recorders; i++)
        grebe_recorder_unref(meter->recorders[i]);
    grebe_mem_free(meter->mem, meter);
}
