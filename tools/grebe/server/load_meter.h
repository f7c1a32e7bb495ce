/* SPDX-License-Identifier: Apache-2.0 */
/* server/load_meter.h -- how busy a backend is, told in windows of a second.
 *
 * Sources   gRFC A51; xds.data.orca.v3.OrcaLoadReport.
 */
#ifndef TOOL_SERVER_LOAD_METER_H
#define TOOL_SERVER_LOAD_METER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/load_report.h"

struct server;

struct load_meter {
    uint64_t window_ns;         /* when the window began */
    uint64_t changed_ns;        /* up to when busy_s counts */
    double busy_s;              /* calls that were here, times how long */
    double cpu_s;               /* of the process, when the window began */
    uint64_t n_calls, n_errors; /* answered in the window */
    bool has_window;            /* one has ended */
    struct load_report report;  /* of the window before, under what settings.load says */
    char trailer[LOAD_TRAILER_BYTES]; /* the same */
};

/* Does nothing, now and later, if settings.has_orca is not set. */
void load_meter_start(struct server *server);

/* Before n_serving or n_waiting changes, and before the report is read. */
void load_meter_update(struct server *server);

void load_meter_count(struct server *server, bool is_error);

#endif
