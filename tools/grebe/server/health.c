/* SPDX-License-Identifier: Apache-2.0 */
/* server/health.c -- grpc.health.v1.Health.
 *
 * Sources   gRPC health checking protocol; gRFC A17 (Watch).
 */
#include <stdio.h>
#include <string.h>

#include <grebe/status.h>
#include <grpc/health/v1/health.pb-c.h>

#include "server/connection.h"
#include "server/parts.h"
#include "server/services.h"

#define STATUS(name) GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__##name

static bool is_on(const struct server *server)
{
    return server->settings.n_health > 0;
}

/* ---- Status ------------------------------------------------------------------------ */

static int parse_status(const char *name)
{
    return strcmp(name, "SERVING") == 0       ? STATUS(SERVING)
           : strcmp(name, "NOT_SERVING") == 0 ? STATUS(NOT_SERVING)
                                              : STATUS(UNKNOWN);
}

/* The server as a whole has the empty name and is healthy unless it is listed. */
static int status_of(const struct server *server, const char *service)
{
    const struct server_settings *settings = &server->settings;
    int status = *service == '\0' ? STATUS(SERVING) : STATUS(SERVICE_UNKNOWN);

    for (size_t i = 0; i < settings->n_health; i++) {
        const char *equals = strrchr(settings->health[i], '=');
        size_t length = (size_t)(equals - settings->health[i]);

        if (strlen(service) == length &&
            memcmp(service, settings->health[i], length) == 0)
            status = parse_status(equals + 1);
    }
    if (status != STATUS(SERVICE_UNKNOWN) && !server->is_serving)
        return STATUS(NOT_SERVING);
    return status;
}

static int answer(struct call *call, int status)
{
    Grpc__Health__V1__HealthCheckResponse response =
        GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;

    response.status = (Grpc__Health__V1__HealthCheckResponse__ServingStatus)status;
    call->told = status;
    return service_answer(call, &response.base);
}

/* ---- Check, Watch ------------------------------------------------------------------ */

/* Remembers whose health is asked for; false: the name is too long. */
static bool take_name(struct call *call, const ProtobufCMessage *message)
{
    const Grpc__Health__V1__HealthCheckRequest *request =
        (const Grpc__Health__V1__HealthCheckRequest *)message;
    int n = snprintf(call->watched, sizeof call->watched, "%s", request->service);

    return n >= 0 && (size_t)n < sizeof call->watched;
}

static int check(struct call *call, const ProtobufCMessage *request)
{
    int status;

    if (!take_name(call, request))
        return call_fail(call, GREBE_STATUS_INVALID_ARGUMENT, "bad health request");
    status = status_of(call->connection->server, call->watched);
    if (status == STATUS(SERVICE_UNKNOWN))
        return call_fail(call, GREBE_STATUS_NOT_FOUND, "unknown service");
    call->has_answered = true;
    return answer(call, status);
}

static int watch(struct call *call, const ProtobufCMessage *request)
{
    if (!take_name(call, request))
        return call_fail(call, GREBE_STATUS_INVALID_ARGUMENT, "bad health request");
    service_join_streams(call);
    return answer(call, status_of(call->connection->server, call->watched));
}

const struct service health_check = {
    .path = "/grpc.health.v1.Health/Check",
    .request = &grpc__health__v1__health_check_request__descriptor,
    .is_on = is_on,
    .start = check,
};

const struct service health_watch = {
    .path = "/grpc.health.v1.Health/Watch",
    .request = &grpc__health__v1__health_check_request__descriptor,
    .is_on = is_on,
    .start = watch,
};

/* ---- Changes ----------------------------------------------------------------------- */

void health_publish(struct server *server)
{
    struct call *call, *next;

    for (call = TAILQ_FIRST(&server->streams); call != NULL; call = next) {
        int status = status_of(server, call->watched);

        next = TAILQ_NEXT(call, queue_link);
        if (call->service == &health_watch && status != call->told &&
            answer(call, status) != 0)
            connection_kill(call->connection);
    }
}
