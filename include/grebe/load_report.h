/* SPDX-License-Identifier: Apache-2.0 */
/* grebe/load_report.h -- what a backend says of its own load.
 *
 * What is not said reads as 0.  What cannot be true is left out: NaN, infinities, negative
 * loads, fractions above 1.
 *
 * Ownership   A report is borrowed for the callback it is handed to, and never changes.
 * Threading   Any thread.
 * Sources     gRFC A51 (ORCA), A114 (names of metrics); xds.data.orca.v3.OrcaLoadReport.
 */
#ifndef GREBE_LOAD_REPORT_H
#define GREBE_LOAD_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include <grebe/attr.h>

GREBE_BEGIN_DECLS

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

GREBE_END_DECLS

#endif
