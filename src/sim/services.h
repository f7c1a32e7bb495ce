/* SPDX-License-Identifier: Apache-2.0 */
/* sim/services.h -- servers that say how they are: health checks and load reports.
 *
 * A server that was told what to say answers by itself: Watch with the status now and at
 * each change; StreamCoreMetrics with a report now and one each interval; and its echoes
 * with a report in the trailers.  Before that a request for either waits like any other.
 *
 * Sources     grpc.health.v1; gRFC A51.
 */
#ifndef GREBE_SIM_SERVICES_H
#define GREBE_SIM_SERVICES_H

#include <grebe/load_report.h>

#include "sim/sim.h"

/* What the server says of `service` from now on, a number of HealthCheckResponse; of others
 * it knows nothing.  At most four services. */
void sim_server_set_health(struct sim_server *server, const char *service, int status);

/* Its load from now on.  Clients that want reports more often than each `min_interval_ns`
 * get them no more often than that. */
void sim_server_set_load(struct sim_server *server, const struct grebe_load_report *load,
                         uint64_t min_interval_ns);

/* The same as bytes, whatever they are. */
void sim_server_set_load_bytes(struct sim_server *server, const void *bytes,
                               size_t length, uint64_t min_interval_ns);

/* Somebody watches the health of `service`. */
bool sim_server_is_watched(struct sim_server *server, const char *service);
/* The interval that a stream of reports was asked for; UINT64_MAX: there is none. */
uint64_t sim_server_load_interval_ns(struct sim_server *server);

/* For network.c.  False: the request is for no service that this server has. */
bool sim_services_serve(struct sim_request *request);
/* An echo is about to end. */
void sim_services_add_trailer(struct sim_request *request);

#endif
