/* SPDX-License-Identifier: Apache-2.0 */
/* metrics/memory_recorder.c -- figures in memory.
 *
 *   recorder --> family --> row --> cell
 *                an         a value  what one channel adds to it; free for the next
 *                instrument for each channel when that is gone, with its figures
 *                           label
 *
 * Everything hangs on chains that only grow, so readers and those who open a series need
 * no lock.  A cell is written by one thread at a time, unless its series is shared: then,
 * and only then, it costs atomic additions.
 */
#include <grebe/memory_recorder.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "base/assert.h"
#include "base/chain.h"
#include "base/options.h"

struct cell {
    struct grebe__chain link;
    atomic_bool is_taken; /* by a channel */
    bool is_shared;       /* whoever took it decides */
    size_t n_bounds;
    const double *bounds;
    _Atomic int64_t sum;
    _Atomic double value;
    _Atomic uint64_t buckets[]; /* n_bounds + 1 */
};

struct row {
    struct grebe__chain link;
    struct grebe__chain cells;
    const char *values[]; /* of the family's labels; their text follows */
};

struct family {
    struct grebe__chain link;
    struct grebe__chain rows;
    const struct grebe_instrument *instrument;
    size_t n_labels;
    const char *labels[GREBE_INSTRUMENT_LABELS_MAX];
    uint8_t from[GREBE_INSTRUMENT_LABELS_MAX]; /* where a series has their values */
};

struct names {
    const char **items;
    size_t n;
};

struct grebe_memory_recorder {
    struct grebe_recorder base;
    const struct grebe_mem *mem;
    struct names enables, disables, optional_labels;
    bool (*keeps_target)(void *arg, const char *target);
    void *arg;
    struct grebe__chain families;
};

static struct grebe_memory_recorder *of(struct grebe_recorder *base)
{
    return grebe_container_of(base, struct grebe_memory_recorder, base);
}

static struct family *family_of(struct grebe__chain *link)
{
    return grebe_container_of(link, struct family, link);
}

static struct row *row_of(struct grebe__chain *link)
{
    return grebe_container_of(link, struct row, link);
}

static struct cell *cell_of(struct grebe__chain *link)
{
    return grebe_container_of(link, struct cell, link);
}

/* ---- What is kept ---------------------------------------------------------------------- */

static bool is_like(const char *name, const char *pattern)
{
    size_t length = strlen(pattern);

    if (length > 0 && pattern[length - 1] == '*')
        return strncmp(name, pattern, length - 1) == 0;
    return strcmp(name, pattern) == 0;
}

static bool is_among(const char *name, const struct names *names)
{
    for (size_t i = 0; i < names->n; i++)
        if (is_like(name, names->items[i]))
            return true;
    return false;
}

static bool keeps(const struct grebe_memory_recorder *recorder,
                  const struct grebe_instrument *instrument)
{
    return !is_among(instrument->name, &recorder->disables) &&
           (instrument->is_on_by_default ||
            is_among(instrument->name, &recorder->enables));
}

/* ---- Families -------------------------------------------------------------------------- */

static bool is_of(struct grebe__chain *link, const void *instrument)
{
    return family_of(link)->instrument == instrument;
}

static void add_label(struct family *family, const char *label, size_t from)
{
    family->labels[family->n_labels] = label;
    family->from[family->n_labels++] = (uint8_t)from;
}

static struct family *make_family(const struct grebe_memory_recorder *recorder,
                                  const struct grebe_instrument *instrument)
{
    struct family *family = grebe_mem_zalloc(recorder->mem, sizeof *family);

    if (family == NULL)
        return NULL;
    family->instrument = instrument;
    for (size_t i = 0; i < instrument->n_labels; i++)
        add_label(family, instrument->labels[i], i);
    for (size_t i = 0; i < instrument->n_optional_labels; i++)
        if (is_among(instrument->optional_labels[i], &recorder->optional_labels))
            add_label(family, instrument->optional_labels[i], instrument->n_labels + i);
    return family;
}

/* NULL: not kept, or no memory. */
static struct family *family_for(struct grebe_memory_recorder *recorder,
                                 const struct grebe_instrument *instrument)
{
    struct grebe__chain *found =
        grebe__chain_find(&recorder->families, is_of, instrument);
    struct family *made;

    if (found != NULL)
        return family_of(found);
    made = keeps(recorder, instrument) ? make_family(recorder, instrument) : NULL;
    if (made == NULL)
        return NULL;
    found = grebe__chain_append(&recorder->families, &made->link, is_of, instrument);
    if (found != &made->link)
        grebe_mem_free(recorder->mem, made);
    return family_of(found);
}

/* ---- Rows ------------------------------------------------------------------------------ */

struct values {
    size_t n;
    const char *items[GREBE_INSTRUMENT_LABELS_MAX];
};

/* What a series has to say under the family's labels. */
static struct values values_of(const struct grebe_memory_recorder *recorder,
                               const struct family *family,
                               const struct grebe_series_info *info)
{
    struct values values = {.n = family->n_labels};

    for (size_t i = 0; i < values.n; i++) {
        const char *value = info->values[family->from[i]];
        bool is_hidden = recorder->keeps_target != NULL &&
                         strcmp(family->labels[i], "grpc.target") == 0 &&
                         !recorder->keeps_target(recorder->arg, value);

        values.items[i] = is_hidden ? "other" : value;
    }
    return values;
}

static bool has_values(struct grebe__chain *link, const void *key)
{
    struct row *row = row_of(link);
    const struct values *values = key;

    for (size_t i = 0; i < values->n; i++)
        if (strcmp(row->values[i], values->items[i]) != 0)
            return false;
    return true;
}

static struct row *make_row(const struct grebe_memory_recorder *recorder,
                            const struct values *values)
{
    size_t size = sizeof(struct row) + values->n * sizeof(const char *);
    struct row *row;
    char *text;

    for (size_t i = 0; i < values->n; i++)
        size += strlen(values->items[i]) + 1;
    row = grebe_mem_zalloc(recorder->mem, size);
    if (row == NULL)
        return NULL;
    text = (char *)&row->values[values->n];
    for (size_t i = 0; i < values->n; i++) {
        size_t length = strlen(values->items[i]) + 1;

        memcpy(text, values->items[i], length);
        row->values[i] = text;
        text += length;
    }
    return row;
}

static struct row *row_for(struct grebe_memory_recorder *recorder, struct family *family,
                           const struct values *values)
{
    struct grebe__chain *found = grebe__chain_find(&family->rows, has_values, values);
    struct row *made;

    if (found != NULL)
        return row_of(found);
    made = make_row(recorder, values);
    if (made == NULL)
        return NULL;
    found = grebe__chain_append(&family->rows, &made->link, has_values, values);
    if (found != &made->link)
        grebe_mem_free(recorder->mem, made);
    return row_of(found);
}

/* ---- Cells ----------------------------------------------------------------------------- */

/* Ours from now on; what was in it stays. */
static bool take(struct cell *cell)
{
    bool is_taken = false;

    return atomic_compare_exchange_strong_explicit(
        &cell->is_taken, &is_taken, true, memory_order_acquire, memory_order_relaxed);
}

static bool take_if_free(struct grebe__chain *link, const void *nothing)
{
    (void)nothing;
    return take(cell_of(link));
}

static bool is_nobody(struct grebe__chain *link, const void *nothing)
{
    (void)link, (void)nothing;
    return false;
}

static struct cell *make_cell(const struct grebe_memory_recorder *recorder,
                              const struct grebe_instrument *instrument)
{
    size_t n_buckets = instrument->n_bounds == 0 ? 0 : instrument->n_bounds + 1;
    struct cell *cell = grebe_mem_zalloc(
        recorder->mem, sizeof *cell + n_buckets * sizeof cell->buckets[0]);

    if (cell == NULL)
        return NULL;
    cell->n_bounds = instrument->n_bounds;
    cell->bounds = instrument->bounds;
    atomic_init(&cell->is_taken, true);
    return cell;
}

static struct cell *cell_for(struct grebe_memory_recorder *recorder, struct row *row,
                             const struct grebe_instrument *instrument)
{
    struct grebe__chain *free_one = grebe__chain_find(&row->cells, take_if_free, NULL);
    struct cell *made;

    if (free_one != NULL)
        return cell_of(free_one);
    made = make_cell(recorder, instrument);
    if (made != NULL)
        grebe__chain_append(&row->cells, &made->link, is_nobody, NULL);
    return made;
}

/* ---- Recording ------------------------------------------------------------------------- */

static bool open_series(struct grebe_recorder *base, const struct grebe_series_info *info,
                        void **series)
{
    struct grebe_memory_recorder *recorder = of(base);
    struct family *family = family_for(recorder, info->instrument);
    struct values values;
    struct row *row;
    struct cell *cell;

    if (family == NULL)
        return false;
    values = values_of(recorder, family, info);
    row = row_for(recorder, family, &values);
    cell = row == NULL ? NULL : cell_for(recorder, row, info->instrument);
    if (cell == NULL)
        return false;
    cell->is_shared = info->is_shared;
    *series = cell;
    return true;
}

static void add(struct grebe_recorder *base, void *series, int64_t by)
{
    struct cell *cell = series;

    (void)base;
    if (cell->is_shared)
        atomic_fetch_add_explicit(&cell->sum, by, memory_order_relaxed);
    else
        atomic_store_explicit(&cell->sum,
                              atomic_load_explicit(&cell->sum, memory_order_relaxed) + by,
                              memory_order_relaxed);
}

/* The first bucket whose bound is not below `value`; the last is for all beyond. */
static size_t bucket_of(const struct cell *cell, double value)
{
    size_t low = 0, high = cell->n_bounds;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (value <= cell->bounds[middle])
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static void record(struct grebe_recorder *base, void *series, double value)
{
    struct cell *cell = series;
    _Atomic uint64_t *bucket = &cell->buckets[bucket_of(cell, value)];
    double sum = atomic_load_explicit(&cell->value, memory_order_relaxed);

    (void)base;
    if (!cell->is_shared) {
        atomic_store_explicit(bucket,
                              atomic_load_explicit(bucket, memory_order_relaxed) + 1,
                              memory_order_relaxed);
        atomic_store_explicit(&cell->value, sum + value, memory_order_relaxed);
        return;
    }
    atomic_fetch_add_explicit(bucket, 1, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(
        &cell->value, &sum, sum + value, memory_order_relaxed, memory_order_relaxed))
        continue;
}

static void set(struct grebe_recorder *base, void *series, double value)
{
    struct cell *cell = series;

    (void)base;
    atomic_store_explicit(&cell->value, value, memory_order_relaxed);
}

static void close_series(struct grebe_recorder *base, void *series)
{
    struct cell *cell = series;

    (void)base;
    atomic_store_explicit(&cell->is_taken, false, memory_order_release);
}

/* ---- Life ------------------------------------------------------------------------------ */

static void free_cells(struct grebe_memory_recorder *recorder, struct grebe__chain *cells)
{
    for (struct grebe__chain *link = grebe__chain_next(cells), *after; link != NULL;
         link = after) {
        after = grebe__chain_next(link);
        grebe_mem_free(recorder->mem, cell_of(link));
    }
}

static void free_rows(struct grebe_memory_recorder *recorder, struct grebe__chain *rows)
{
    for (struct grebe__chain *link = grebe__chain_next(rows), *after; link != NULL;
         link = after) {
        after = grebe__chain_next(link);
        free_cells(recorder, &row_of(link)->cells);
        grebe_mem_free(recorder->mem, row_of(link));
    }
}

static void destroy(struct grebe_recorder *base)
{
    struct grebe_memory_recorder *recorder = of(base);
    const struct grebe_mem *mem = recorder->mem;

    for (struct grebe__chain *link = grebe__chain_next(&recorder->families), *after;
         link != NULL; link = after) {
        after = grebe__chain_next(link);
        free_rows(recorder, &family_of(link)->rows);
        grebe_mem_free(mem, family_of(link));
    }
    grebe_mem_free(mem, recorder->enables.items);
    grebe_mem_free(mem, recorder->disables.items);
    grebe_mem_free(mem, recorder->optional_labels.items);
    grebe_mem_free(mem, recorder);
}

static const struct grebe_recorder_ops recorder_ops = {
    .open = open_series,
    .add = add,
    .record = record,
    .set = set,
    .close = close_series,
    .destroy = destroy,
};

/* One block: the pointers, then the text. */
static int copy_names(const struct grebe_mem *mem, const char *const *from, size_t n,
                      struct names *out)
{
    size_t size = n * sizeof(const char *);
    char *text;

    if (n == 0)
        return GREBE_OK;
    for (size_t i = 0; i < n; i++)
        size += strlen(from[i]) + 1;
    out->items = grebe_mem_alloc(mem, size);
    if (out->items == NULL)
        return GREBE_ERR_NOMEM;
    text = (char *)&out->items[n];
    for (size_t i = 0; i < n; i++) {
        size_t length = strlen(from[i]) + 1;

        memcpy(text, from[i], length);
        out->items[i] = text;
        text += length;
    }
    out->n = n;
    return GREBE_OK;
}

int grebe_memory_recorder_new(const struct grebe_memory_recorder_options *given,
                              struct grebe_memory_recorder **out)
{
    struct grebe_memory_recorder_options options = GREBE_MEMORY_RECORDER_OPTIONS_INIT;
    struct grebe_memory_recorder *recorder;

    if (given != NULL)
        grebe__options_read(&options, sizeof options, given);
    recorder = grebe_mem_zalloc(options.mem, sizeof *recorder);
    if (recorder == NULL)
        return GREBE_ERR_NOMEM;
    grebe_recorder_init(&recorder->base, &recorder_ops);
    recorder->mem = options.mem;
    recorder->keeps_target = options.keeps_target;
    recorder->arg = options.arg;
    if (copy_names(options.mem, options.enables, options.n_enables, &recorder->enables) !=
            GREBE_OK ||
        copy_names(options.mem, options.disables, options.n_disables,
                   &recorder->disables) != GREBE_OK ||
        copy_names(options.mem, options.optional_labels, options.n_optional_labels,
                   &recorder->optional_labels) != GREBE_OK) {
        destroy(&recorder->base);
        return GREBE_ERR_NOMEM;
    }
    *out = recorder;
    return GREBE_OK;
}

struct grebe_memory_recorder *
grebe_memory_recorder_ref(struct grebe_memory_recorder *recorder)
{
    grebe_recorder_ref(&recorder->base);
    return recorder;
}

void grebe_memory_recorder_unref(struct grebe_memory_recorder *recorder)
{
    if (recorder != NULL)
        grebe_recorder_unref(&recorder->base);
}

struct grebe_recorder *grebe_memory_recorder_base(struct grebe_memory_recorder *recorder)
{
    return &recorder->base;
}

/* ---- Reading --------------------------------------------------------------------------- */

/* True if the cell counts: what a channel that is gone last said of itself does not. */
static bool counts(const struct cell *cell, enum grebe_instrument_kind kind)
{
    return kind != GREBE_INSTRUMENT_GAUGE ||
           atomic_load_explicit(&cell->is_taken, memory_order_relaxed);
}

/* The cells of a row as one.  False if there is nothing to tell. */
static bool sum_up(struct row *row, struct grebe_figures *figures,
                   uint64_t buckets[GREBE_INSTRUMENT_BOUNDS_MAX + 1])
{
    const struct grebe_instrument *instrument = figures->instrument;
    size_t n_buckets = instrument->n_bounds == 0 ? 0 : instrument->n_bounds + 1;
    struct grebe__chain *link = &row->cells;
    bool has_any = false;

    memset(buckets, 0, n_buckets * sizeof buckets[0]);
    figures->sum = 0;
    figures->value = 0;
    figures->count = 0;
    while ((link = grebe__chain_next(link)) != NULL) {
        const struct cell *cell = cell_of(link);

        if (!counts(cell, instrument->kind))
            continue;
        has_any = true;
        figures->sum += atomic_load_explicit(&cell->sum, memory_order_relaxed);
        figures->value += atomic_load_explicit(&cell->value, memory_order_relaxed);
        for (size_t i = 0; i < n_buckets; i++)
            buckets[i] += atomic_load_explicit(&cell->buckets[i], memory_order_relaxed);
    }
    for (size_t i = 0; i < n_buckets; i++)
        figures->count += buckets[i];
    return has_any;
}

void grebe_memory_recorder_each(struct grebe_memory_recorder *recorder,
                                void (*on_series)(void *arg,
                                                  const struct grebe_figures *figures),
                                void *arg)
{
    uint64_t buckets[GREBE_INSTRUMENT_BOUNDS_MAX + 1];
    struct grebe__chain *of_family = &recorder->families;

    while ((of_family = grebe__chain_next(of_family)) != NULL) {
        struct family *family = family_of(of_family);
        struct grebe__chain *of_row = &family->rows;

        while ((of_row = grebe__chain_next(of_row)) != NULL) {
            struct grebe_figures figures = {
                .instrument = family->instrument,
                .labels = family->labels,
                .values = row_of(of_row)->values,
                .n_labels = family->n_labels,
                .buckets = family->instrument->n_bounds == 0 ? NULL : buckets,
            };

            if (sum_up(row_of(of_row), &figures, buckets))
                on_series(arg, &figures);
        }
    }
}
