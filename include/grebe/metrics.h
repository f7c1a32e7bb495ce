/* SPDX-License-Identifier: Apache-2.0 */
/* grebe/metrics.h -- what a running client counts, and who keeps the figures.
 *
 *   instrument   what is measured: name, unit, labels
 *   series       an instrument with a value for each label, in one channel
 *   recorder     who keeps the figures; a channel has any number of them
 *
 *   calls, subconns, policies --add, record, set--> series --> recorder
 *                                                         \--> recorder
 *
 * Whoever records finds its series once and keeps it: recording is then a function call
 * for each recorder, and nothing for a channel that has none.  grebe/memory_recorder.h has
 * a recorder that is ready to use.
 *
 * Threading   Instruments: any thread.  Series and recorders: each function says.
 * Growth      Structs the library fills only grow at their end.  Structs a plug-in fills
 *             carry GREBE_METRICS_API, the layout it was compiled with.
 * Sources     gRFC A79 (who records what, and where), A66 (calls), A94 (subchannels), A108
 *             (a label of the application's own).
 */
#ifndef GREBE_METRICS_H
#define GREBE_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <grebe/attr.h>
#include <grebe/error.h>

GREBE_BEGIN_DECLS

#define GREBE_METRICS_API 1 /* grows when a struct that a plug-in fills does */

/* What exporters that ask for the name of a meter should say. */
#define GREBE_METER_NAME "grpc-c-grebe"

struct grebe_client_conn;
struct grebe_recorder;
struct grebe_series;

/* ---- Instruments ------------------------------------------------------------------ */

enum grebe_instrument_kind {
    GREBE_INSTRUMENT_COUNTER,         /* only grows */
    GREBE_INSTRUMENT_UP_DOWN_COUNTER, /* a sum that may shrink */
    GREBE_INSTRUMENT_HISTOGRAM,       /* how values are spread over buckets */
    GREBE_INSTRUMENT_GAUGE,           /* the latest value */
};

enum {
    GREBE_INSTRUMENT_LABELS_MAX = 12, /* optional ones included */
    GREBE_INSTRUMENT_BOUNDS_MAX = 200,
};

/* Static storage, texts and arrays included. */
struct grebe_instrument {
    uint32_t api; /* GREBE_METRICS_API */
    enum grebe_instrument_kind kind;
    const char *name; /* "grpc.lb.wrr.rr_fallback": words and dots */
    const char *description;
    const char *unit;     /* as in UCUM: "s", "By", "{call}" */
    const double *bounds; /* HISTOGRAM: upper bounds of its buckets, ascending */
    size_t n_bounds;
    const char *const *labels; /* names of those that are always told */
    size_t n_labels;
    const char *const *optional_labels; /* of those that a recorder may leave out */
    size_t n_optional_labels;
    bool is_on_by_default; /* recorders keep it without being asked to */
};

/* Make an instrument known, before its first series.  Again for the same one is harmless,
 * so a policy may do it whenever it is built.  GREBE_ERR_INVALID: it is not well-formed,
 * or another one has its name; GREBE_ERR_UNSUPPORTED: made for a later library;
 * GREBE_ERR_NOMEM. */
GREBE_API int
grebe_instrument_register(const struct grebe_instrument *instrument) GREBE_MUST_CHECK;

/* By name; NULL if there is none.  The library's own are always known. */
GREBE_API const struct grebe_instrument *grebe_instrument_get(const char *name);

/* The one that became known after `instrument`; NULL asks for the first and ends the
 * list. */
GREBE_API const struct grebe_instrument *
grebe_instrument_next(const struct grebe_instrument *instrument);

/* ---- Series ----------------------------------------------------------------------- */

/* For policies: the series of `instrument`, which is registered, with these values for its
 * labels and then its optional labels; NULL, and what is missing behind the n-th, reads as
 * "".  The same values give the same series.  Never NULL: where nobody records, and when
 * memory is short, it is one that forgets.  Borrowed; lives as long as the channel, or as
 * a reference to `cc`.  Threading: the loop's thread. */
GREBE_API struct grebe_series *grebe_client_conn_series(
    struct grebe_client_conn *cc, const struct grebe_instrument *instrument,
    const char *const *values, size_t n);

/* Threading: any, pick() and on_done() included; nothing is allocated.
 * COUNTER, UP_DOWN_COUNTER; a counter takes nothing below 0. */
GREBE_API void grebe_series_add(struct grebe_series *series, int64_t by);
/* HISTOGRAM. */
GREBE_API void grebe_series_record(struct grebe_series *series, double value);
/* GAUGE. */
GREBE_API void grebe_series_set(struct grebe_series *series, double value);

/* ---- Recorders -------------------------------------------------------------------- */

/* A series, as a recorder meets it.  All borrowed for the call but the instrument. */
struct grebe_series_info {
    const struct grebe_instrument *instrument;
    const char *const *values; /* of its labels, then of its optional ones; never NULL */
    bool is_shared; /* may be recorded to by several threads at a time; else by one */
};

struct grebe_recorder_ops {
    /* A series begins.  False: not for this recorder, or no memory; the functions below
     * are then not called for it.  Any thread, several at a time if channels with several
     * loops share the recorder. */
    bool (*open)(struct grebe_recorder *recorder, const struct grebe_series_info *info,
                 void **series);
    /* As grebe_series_add() and so on; `series` is what open() gave.  Whatever thread
     * records: may not block for long, nor call back into the channel. */
    void (*add)(struct grebe_recorder *recorder, void *series, int64_t by);
    void (*record)(struct grebe_recorder *recorder, void *series, double value);
    void (*set)(struct grebe_recorder *recorder, void *series, double value);
    /* Its channel is gone.  Any thread. */
    void (*close)(struct grebe_recorder *recorder, void *series);
    /* The last reference is gone.  Any thread. */
    void (*destroy)(struct grebe_recorder *recorder);
};

/* The first member of every recorder. */
struct grebe_recorder {
    const struct grebe_recorder_ops *ops;
    uint32_t refs; /* atomic; only grebe_recorder_ref() and _unref() touch it */
    uint32_t api;
};

/* One reference, the caller's. */
static inline void grebe_recorder_init(struct grebe_recorder *recorder,
                                       const struct grebe_recorder_ops *ops)
{
    recorder->ops = ops;
    recorder->api = GREBE_METRICS_API;
    recorder->refs = 1;
}

GREBE_API struct grebe_recorder *grebe_recorder_ref(struct grebe_recorder *recorder);
GREBE_API void grebe_recorder_unref(struct grebe_recorder *recorder); /* NULL: no-op */

GREBE_END_DECLS

#endif
