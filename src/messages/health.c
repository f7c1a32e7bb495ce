/* SPDX-License-Identifier: Apache-2.0 */
#include "messages/health.h"

#include <stdint.h>
#include <stdio.h>

#include <grebe/attr.h>
#include <grebe/error.h>
#include <grpc/health/v1/health.pb-c.h>

#include "messages/wire_mem.h"

const char *grebe__serving_name(int status, char buf[12])
{
    static const char *const names[] = {
        [GREBE__SERVING_UNKNOWN] = "UNKNOWN",
        [GREBE__SERVING_YES] = "SERVING",
        [GREBE__SERVING_NO] = "NOT_SERVING",
        [GREBE__SERVING_SERVICE_UNKNOWN] = "SERVICE_UNKNOWN",
    };

    if (status >= 0 && (size_t)status < sizeof names / sizeof names[0])
        return names[status];
    snprintf(buf, 12, "%d", status);
    return buf;
}

static Grpc__Health__V1__HealthCheckRequest request_for(const char *service)
{
    Grpc__Health__V1__HealthCheckRequest request;

    grpc__health__v1__health_check_request__init(&request);
    request.service = (char *)(uintptr_t)service; /* only read */
    return request;
}

size_t grebe__health_request_size(const char *service)
{
    Grpc__Health__V1__HealthCheckRequest request = request_for(service);

    return grpc__health__v1__health_check_request__get_packed_size(&request);
}

void grebe__health_request_write(const char *service, unsigned char *out)
{
    Grpc__Health__V1__HealthCheckRequest request = request_for(service);

    grpc__health__v1__health_check_request__pack(&request, out);
}

int grebe__health_response_read(const struct grebe_mem *mem, const void *bytes,
                                size_t length, int *status)
{
    struct grebe__wire_mem memory;
    Grpc__Health__V1__HealthCheckResponse *response;

    grebe__wire_mem_init(&memory, mem);
    response =
        grpc__health__v1__health_check_response__unpack(&memory.allocator, length, bytes);
    if (response == NULL)
        return memory.has_failed ? GREBE_ERR_NOMEM : GREBE_ERR_INVALID;
    *status = (int)response->status;
    grpc__health__v1__health_check_response__free_unpacked(response, &memory.allocator);
    return GREBE_OK;
}
