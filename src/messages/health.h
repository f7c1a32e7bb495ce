/* SPDX-License-Identifier: Apache-2.0 */
/* messages/health.h -- grpc.health.v1: what is asked of the health service, and what it
 * answers.  proto/grpc/health/v1/health.proto has the messages.
 *
 * Threading   Any thread.
 */
#ifndef GREBE_MESSAGES_HEALTH_H
#define GREBE_MESSAGES_HEALTH_H

#include <stddef.h>

#include <grebe/mem.h>

#define GREBE__HEALTH_WATCH "/grpc.health.v1.Health/Watch"

/* A ServingStatus; a server may send numbers that have no name. */
enum grebe__serving {
    GREBE__SERVING_UNKNOWN,
    GREBE__SERVING_YES,
    GREBE__SERVING_NO,
    GREBE__SERVING_SERVICE_UNKNOWN,
};

/* "NOT_SERVING"; for a number without a name the number, written to `buf`. */
const char *grebe__serving_name(int status, char buf[12]);

/* HealthCheckRequest {service}: as many bytes as _size() says. */
size_t grebe__health_request_size(const char *service);
void grebe__health_request_write(const char *service, unsigned char *out);

/* HealthCheckResponse: GREBE_OK and its status, GREBE_ERR_INVALID, or GREBE_ERR_NOMEM. */
int grebe__health_response_read(const struct grebe_mem *mem, const void *bytes,
                                size_t length, int *status);

#endif
