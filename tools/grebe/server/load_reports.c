/* SPDX-License-Identifier: Apache-2.0 */
/* server/load_reports.c -- xds.service.orca.v3.OpenRcaService: load reports as a stream.
 *
 * Sources   gRFC A51.
 */
#include <grebe/attr.h>
#include <xds/service/orca/v3/orca.pb-c.h>

#include "server/connection.h"
#include "server/parts.h"
#include "server/services.h"
#include "units.h"

#define INTERVAL_NS     NS_PER_S /* for clients that do not say */
#define INTERVAL_MIN_NS (10 * NS_PER_MS)

static bool is_on(const struct server *server)
{
    return server->settings.has_orca;
}

static int report(struct call *call)
{
    struct server *server = call->connection->server;

    load_meter_update(server);
    if (!deadline_start(&server->loop->deadlines, &call->deadline,
                        alarm_now_ns() + call->interval_ns))
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    return service_answer(call, &server->load.report.base);
}

static void on_report_due(struct deadline *deadline)
{
    struct call *call = grebe_container_of(deadline, struct call, deadline);

    if (report(call) != 0)
        connection_kill(call->connection);
}

/* Absurd durations are not heard. */
static uint64_t interval_of(const Google__Protobuf__Duration *wanted)
{
    uint64_t interval_ns;

    if (wanted == NULL || wanted->seconds < 0 || wanted->seconds > 86400 ||
        wanted->nanos < 0 || (uint64_t)wanted->nanos >= NS_PER_S)
        return INTERVAL_NS;
    interval_ns = (uint64_t)wanted->seconds * NS_PER_S + (uint64_t)wanted->nanos;
    if (interval_ns == 0)
        return INTERVAL_NS;
    return interval_ns < INTERVAL_MIN_NS ? INTERVAL_MIN_NS : interval_ns;
}

static int start(struct call *call, const ProtobufCMessage *message)
{
    const Xds__Service__Orca__V3__OrcaLoadReportRequest *request =
        (const Xds__Service__Orca__V3__OrcaLoadReportRequest *)message;

    call->interval_ns = interval_of(request->report_interval);
    call->deadline.on_due = on_report_due;
    service_join_streams(call);
    return report(call);
}

const struct service load_report_stream = {
    .path = "/xds.service.orca.v3.OpenRcaService/StreamCoreMetrics",
    .request = &xds__service__orca__v3__orca_load_report_request__descriptor,
    .is_on = is_on,
    .start = start,
};
