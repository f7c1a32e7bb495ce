/* SPDX-License-Identifier: Apache-2.0 */
/* server/load_report.h -- the values of a load report, and who has the last word on them.
 *
 * A backend has a report of its own, and a call may have one too; what the client of the
 * call gets is the backend's, overlaid by the call's.  Values are called
 *
 *   cpu  mem  app  qps  eps      utilisations, and calls and errors a second
 *   util.NAME                    utilisation of something with a name
 *   named.NAME                   whatever the application means by it
 *   cost.NAME                    what this call has cost
 *
 * Ownership   A report is plain memory: it is copied by assignment and never freed.
 * Sources     gRFC A51; xds.data.orca.v3.OrcaLoadReport.
 */
#ifndef TOOL_SERVER_LOAD_REPORT_H
#define TOOL_SERVER_LOAD_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include <xds/data/orca/v3/orca_load_report.pb-c.h>

enum load_value { LOAD_CPU, LOAD_MEM, LOAD_APP, LOAD_QPS, LOAD_EPS, LOAD_VALUES };

enum load_family { LOAD_UTIL, LOAD_NAMED, LOAD_COST, LOAD_FAMILIES };

enum {
    LOAD_NAME_BYTES = 48,
    LOAD_ENTRIES = 16, /* that may be set */
    LOAD_MERGED_ENTRIES = 2 * LOAD_ENTRIES,
};

struct load_entry {
    enum load_family family;
    char name[LOAD_NAME_BYTES];
    double value;
};

struct load_report {
    double values[LOAD_VALUES]; /* negative: not set */
    struct load_entry entries[LOAD_MERGED_ENTRIES];
    size_t n_entries; /* each family and name once */
};

/* Nothing is set. */
void load_report_init(struct load_report *report);

/* Sets "cpu" or "named.queue".  False, and nothing is changed, if the name is another, the
 * value cannot be (negative, except of named and cost; mem and util above 1; infinite, or
 * no number), or LOAD_ENTRIES names are set. */
bool load_report_set(struct load_report *report, const char *name, double value);

/* Sets several: "cpu=0.4,named.queue=-3".  False if one could not be, and those behind it
 * are not looked at. */
bool load_report_parse(struct load_report *report, const char *text);

/* As if it had never been set. */
void load_report_delete(struct load_report *report, const char *name);

/* What `over` has set goes over what `report` has, value by value and name by name.  Of
 * both, LOAD_ENTRIES names may be set at most. */
void load_report_merge(struct load_report *report, const struct load_report *over);

/* ---- On the wire ------------------------------------------------------------------- */

/* The same as protobuf-c has it; borrows the names. */
struct load_message {
    Xds__Data__Orca__V3__OrcaLoadReport report;
    Xds__Data__Orca__V3__OrcaLoadReport__UtilizationEntry util[LOAD_MERGED_ENTRIES];
    Xds__Data__Orca__V3__OrcaLoadReport__UtilizationEntry *utils[LOAD_MERGED_ENTRIES];
    Xds__Data__Orca__V3__OrcaLoadReport__NamedMetricsEntry named[LOAD_MERGED_ENTRIES];
    Xds__Data__Orca__V3__OrcaLoadReport__NamedMetricsEntry *nameds[LOAD_MERGED_ENTRIES];
    Xds__Data__Orca__V3__OrcaLoadReport__RequestCostEntry cost[LOAD_MERGED_ENTRIES];
    Xds__Data__Orca__V3__OrcaLoadReport__RequestCostEntry *costs[LOAD_MERGED_ENTRIES];
};

void load_message_init(struct load_message *message, const struct load_report *report);

enum {
    /* Five doubles, and entries: tag and length, tag, length and name, tag and double. */
    LOAD_PACKED_BYTES =
        LOAD_VALUES * 9 + LOAD_MERGED_ENTRIES * (2 + LOAD_NAME_BYTES + 1 + 9),
    LOAD_TRAILER_BYTES = (LOAD_PACKED_BYTES + 2) / 3 * 4 + 1,
};

/* As the trailer endpoint-load-metrics-bin has it; "" if nothing is set. */
void load_report_write_trailer(const struct load_report *report,
                               char out[LOAD_TRAILER_BYTES]);

#endif
