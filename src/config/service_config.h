/* SPDX-License-Identifier: Apache-2.0 */
/* config/service_config.h -- a service config: JSON text in, an immutable object out.
 *
 * A text that is wrong anywhere gives no object at all, and `diag` names the path and the
 * reason: "methodConfig[2].retryPolicy.maxAttempts: 1 is less than 2".
 *
 * Threading   Any thread; references are atomic.
 * Sources     gRPC service config; gRFC A2, A6, A17, A21, A24; proto3 JSON as grpc-go
 *             applies it.
 */
#ifndef GREBE_CONFIG_SERVICE_CONFIG_H
#define GREBE_CONFIG_SERVICE_CONFIG_H

#include <stdint.h>

#include <grebe/error.h>
#include <grebe/mem.h>
#include <grebe/parent.h>

#include "config/method_config.h"

struct grebe__service_config;

/* gRFC A6, in thousandths of a token. */
struct grebe__retry_throttling {
    uint32_t max_milli_tokens; /* 1 to 1,000,000; 0: no throttling */
    uint32_t milli_tokens_per_success;
};

/* GREBE_ERR_CONFIG, explained in `diag`, or GREBE_ERR_NOMEM.  *out has one reference. */
int grebe__service_config_parse(const struct grebe_mem *mem, const char *text,
                                struct grebe_diag *diag,
                                struct grebe__service_config **out) GREBE_MUST_CHECK;

struct grebe__service_config *
grebe__service_config_ref(struct grebe__service_config *config);
void grebe__service_config_unref(struct grebe__service_config *config); /* NULL: no-op */

/* What follows is borrowed from the config. */

/* The policy and its configuration; NULL if the text names none, or only one that nobody
 * registered, in the old field "loadBalancingPolicy". */
const struct grebe_lb_config *
grebe__service_config_lb(const struct grebe__service_config *config);

/* For a call of "/service/method": what the config says of the method, or else of its
 * service, or else of all methods; NULL: nothing.  This is on the path of every call: two
 * look-ups in a hash table at most, none if no method has a config. */
const struct grebe__method_config *grebe__service_config_method(
    const struct grebe__service_config *config, const char *path);

struct grebe__retry_throttling
grebe__service_config_retry_throttling(const struct grebe__service_config *config);

/* How many connections a subconn may have at most (gRFC A105); 0: the text does not say. */
uint32_t
grebe__service_config_max_connections(const struct grebe__service_config *config);

/* What to ask the health service for, perhaps ""; NULL: do not ask. */
const char *
grebe__service_config_health_service(const struct grebe__service_config *config);

/* There is a "healthCheckConfig" that does not say what to ask for: somebody meant to. */
bool grebe__service_config_lacks_health_service(
    const struct grebe__service_config *config);

#endif
