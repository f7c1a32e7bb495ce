/* SPDX-License-Identifier: Apache-2.0 */
/* server/health.h -- grpc.health.v1.Health: which services are said to be well.
 *
 * Backends share a table of what their services are; each can be made NOT_SERVING as a
 * whole, and well again.  Check and List answer once, Watch tells every change.
 *
 * Sources   gRPC health checking protocol; gRFC A17 (Watch).
 */
#ifndef TOOL_SERVER_HEALTH_H
#define TOOL_SERVER_HEALTH_H

#include <stddef.h>

#include "server/services.h"

struct health_entry {
    char *service; /* "": the server as a whole */
    int status;    /* a HealthCheckResponse.ServingStatus */
};

/* All zero is an empty table: the service is switched off. */
struct health_table {
    struct health_entry *entries; /* each service once */
    size_t n;
};

/* Takes "my.Service=NOT_SERVING" over what was said of this service before.  The first
 * time also says that the server as a whole is SERVING.  0, or UV_EINVAL: it is not like
 * that, or UV_ENOMEM. */
int health_table_set(struct health_table *table, const char *text);
void health_table_fini(struct health_table *table);

extern const struct service health_check, health_list, health_watch;

/* server->is_serving has changed: tells those who watch. */
void health_publish(struct server *server);

#endif
