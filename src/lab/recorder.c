/* SPDX-License-Identifier: Apache-2.0 */
#include "lab/recorder.h"

#include <string.h>

#include "core/meter.h"
#include "lab/internal.h"

/* A series as it was opened: one block, the values behind the pointers to them. */
struct series {
    const struct grebe_instrument *instrument;
    const char *values[GREBE_INSTRUMENT_LABELS_MAX];
    char text[];
};

static struct lab *lab_of(struct grebe_recorder *base)
{
    return grebe_container_of(base, struct lab_recorder, base)->lab;
}

static size_t n_labels(const struct grebe_instrument *instrument)
{
    return instrument->n_labels + instrument->n_optional_labels;
}

static bool open(struct grebe_recorder *base, const struct grebe_series_info *info,
                 void **out)
{
    struct lab *lab = lab_of(base);
    size_t n = n_labels(info->instrument), size = 0;
    struct series *series;
    char *text;

    for (size_t i = 0; i < n; i++)
        size += strlen(info->values[i]) + 1;
    series = grebe_mem_alloc(lab->options.mem, sizeof *series + size);
    if (series == NULL) {
        lab->is_short_of_memory = true;
        return false;
    }
    series->instrument = info->instrument;
    text = series->text;
    for (size_t i = 0; i < n; i++) {
        size_t length = strlen(info->values[i]) + 1;

        series->values[i] = memcpy(text, info->values[i], length);
        text += length;
    }
    *out = series;
    return true;
}

static void close(struct grebe_recorder *base, void *series)
{
    grebe_mem_free(lab_of(base)->options.mem, series);
}

static void tell(struct grebe_recorder *base, const struct series *series,
                 struct lab_metric metric)
{
    metric.instrument = series->instrument;
    metric.values = series->values;
    lab__emit(lab_of(base), (struct lab_event){.kind = LAB_METRIC, .metric = metric});
}

static void add(struct grebe_recorder *base, void *series, int64_t by)
{
    tell(base, series, (struct lab_metric){.is_integer = true, .integer = by});
}

static void record(struct grebe_recorder *base, void *series, double value)
{
    tell(base, series, (struct lab_metric){.number = value});
}

/* It lives in the lab. */
static void destroy(struct grebe_recorder *base)
{
    (void)base;
}

static const struct grebe_recorder_ops ops = {
    .open = open,
    .add = add,
    .record = record,
    .set = record,
    .close = close,
    .destroy = destroy,
};

int lab__recorder_start(struct lab *lab)
{
    struct grebe_recorder *recorder = &lab->recorder.base;

    lab->recorder.lab = lab;
    grebe_recorder_init(recorder, &ops);
    lab->host.meter = grebe__meter_new(lab->options.mem, &recorder, 1);
    return lab->host.meter == NULL ? GREBE_ERR_NOMEM : GREBE_OK;
}

void lab__recorder_stop(struct lab *lab)
{
    grebe__meter_free(lab->host.meter);
    lab->host.meter = NULL;
}
