/* SPDX-License-Identifier: Apache-2.0 */
/* server/load_reports.c -- xds.service.orca.v3.OpenRcaService: load reports as a stream.
 *
 * Sources   gRFC A51.
 */
#include <grebe/attr.h>

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
    return service_answer(call, server->load.report, server->load.report_length);
}

static void on_report_due(struct deadline *deadline)
{
    struct call *call = grebe_container_of(deadline, struct call, deadline);

    if (report(call) != 0)
        connection_kill(call->connection);
}

/* google.protobuf.Duration {1 seconds, 2 nanos}; absurd ones are not heard. */
static uint64_t read_duration(const uint8_t *data, size_t length)
{
    struct proto_reader reader = {data, data + length, false};
    struct proto_field field;
    uint64_t seconds = 0, nanos = 0;

    while (proto_read(&reader, &field)) {
        if (field.number == 1)
            seconds = field.value;
        else if (field.number == 2)
            nanos = field.value;
    }
    if (seconds > 86400 || nanos >= NS_PER_S)
        return 0;
    return seconds * NS_PER_S + nanos;
}

/* OrcaLoadReportRequest {1 report_interval, 2 request_cost_names} */
static uint64_t read_interval(struct proto_reader *request)
{
    struct proto_field field;
    uint64_t interval_ns = 0;

    while (proto_read(request, &field))
        if (field.number == 1 && field.bytes != NULL)
            interval_ns = read_duration(field.bytes, field.length);
    if (interval_ns == 0)
        return INTERVAL_NS;
    return interval_ns < INTERVAL_MIN_NS ? INTERVAL_MIN_NS : interval_ns;
}

static int start(struct call *call, struct proto_reader *request)
{
    call->interval_ns = read_interval(request);
    call->deadline.on_due = on_report_due;
    bytes_take(&call->body, bytes_length(&call->body));
    service_join_streams(call);
    return report(call);
}

const struct service load_report_stream = {
    "/xds.service.orca.v3.OpenRcaService/StreamCoreMetrics", is_on, start};
