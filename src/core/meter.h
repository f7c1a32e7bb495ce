/* SPDX-License-Identifier: Apache-2.0 */
/* core/meter.h -- what a channel measures with: its recorders, and the series that it and
 * its policies opened.
 *
 * A channel without recorders has no meter, and that is one branch wherever something could
 * be recorded.  A series is found by instrument and values once, and kept by who records
 * to it.
 *
 * Threading   The loop's thread, but for recording (grebe/metrics.h).
 */
#ifndef GREBE_CORE_METER_H
#define GREBE_CORE_METER_H

#include <stdbool.h>
#include <stddef.h>

#include <grebe/endpoint.h>
#include <grebe/mem.h>
#include <grebe/metrics.h>

#include "base/map.h"

struct grebe__meter {
    const struct grebe_mem *mem;
    struct grebe__map series;
    struct grebe__backend_labels *labels; /* all that were met */
    size_t n_recorders;
    struct grebe_recorder *recorders[]; /* n references */
};

/* What the address of a backend says of it for the labels of metrics: GREBE_ATTRIBUTE_
 * LOCALITY and BACKEND_SERVICE, "" where one is missing. */
struct grebe__backend_labels {
    const char *locality, *backend_service;
    struct grebe__backend_labels *next;
};

/* NULL: out of memory.  n > 0. */
struct grebe__meter *grebe__meter_new(const struct grebe_mem *mem,
                                      struct grebe_recorder *const *recorders, size_t n);
/* All its series end.  NULL: no-op. */
void grebe__meter_free(struct grebe__meter *meter);

/* As grebe_client_conn_series(), but NULL when memory is short: ask again next time.
 * `is_shared`: several threads may record at a time. */
struct grebe_series *grebe__meter_series(struct grebe__meter *meter,
                                         const struct grebe_instrument *instrument,
                                         const char *const *values, size_t n,
                                         bool is_shared);

/* The same for the same labels, as long as the meter lives.  NULL: `address` has neither,
 * or there is no memory. */
const struct grebe__backend_labels *
grebe__meter_labels(struct grebe__meter *meter, const struct grebe_address *address);

/* Forgets what is recorded. */
struct grebe_series *grebe__series_of_nobody(void);

#endif
