/* SPDX-License-Identifier: Apache-2.0 */
/* server_services.c -- what a backend says about itself: health and load.
 *
 * Sources   gRPC health checking protocol; gRFC A17 (Watch), A51 (load reports);
 *           xds.data.orca.v3.OrcaLoadReport, xds.service.orca.v3.OpenRcaService.
 */
#include <string.h>
#include <sys/resource.h>

#include <grebe/status.h>

#include "base64.h"
#include "protobuf.h"
#include "server_parts.h"
#include "units.h"

enum { FRAME_BYTES = 5 }; /* of gRPC, in front of a message */

#define WINDOW_NS           NS_PER_S
#define FIRST_WINDOW_NS     (100 * NS_PER_MS) /* news that are fresh beat good averages */
#define REPORT_INTERVAL_NS  NS_PER_S          /* for clients that do not say */
#define REPORT_INTERVAL_MIN (10 * NS_PER_MS)

/* ---- Messages ---------------------------------------------------------------------- */

/* The one message of the request, without its frame. */
static bool take_request(struct call *call, struct proto_reader *reader)
{
    const uint8_t *data = bytes_front(&call->body);
    size_t length = bytes_length(&call->body);
    size_t announced;

    if (length < FRAME_BYTES || data[0] != 0)
        return false;
    announced = (size_t)data[1] << 24 | (size_t)data[2] << 16 | (size_t)data[3] << 8 |
                (size_t)data[4];
    if (announced != length - FRAME_BYTES)
        return false;
    *reader = (struct proto_reader){data + FRAME_BYTES, data + length, false};
    return true;
}

static int answer_message(struct call *call, const uint8_t *message, size_t length)
{
    uint8_t frame[FRAME_BYTES] = {0, 0, 0, (uint8_t)(length >> 8), (uint8_t)length};
    struct slab *slab = &call->connection->loop->slab;

    if (!bytes_append(&call->body, slab, frame, sizeof frame) ||
        !bytes_append(&call->body, slab, message, length))
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    return call_answer(call);
}

static void join_streams(struct call *call)
{
    call->is_queued = true;
    TAILQ_INSERT_TAIL(&call->connection->server->streams, call, queue_link);
}

/* ---- Health ------------------------------------------------------------------------ */

static enum health_status parse_status(const char *name)
{
    return strcmp(name, "SERVING") == 0       ? HEALTH_SERVING
           : strcmp(name, "NOT_SERVING") == 0 ? HEALTH_NOT_SERVING
                                              : HEALTH_UNKNOWN;
}

/* The server as a whole has the empty name and is healthy unless it is listed. */
static enum health_status health_of(const struct server *server, const char *service)
{
    const struct server_settings *settings = &server->settings;
    enum health_status status =
        *service == '\0' ? HEALTH_SERVING : HEALTH_SERVICE_UNKNOWN;

    for (size_t i = 0; i < settings->n_health; i++) {
        const char *equals = strrchr(settings->health[i], '=');
        size_t length = (size_t)(equals - settings->health[i]);

        if (strlen(service) == length &&
            memcmp(service, settings->health[i], length) == 0)
            status = parse_status(equals + 1);
    }
    if (status != HEALTH_SERVICE_UNKNOWN && !server->is_serving)
        return HEALTH_NOT_SERVING;
    return status;
}

static int answer_health(struct call *call, enum health_status status)
{
    uint8_t message[16];
    struct proto_writer writer = {.data = message, .size = sizeof message};

    proto_write_uint(&writer, 1, status);
    call->told = status;
    return answer_message(call, message, writer.length);
}

/* HealthCheckRequest {1 service} */
static bool read_service(struct proto_reader *reader, char *service, size_t size)
{
    struct proto_field field;

    service[0] = '\0';
    while (proto_read(reader, &field)) {
        if (field.number != 1 || field.bytes == NULL)
            continue;
        if (field.length >= size)
            return false;
        memcpy(service, field.bytes, field.length);
        service[field.length] = '\0';
    }
    return !reader->is_malformed;
}

static int start_health(struct call *call, struct proto_reader *request)
{
    struct server *server = call->connection->server;
    enum health_status status;

    if (!read_service(request, call->service, sizeof call->service))
        return call_fail(call, GREBE_STATUS_INVALID_ARGUMENT, "bad health request");
    status = health_of(server, call->service);
    bytes_take(&call->body, bytes_length(&call->body));
    if (call->kind == CALL_HEALTH_WATCH) {
        join_streams(call);
        return answer_health(call, status);
    }
    if (status == HEALTH_SERVICE_UNKNOWN)
        return call_fail(call, GREBE_STATUS_NOT_FOUND, "unknown service");
    call->has_answered = true;
    return answer_health(call, status);
}

void service_publish_health(struct server *server)
{
    struct call *call, *next;

    for (call = TAILQ_FIRST(&server->streams); call != NULL; call = next) {
        enum health_status status = health_of(server, call->service);

        next = TAILQ_NEXT(call, queue_link);
        if (call->kind == CALL_HEALTH_WATCH && status != call->told &&
            answer_health(call, status) != 0)
            connection_kill(call->connection);
    }
}

/* ---- Load -------------------------------------------------------------------------- */

static double process_cpu_s(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* The window ends: its averages are the new report.  CPU is the process's; the
 * application's utilisation is the share of places that were taken, calls that wait for
 * one included, so it exceeds 1 under overload. */
static void end_window(struct server *server, uint64_t now_ns)
{
    struct load_meter *load = &server->load;
    double window_s = units_s(now_ns - load->window_ns), cpu_s = process_cpu_s();
    struct proto_writer writer = {.data = load->report, .size = sizeof load->report};
    double capacity = (double)server->settings.capacity;

    proto_write_double(&writer, 1, (cpu_s - load->cpu_s) / window_s);
    proto_write_double(&writer, 6, (double)load->n_calls / window_s);
    proto_write_double(&writer, 7, (double)load->n_errors / window_s);
    if (capacity > 0)
        proto_write_double(&writer, 9, load->busy_s / window_s / capacity);
    load->report_length = writer.length;
    base64_encode(load->report, load->report_length, false, load->base64);
    load->window_ns = now_ns;
    load->cpu_s = cpu_s;
    load->busy_s = 0;
    load->n_calls = load->n_errors = 0;
}

void load_meter_start(struct server *server)
{
    server->load.window_ns = server->load.changed_ns = alarm_now_ns();
    server->load.cpu_s = process_cpu_s();
}

void load_meter_update(struct server *server)
{
    struct load_meter *load = &server->load;
    uint64_t now_ns;

    if (!server->settings.has_orca)
        return;
    now_ns = alarm_now_ns();
    load->busy_s += units_s(now_ns - load->changed_ns) *
                    (double)(server->n_serving + server->n_waiting);
    load->changed_ns = now_ns;
    if (now_ns - load->window_ns >=
        (load->report_length == 0 ? FIRST_WINDOW_NS : WINDOW_NS))
        end_window(server, now_ns);
}

void load_meter_count(struct server *server, bool is_error)
{
    server->load.n_calls++;
    server->load.n_errors += is_error;
}

int service_report(struct call *call)
{
    struct server *server = call->connection->server;

    load_meter_update(server);
    if (!deadline_start(&server->loop->deadlines, &call->deadline,
                        alarm_now_ns() + call->interval_ns))
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    return answer_message(call, server->load.report, server->load.report_length);
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
static int start_reports(struct call *call, struct proto_reader *request)
{
    struct proto_field field;
    uint64_t interval_ns = 0;

    while (proto_read(request, &field))
        if (field.number == 1 && field.bytes != NULL)
            interval_ns = read_duration(field.bytes, field.length);
    if (interval_ns == 0)
        interval_ns = REPORT_INTERVAL_NS;
    if (interval_ns < REPORT_INTERVAL_MIN)
        interval_ns = REPORT_INTERVAL_MIN;
    call->interval_ns = interval_ns;
    bytes_take(&call->body, bytes_length(&call->body));
    join_streams(call);
    return service_report(call);
}

/* ---- Both -------------------------------------------------------------------------- */

int service_start(struct call *call)
{
    const struct server_settings *settings = &call->connection->server->settings;
    bool is_orca = call->kind == CALL_ORCA_STREAM;
    struct proto_reader request;

    call->phase = CALL_ANSWERING;
    if (is_orca ? !settings->has_orca : settings->n_health == 0)
        return call_fail(call, GREBE_STATUS_UNIMPLEMENTED,
                         "this service is switched off");
    if (!take_request(call, &request))
        return call_fail(call, GREBE_STATUS_INTERNAL, "bad request message");
    return is_orca ? start_reports(call, &request) : start_health(call, &request);
}

void service_end_streams(struct server *server)
{
    struct call *call;

    while ((call = TAILQ_FIRST(&server->streams)) != NULL) {
        call_unqueue(call);
        deadline_cancel(&server->loop->deadlines, &call->deadline);
        if (call_fail(call, GREBE_STATUS_UNAVAILABLE, "the server is shutting down") != 0)
            connection_kill(call->connection);
    }
}
