/* SPDX-License-Identifier: Apache-2.0 */
/* messages/load_report.h -- load reports as they travel.
 *
 * Threading   Any thread.
 * Sources     gRFC A51; xds.data.orca.v3, xds.service.orca.v3.
 */
#ifndef GREBE_MESSAGES_LOAD_REPORT_H
#define GREBE_MESSAGES_LOAD_REPORT_H

#include <stddef.h>
#include <stdint.h>

#include <grebe/load_report.h>
#include <grebe/mem.h>

#define GREBE__LOAD_REPORT_TRAILER "endpoint-load-metrics-bin"
#define GREBE__LOAD_REPORT_STREAM  "/xds.service.orca.v3.OpenRcaService/StreamCoreMetrics"

enum { GREBE__LOAD_METRICS_MAX = 1024, GREBE__LOAD_REQUEST_MAX = 32 };

/* A report and what its names live in. */
struct grebe__load_report {
    struct grebe_load_report view;
    const struct grebe_mem *mem;
    void *block; /* NULL without named metrics: then nothing was allocated */
};

/* Reads an OrcaLoadReport.  GREBE_OK, and *out is the caller's to fini;
 * GREBE_ERR_INVALID: not one; GREBE_ERR_TOO_LARGE: more than 1024 named metrics;
 * GREBE_ERR_NOMEM. */
int grebe__load_report_read(const struct grebe_mem *mem, const void *bytes, size_t length,
                            struct grebe__load_report *out);
void grebe__load_report_fini(struct grebe__load_report *report);

/* OrcaLoadReportRequest {report_interval}.  Returns its length. */
size_t grebe__load_request_write(uint64_t interval_ns,
                                 unsigned char out[GREBE__LOAD_REQUEST_MAX]);

#endif
