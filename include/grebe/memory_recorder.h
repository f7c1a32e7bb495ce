/* SPDX-License-Identifier: Apache-2.0 */
/* grebe/memory_recorder.h -- a recorder that keeps its figures in memory, to be read.
 *
 *   grebe_memory_recorder_new(&options, &metrics);
 *   channel_options.recorders = &recorder;     (one of any number of channels)
 *   grebe_memory_recorder_write(metrics, ...)  (whenever somebody asks: a scrape, a log)
 *
 * Figures of channels that are gone stay, as counters must; channels with the same labels
 * are told as one.  What it takes up depends on how many different labels there were, and
 * how many channels at a time; recording itself allocates nothing and takes no lock.
 *
 * Threading   Any thread, while calls run.  Each figure read is one that was true; those
 *             read together may differ by what was recorded meanwhile.
 * Sources     Prometheus text format 0.0.4; OpenMetrics 1.0; OpenTelemetry's rules for
 *             naming its metrics in Prometheus.
 */
#ifndef GREBE_MEMORY_RECORDER_H
#define GREBE_MEMORY_RECORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <grebe/attr.h>
#include <grebe/error.h>
#include <grebe/mem.h>
#include <grebe/metrics.h>

GREBE_BEGIN_DECLS

struct grebe_memory_recorder;

/* Fill with GREBE_MEMORY_RECORDER_OPTIONS_INIT, then set what you need.  Copied.  A name
 * that ends in '*' stands for all that begin like it. */
struct grebe_memory_recorder_options {
    size_t struct_size;
    const struct grebe_mem *mem; /* NULL: malloc */
    const char *const *enables;  /* instruments, besides those that are on by default */
    size_t n_enables;
    const char *const *disables; /* instruments that are not kept, whatever else says */
    size_t n_disables;
    const char *const *optional_labels; /* of those, which to keep */
    size_t n_optional_labels;
    /* False: this grpc.target is told as "other".  NULL: each is told as it is. */
    bool (*keeps_target)(void *arg, const char *target);
    void *arg;
};
#define GREBE_MEMORY_RECORDER_OPTIONS_INIT                                               \
    {                                                                                    \
        sizeof(struct grebe_memory_recorder_options), NULL, NULL, 0, NULL, 0, NULL, 0,   \
            NULL, NULL                                                                   \
    }

/* One reference.  `options` NULL: what is on by default, without optional labels.
 * GREBE_ERR_NOMEM. */
GREBE_API int
grebe_memory_recorder_new(const struct grebe_memory_recorder_options *options,
                          struct grebe_memory_recorder **out) GREBE_MUST_CHECK;
GREBE_API struct grebe_memory_recorder *
grebe_memory_recorder_ref(struct grebe_memory_recorder *recorder);
/* Channels hold references of their own.  NULL: no-op. */
GREBE_API void grebe_memory_recorder_unref(struct grebe_memory_recorder *recorder);

/* For the options of a channel.  Borrowed. */
GREBE_API struct grebe_recorder *
grebe_memory_recorder_base(struct grebe_memory_recorder *recorder);

/* ---- Reading ---------------------------------------------------------------------- */

/* A series of all channels with the same labels.  Borrowed for the call. */
struct grebe_figures {
    const struct grebe_instrument *instrument;
    const char *const *labels; /* those that are kept */
    const char *const *values;
    size_t n_labels;
    int64_t sum;             /* COUNTER, UP_DOWN_COUNTER */
    double value;            /* GAUGE: the value; HISTOGRAM: the sum of all values */
    uint64_t count;          /* HISTOGRAM: how many */
    const uint64_t *buckets; /* HISTOGRAM: n_bounds + 1; the i-th counts what is above
                              * bounds[i - 1] and not above bounds[i] */
};

/* Every series, those of one instrument after each other. */
GREBE_API void grebe_memory_recorder_each(
    struct grebe_memory_recorder *recorder,
    void (*on_series)(void *arg, const struct grebe_figures *figures), void *arg);

enum grebe_exposition {
    GREBE_EXPOSITION_PROMETHEUS,  /* what every scraper reads */
    GREBE_EXPOSITION_OPENMETRICS, /* for one whose Accept header asks for it */
};

/* For the header of an answer to a scrape. */
GREBE_API const char *grebe_exposition_content_type(enum grebe_exposition exposition);

/* All of it as text, piece by piece.  Nothing is allocated. */
GREBE_API void grebe_memory_recorder_write(
    struct grebe_memory_recorder *recorder, enum grebe_exposition exposition,
    void (*write)(void *arg, const char *text, size_t length), void *arg);

/* The same into a buffer, cut to `size` bytes with a NUL.  Returns the length it would
 * have had, as snprintf does. */
GREBE_API size_t grebe_memory_recorder_format(struct grebe_memory_recorder *recorder,
                                              enum grebe_exposition exposition, char *buf,
                                              size_t size);

GREBE_END_DECLS

#endif
