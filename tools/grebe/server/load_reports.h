/* SPDX-License-Identifier: Apache-2.0 */
/* server/load_reports.h -- load reports behind every call, and as streams.
 *
 * A request may say what the report of its own call shall tell: its header
 *
 *   grebe-orca: cpu=0.9,cost.rows=7
 *
 * goes over what the backend tells of itself, for this call alone.
 *
 * Sources   gRFC A51; xds.service.orca.v3.OpenRcaService.
 */
#ifndef TOOL_SERVER_LOAD_REPORTS_H
#define TOOL_SERVER_LOAD_REPORTS_H

#include <stdbool.h>

#include "server/services.h"

/* StreamCoreMetrics. */
extern const struct service load_report_stream;

/* The request has the header grebe-orca with this value.  Does nothing if load reports
 * are switched off. */
void call_load_read(struct call *call, const char *text);

/* The header was not understood. */
bool call_load_is_bad(const struct call *call);

/* The value of the trailer endpoint-load-metrics-bin, until the call is freed; "" if there
 * is nothing to tell. */
const char *call_load_trailer(struct call *call);

void call_load_free(struct call *call);

#endif
