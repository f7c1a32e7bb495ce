/* SPDX-License-Identifier: Apache-2.0 */
/* server/health.c -- grpc.health.v1.Health.
 *
 * Sources   gRPC health checking protocol; gRFC A17 (Watch).
 */
#include <string.h>

#include <grebe/status.h>

#include "server/connection.h"
#include "server/parts.h"
#include "server/services.h"

/* HealthCheckResponse.ServingStatus */
enum health_status {
    HEALTH_UNKNOWN = 0,
    HEALTH_SERVING = 1,
    HEALTH_NOT_SERVING = 2,
    HEALTH_SERVICE_UNKNOWN = 3,
};

static bool is_on(const struct server *server)
{
    return server->settings.n_health > 0;
}

/* ---- Status ------------------------------------------------------------------------ */

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

static int answer(struct call *call, enum health_status status)
{
    uint8_t message[16];
    struct proto_writer writer = {.data = message, .size = sizeof message};

    proto_write_uint(&writer, 1, status);
    call->told = (int)status;
    return service_answer(call, message, writer.length);
}

/* ---- Check, Watch ------------------------------------------------------------------ */

/* HealthCheckRequest {1 service} */
static bool read_request(struct proto_reader *reader, char *service, size_t size)
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

/* Reads whose health is asked for; false: *result is the answer. */
static bool take_request(struct call *call, struct proto_reader *request, int *result)
{
    if (!read_request(request, call->watched, sizeof call->watched)) {
        *result = call_fail(call, GREBE_STATUS_INVALID_ARGUMENT, "bad health request");
        return false;
    }
    bytes_take(&call->body, bytes_length(&call->body));
    return true;
}

static int check(struct call *call, struct proto_reader *request)
{
    enum health_status status;
    int result;

    if (!take_request(call, request, &result))
        return result;
    status = health_of(call->connection->server, call->watched);
    if (status == HEALTH_SERVICE_UNKNOWN)
        return call_fail(call, GREBE_STATUS_NOT_FOUND, "unknown service");
    call->has_answered = true;
    return answer(call, status);
}

static int watch(struct call *call, struct proto_reader *request)
{
    int result;

    if (!take_request(call, request, &result))
        return result;
    service_join_streams(call);
    return answer(call, health_of(call->connection->server, call->watched));
}

const struct service health_check = {"/grpc.health.v1.Health/Check", is_on, check};
const struct service health_watch = {"/grpc.health.v1.Health/Watch", is_on, watch};

/* ---- Changes ----------------------------------------------------------------------- */

void health_publish(struct server *server)
{
    struct call *call, *next;

    for (call = TAILQ_FIRST(&server->streams); call != NULL; call = next) {
        enum health_status status = health_of(server, call->watched);

        next = TAILQ_NEXT(call, queue_link);
        if (call->service == &health_watch && (int)status != call->told &&
            answer(call, status) != 0)
            connection_kill(call->connection);
    }
}
