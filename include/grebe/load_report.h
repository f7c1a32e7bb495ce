/* SPDX-License-Identifier: Apache-2.0 */
/* grebe/load_report.h -- what a backend says of its own load.
 *
 * Reports come in two ways, and a policy asks for either:
 *
 *   with each call   behind the response, in the trailer endpoint-load-metrics-bin.  A
 *                    picker that sets wants_load_report in its pick finds the report in
 *                    its on_done, as server_load.
 *   out of band      on a stream of the subconn, one report each interval, whether there
 *                    are calls or not: grebe_orca_watch().
 *
 * What is not said reads as 0.  What cannot be true is left out: NaN, infinities, negative
 * loads, fractions above 1.
 *
 * Ownership   A report is borrowed for the callback it is handed to, and never changes.
 * Threading   Reports of calls come to on_done: any thread.  The others, and the functions
 *             for them, are on the channel's loop.
 * Sources     gRFC A51 (ORCA), A114 (names of metrics); xds.data.orca.v3.OrcaLoadReport.
 */
#ifndef GREBE_LOAD_REPORT_H
#define GREBE_LOAD_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <grebe/attr.h>
#include <grebe/error.h>

GREBE_BEGIN_DECLS

struct grebe_orca_watch;
struct grebe_subconn;

struct grebe_load_metric {
    const char *name;
    double value;
};

struct grebe_load_report {
    double cpu_utilization;         /* from 0; more than 1 is possible */
    double mem_utilization;         /* 0 to 1 */
    double application_utilization; /* of whatever limits it; more than 1 is possible */
    double rps;                     /* requests a second */
    double eps;                     /* errors a second */
    /* By name, in the backend's order; at most 1024 in all.  Of a name that comes twice
     * the last counts. */
    const struct grebe_load_metric *utilization; /* 0 to 1 */
    size_t n_utilization;
    const struct grebe_load_metric *request_cost; /* of the call that was answered */
    size_t n_request_cost;
    const struct grebe_load_metric *named_metrics; /* any number */
    size_t n_named_metrics;
};

/* One number of the report, called as gRFC A114 has it: "cpu_utilization",
 * "mem_utilization", "application_utilization", "rps_fractional", "eps",
 * "utilization.NAME", "request_cost.NAME" or "named_metrics.NAME".  False, and *out
 * untouched, if the backend did not say it. */
GREBE_API bool grebe_load_report_get(const struct grebe_load_report *report,
                                     const char *metric, double *out);

/* ---- Out of band --------------------------------------------------------------------- */

typedef void (*grebe_load_report_fn)(void *arg, const struct grebe_load_report *report);

/* Hear what the backend of a READY subconn says of its load, at least once each
 * `interval_ns` if the backend has no minimum above it.  All who watch one subconn share
 * one stream, with the shortest interval, and each hears every report.  It ends with the
 * next change of the subconn's state: watch again when it is READY again.  A backend
 * without load reports is asked once for each connection.
 *
 * *out is the caller's to stop.  GREBE_ERR_CLOSED: the subconn was shut down;
 * GREBE_ERR_NOMEM. */
GREBE_API int grebe_orca_watch(struct grebe_subconn *subconn, uint64_t interval_ns,
                               grebe_load_report_fn on_report, void *arg,
                               struct grebe_orca_watch **out) GREBE_MUST_CHECK;

/* Hear no more, from now on; from inside on_report, too.  Takes the address of the pointer
 * and makes it NULL, so that stopping twice is harmless, as is stopping after the subconn
 * is gone. */
GREBE_API void grebe_orca_stop(struct grebe_orca_watch **watch);

GREBE_END_DECLS

#endif
