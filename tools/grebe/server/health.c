/* SPDX-License-Identifier: Apache-2.0 */
#include "server/health.h"

#include <stdlib.h>
#include <string.h>

#include <grebe/status.h>
#include <grpc/health/v1/health.pb-c.h>

#include "server/connection.h"
#include "server/parts.h"

#define STATUS(name) GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__##name

typedef Grpc__Health__V1__HealthCheckResponse__ServingStatus serving_status;

enum { LIST_MAX = 100 }; /* beyond it the protocol wants a refusal */

/* ---- Table ------------------------------------------------------------------------- */

static struct health_entry *find(const struct health_table *table, const char *service,
                                 size_t length)
{
    for (size_t i = 0; i < table->n; i++)
        if (strncmp(table->entries[i].service, service, length) == 0 &&
            table->entries[i].service[length] == '\0')
            return &table->entries[i];
    return NULL;
}

static int add(struct health_table *table, const char *service, size_t length, int status)
{
    struct health_entry *entries =
        realloc(table->entries, (table->n + 1) * sizeof *entries);

    if (entries == NULL)
        return UV_ENOMEM;
    table->entries = entries;
    entries[table->n] = (struct health_entry){strndup(service, length), status};
    if (entries[table->n].service == NULL)
        return UV_ENOMEM;
    table->n++;
    return 0;
}

/* SERVICE_UNKNOWN is what Watch says of services that are not in the table. */
static bool parse_status(const char *name, int *out)
{
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value_by_name(
        &grpc__health__v1__health_check_response__serving_status__descriptor, name);

    if (value == NULL || value->value == STATUS(SERVICE_UNKNOWN))
        return false;
    *out = value->value;
    return true;
}

int health_table_set(struct health_table *table, const char *text)
{
    const char *equals = strrchr(text, '=');
    size_t length = equals == NULL ? 0 : (size_t)(equals - text);
    struct health_entry *entry;
    int status;

    if (equals == NULL || !parse_status(equals + 1, &status))
        return UV_EINVAL;
    if (table->n == 0 && add(table, "", 0, STATUS(SERVING)) != 0)
        return UV_ENOMEM;
    entry = find(table, text, length);
    if (entry == NULL)
        return add(table, text, length, status);
    entry->status = status;
    return 0;
}

void health_table_fini(struct health_table *table)
{
    for (size_t i = 0; i < table->n; i++)
        free(table->entries[i].service);
    free(table->entries);
    *table = (struct health_table){NULL, 0};
}

/* ---- Status ------------------------------------------------------------------------ */

static bool is_on(const struct server *server)
{
    return server->settings.health != NULL && server->settings.health->n > 0;
}

/* `entry` NULL: a service that nobody knows. */
static serving_status status_of(const struct server *server,
                                const struct health_entry *entry)
{
    if (entry == NULL)
        return STATUS(SERVICE_UNKNOWN);
    return server->is_serving ? (serving_status)entry->status : STATUS(NOT_SERVING);
}

/* Whose health a Check or a Watch asks for; NULL: nobody knows it. */
static const struct health_entry *entry_of(const struct call *call,
                                           const ProtobufCMessage *message)
{
    const char *service =
        ((const Grpc__Health__V1__HealthCheckRequest *)message)->service;

    return find(call->connection->server->settings.health, service, strlen(service));
}

static int answer(struct call *call, serving_status status)
{
    Grpc__Health__V1__HealthCheckResponse response =
        GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;

    response.status = status;
    return service_answer(call, &response.base);
}

/* ---- Check ------------------------------------------------------------------------- */

static int check(struct call *call, const ProtobufCMessage *request)
{
    const struct health_entry *entry = entry_of(call, request);

    if (entry == NULL)
        return call_fail(call, GREBE_STATUS_NOT_FOUND, "unknown service");
    call->has_answered = true;
    return answer(call, status_of(call->connection->server, entry));
}

const struct service health_check = {
    SERVICE_PATH("/grpc.health.v1.Health/Check"),
    .request = &grpc__health__v1__health_check_request__descriptor,
    .is_on = is_on,
    .start = check,
};

/* ---- List -------------------------------------------------------------------------- */

static int list(struct call *call, const ProtobufCMessage *request)
{
    const struct server *server = call->connection->server;
    const struct health_table *table = server->settings.health;
    Grpc__Health__V1__HealthListResponse response =
        GRPC__HEALTH__V1__HEALTH_LIST_RESPONSE__INIT;
    Grpc__Health__V1__HealthListResponse__StatusesEntry entries[LIST_MAX];
    Grpc__Health__V1__HealthListResponse__StatusesEntry *pointers[LIST_MAX];
    Grpc__Health__V1__HealthCheckResponse values[LIST_MAX];

    (void)request;
    if (table->n > LIST_MAX)
        return call_fail(call, GREBE_STATUS_RESOURCE_EXHAUSTED,
                         "more than 100 services are not listed");
    for (size_t i = 0; i < table->n; i++) {
        grpc__health__v1__health_check_response__init(&values[i]);
        values[i].status = status_of(server, &table->entries[i]);
        grpc__health__v1__health_list_response__statuses_entry__init(&entries[i]);
        entries[i].key = table->entries[i].service;
        entries[i].value = &values[i];
        pointers[i] = &entries[i];
    }
    response.n_statuses = table->n;
    response.statuses = pointers;
    call->has_answered = true;
    return service_answer(call, &response.base);
}

const struct service health_list = {
    SERVICE_PATH("/grpc.health.v1.Health/List"),
    .request = &grpc__health__v1__health_list_request__descriptor,
    .is_on = is_on,
    .start = list,
};

/* ---- Watch ------------------------------------------------------------------------- */

static int tell(struct call *call)
{
    serving_status status = status_of(call->connection->server, call->watched);

    call->told = (int)status;
    return answer(call, status);
}

static int watch(struct call *call, const ProtobufCMessage *request)
{
    call->watched = entry_of(call, request);
    service_join_streams(call);
    return tell(call);
}

const struct service health_watch = {
    SERVICE_PATH("/grpc.health.v1.Health/Watch"),
    .request = &grpc__health__v1__health_check_request__descriptor,
    .is_on = is_on,
    .start = watch,
};

static bool has_news(const struct call *call)
{
    return call->service == &health_watch &&
           call->told != (int)status_of(call->connection->server, call->watched);
}

/* A connection that is killed takes other streams with it: begin again. */
void health_publish(struct server *server)
{
    struct call *call = TAILQ_FIRST(&server->streams);

    while (call != NULL) {
        if (!has_news(call) || tell(call) == 0) {
            call = TAILQ_NEXT(call, queue_link);
        } else {
            connection_kill(call->connection);
            call = TAILQ_FIRST(&server->streams);
        }
    }
}
