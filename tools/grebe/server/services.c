/* SPDX-License-Identifier: Apache-2.0 */
/* server/services.c -- what all services share: their paths, their messages, their end. */
#include "server/services.h"

#include <string.h>

#include <grebe/status.h>

#include "server/connection.h"
#include "server/parts.h"

enum { FRAME_BYTES = 5 }; /* of gRPC, in front of a message */

const struct service *service_find(const char *path, size_t length)
{
    static const struct service *const services[] = {
        &health_check,
        &health_watch,
        &load_report_stream,
    };

    for (size_t i = 0; i < sizeof services / sizeof services[0]; i++)
        if (strlen(services[i]->path) == length &&
            memcmp(services[i]->path, path, length) == 0)
            return services[i];
    return NULL;
}

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

int service_start(struct call *call)
{
    struct proto_reader request;

    call->phase = CALL_ANSWERING;
    if (!call->service->is_on(call->connection->server))
        return call_fail(call, GREBE_STATUS_UNIMPLEMENTED,
                         "this service is switched off");
    if (!take_request(call, &request))
        return call_fail(call, GREBE_STATUS_INTERNAL, "bad request message");
    return call->service->start(call, &request);
}

int service_answer(struct call *call, const uint8_t *message, size_t length)
{
    uint8_t frame[FRAME_BYTES] = {0, 0, 0, (uint8_t)(length >> 8), (uint8_t)length};
    struct slab *slab = &call->connection->loop->slab;

    if (!bytes_append(&call->body, slab, frame, sizeof frame) ||
        !bytes_append(&call->body, slab, message, length))
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    return call_answer(call);
}

void service_join_streams(struct call *call)
{
    call->is_queued = true;
    TAILQ_INSERT_TAIL(&call->connection->server->streams, call, queue_link);
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
