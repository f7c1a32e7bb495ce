/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/services.h"

#include <stdio.h>
#include <string.h>

#include <grebe/attr.h>
#include <grebe/error.h>
#include <grebe/status.h>
#include <grpc/health/v1/health.pb-c.h>

#include "base/assert.h"
#include "messages/health.h"
#include "messages/load_report.h"
#include "sim/orca.h"

enum { SERVICES_MAX = 4, NAME_MAX_BYTES = 64, LOAD_MAX_BYTES = 512 };

struct sim_services {
    size_t n_health;
    struct {
        char service[NAME_MAX_BYTES];
        int status;
    } health[SERVICES_MAX];
    bool has_load;
    unsigned char load[LOAD_MAX_BYTES];
    size_t load_length;
    uint64_t min_interval_ns;
};

static struct sim_services *services_of(struct sim_server *server)
{
    if (server->services == NULL)
        server->services = grebe_mem_zalloc(NULL, sizeof *server->services);
    GREBE_ASSERT(server->services != NULL);
    return server->services;
}

static bool is_for(const struct sim_request *request, const char *path)
{
    return strcmp(request->path, path) == 0;
}

static struct sim_request *request_of(struct grebe__list *link)
{
    return grebe_container_of(link, struct sim_request, link);
}

/* ---- Health --------------------------------------------------------------------------- */

static void read_service(const struct sim_request *request, char out[NAME_MAX_BYTES])
{
    Grpc__Health__V1__HealthCheckRequest *message =
        grpc__health__v1__health_check_request__unpack(NULL, request->length,
                                                       request->bytes);

    GREBE_ASSERT(message != NULL);
    snprintf(out, NAME_MAX_BYTES, "%s", message->service);
    grpc__health__v1__health_check_request__free_unpacked(message, NULL);
}

static int status_of(const struct sim_services *services, const char *service)
{
    for (size_t i = 0; i < services->n_health; i++)
        if (strcmp(services->health[i].service, service) == 0)
            return services->health[i].status;
    return GREBE__SERVING_SERVICE_UNKNOWN;
}

static void push_status(struct sim_request *request, int status)
{
    Grpc__Health__V1__HealthCheckResponse response;
    unsigned char bytes[16];

    grpc__health__v1__health_check_response__init(&response);
    response.status = (Grpc__Health__V1__HealthCheckResponse__ServingStatus)status;
    sim_push(request, bytes,
             grpc__health__v1__health_check_response__pack(&response, bytes));
}

static void serve_watch(struct sim_request *request)
{
    char service[NAME_MAX_BYTES];

    read_service(request, service);
    push_status(request, status_of(request->server->services, service));
}

static bool watches(const struct sim_request *request, const char *service)
{
    char watched[NAME_MAX_BYTES];

    if (!request->is_half_closed || !is_for(request, GREBE__HEALTH_WATCH))
        return false;
    read_service(request, watched);
    return strcmp(watched, service) == 0;
}

static void set_status(struct sim_services *services, const char *service, int status)
{
    size_t i = 0;

    while (i < services->n_health && strcmp(services->health[i].service, service) != 0)
        i++;
    GREBE_ASSERT(i < SERVICES_MAX && strlen(service) < NAME_MAX_BYTES);
    snprintf(services->health[i].service, NAME_MAX_BYTES, "%s", service);
    services->health[i].status = status;
    if (i == services->n_health)
        services->n_health++;
}

void sim_server_set_health(struct sim_server *server, const char *service, int status)
{
    set_status(services_of(server), service, status);
    grebe__list_foreach (link, &server->requests) {
        /* One that has just come is answered when its timer is due. */
        if (watches(request_of(link), service) &&
            !grebe__timer_is_running(&request_of(link)->timer))
            push_status(request_of(link), status);
    }
}

bool sim_server_is_watched(struct sim_server *server, const char *service)
{
    grebe__list_foreach (link, &server->requests) {
        if (watches(request_of(link), service))
            return true;
    }
    return false;
}

/* ---- Load ------------------------------------------------------------------------------- */

static uint64_t interval_of(const struct sim_request *request)
{
    return sim_orca_interval_ns(request->bytes, request->length);
}

static void push_report(struct sim_request *request)
{
    const struct sim_services *services = request->server->services;
    struct sim *sim = request->server->sim;
    uint64_t interval_ns = interval_of(request);

    if (interval_ns < services->min_interval_ns)
        interval_ns = services->min_interval_ns;
    sim_push(request, services->load, services->load_length);
    grebe__env_start_timer(&sim->env, &request->timer, sim->env.now_ns + interval_ns);
}

uint64_t sim_server_load_interval_ns(struct sim_server *server)
{
    struct sim_request *request =
        sim_server_request_of(server, GREBE__LOAD_REPORT_STREAM);

    return request == NULL ? UINT64_MAX : interval_of(request);
}

void sim_server_set_load_bytes(struct sim_server *server, const void *bytes,
                               size_t length, uint64_t min_interval_ns)
{
    struct sim_services *services = services_of(server);

    GREBE_ASSERT(length <= LOAD_MAX_BYTES && min_interval_ns > 0);
    services->has_load = true;
    services->load_length = length;
    services->min_interval_ns = min_interval_ns;
    if (length > 0)
        memcpy(services->load, bytes, length);
}

void sim_server_set_load(struct sim_server *server, const struct grebe_load_report *load,
                         uint64_t min_interval_ns)
{
    unsigned char *bytes;
    size_t length;
    int result = sim_orca_write(NULL, load, &bytes, &length);

    GREBE_ASSERT(result == GREBE_OK);
    sim_server_set_load_bytes(server, bytes, length, min_interval_ns);
    grebe_mem_free(NULL, bytes);
}

void sim_services_add_trailer(struct sim_request *request)
{
    const struct sim_services *services = request->server->services;

    if (services != NULL && services->has_load)
        sim_trailer(request, GREBE__LOAD_REPORT_TRAILER, services->load,
                    services->load_length);
}

/* ---- Both --------------------------------------------------------------------------------- */

bool sim_services_serve(struct sim_request *request)
{
    const struct sim_services *services = request->server->services;

    if (services == NULL)
        return false;
    if (services->n_health > 0 && is_for(request, GREBE__HEALTH_WATCH)) {
        serve_watch(request);
        return true;
    }
    if (services->has_load && is_for(request, GREBE__LOAD_REPORT_STREAM)) {
        push_report(request); /* and again, each time the timer is due */
        return true;
    }
    return false;
}
