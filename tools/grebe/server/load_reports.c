/* SPDX-License-Identifier: Apache-2.0 */
#include "server/load_reports.h"

#include <grebe/attr.h>
#include <xds/service/orca/v3/orca.pb-c.h>

#include "server/connection.h"
#include "server/parts.h"
#include "units.h"

#define INTERVAL_MAX_S INT64_C(1000000000) /* longer than any stream lasts */

/* ---- Calls ------------------------------------------------------------------------- */

struct call_load {
    struct load_report own; /* what the request has set */
    bool is_bad;
    char trailer[LOAD_TRAILER_BYTES];
};

void call_load_read(struct call *call, const char *text)
{
    if (!call->connection->server->settings.has_orca)
        return;
    if (call->load == NULL) {
        call->load = slab_alloc(&call->connection->loop->slab, sizeof *call->load);
        if (call->load == NULL)
            return;
        call->load->is_bad = false;
        load_report_init(&call->load->own);
    }
    if (!load_report_parse(&call->load->own, text))
        call->load->is_bad = true;
}

bool call_load_is_bad(const struct call *call)
{
    return call->load != NULL && call->load->is_bad;
}

const char *call_load_trailer(struct call *call)
{
    const struct load_meter *meter = &call->connection->server->load;
    struct load_report merged;

    if (call->load == NULL)
        return meter->trailer;
    merged = meter->report;
    load_report_merge(&merged, &call->load->own);
    load_report_write_trailer(&merged, call->load->trailer);
    return call->load->trailer;
}

void call_load_free(struct call *call)
{
    slab_free(&call->connection->loop->slab, call->load);
    call->load = NULL;
}

/* ---- Streams ----------------------------------------------------------------------- */

static bool is_on(const struct server *server)
{
    return server->settings.has_orca;
}

/* A client that has not taken the report before gets none in addition: each is the whole
 * truth of its moment. */
static int report(struct call *call)
{
    struct server *server = call->connection->server;
    struct load_message message;

    if (!deadline_start(&server->loop->deadlines, &call->deadline,
                        alarm_now_ns() + call->interval_ns))
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    if (bytes_length(&call->body) > 0)
        return 0;
    load_meter_update(server);
    load_message_init(&message, &server->load.report);
    return service_answer(call, &message.report.base);
}

static void on_report_due(struct deadline *deadline)
{
    struct call *call = grebe_container_of(deadline, struct call, deadline);

    if (report(call) != 0)
        connection_kill(call->connection);
}

/* What the client wants, but not less than the minimum. */
static uint64_t interval_of(const Google__Protobuf__Duration *wanted, uint64_t minimum_ns)
{
    uint64_t wanted_ns;

    if (wanted == NULL || wanted->seconds < 0 || wanted->nanos < 0)
        return minimum_ns;
    wanted_ns =
        (uint64_t)(wanted->seconds < INTERVAL_MAX_S ? wanted->seconds : INTERVAL_MAX_S) *
            NS_PER_S +
        (uint64_t)wanted->nanos;
    return wanted_ns < minimum_ns ? minimum_ns : wanted_ns;
}

static int start(struct call *call, const ProtobufCMessage *message)
{
    const Xds__Service__Orca__V3__OrcaLoadReportRequest *request =
        (const Xds__Service__Orca__V3__OrcaLoadReportRequest *)message;

    call->interval_ns = interval_of(
        request->report_interval, call->connection->server->settings.report_interval_ns);
    call->deadline.on_due = on_report_due;
    service_join_streams(call);
    return report(call);
}

const struct service load_report_stream = {
    SERVICE_PATH("/xds.service.orca.v3.OpenRcaService/StreamCoreMetrics"),
    .request = &xds__service__orca__v3__orca_load_report_request__descriptor,
    .is_on = is_on,
    .start = start,
};
