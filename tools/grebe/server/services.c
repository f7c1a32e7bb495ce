/* SPDX-License-Identifier: Apache-2.0 */
/* server/services.c -- what all services share: their paths, their messages, their end. */
#include "server/services.h"

#include <string.h>

#include <grebe/status.h>

#include "server/connection.h"
#include "server/health.h"
#include "server/load_reports.h"
#include "server/parts.h"

enum { FRAME_BYTES = 5 }; /* of gRPC, in front of a message */

const struct service *service_find(const char *path, size_t length)
{
    static const struct service *const services[] = {
        &health_check,
        &health_list,
        &health_watch,
        &load_report_stream,
    };

    for (size_t i = 0; i < sizeof services / sizeof services[0]; i++)
        if (services[i]->path_length == length &&
            memcmp(services[i]->path, path, length) == 0)
            return services[i];
    return NULL;
}

/* The one message of the request; NULL if it is not one. */
static ProtobufCMessage *read_request(const struct call *call)
{
    const uint8_t *data = bytes_front(&call->body);
    size_t length = bytes_length(&call->body);
    size_t announced;

    if (length < FRAME_BYTES || data[0] != 0)
        return NULL;
    announced = (size_t)data[1] << 24 | (size_t)data[2] << 16 | (size_t)data[3] << 8 |
                (size_t)data[4];
    if (announced != length - FRAME_BYTES)
        return NULL;
    return protobuf_c_message_unpack(call->service->request, NULL, announced,
                                     data + FRAME_BYTES);
}

int service_start(struct call *call)
{
    ProtobufCMessage *request;
    int result;

    call->phase = CALL_ANSWERING;
    if (!call->service->is_on(call->connection->server))
        return call_fail(call, GREBE_STATUS_UNIMPLEMENTED,
                         "this service is switched off");
    request = read_request(call);
    if (request == NULL)
        return call_fail(call, GREBE_STATUS_INTERNAL, "bad request message");
    bytes_take(&call->body, bytes_length(&call->body));
    result = call->service->start(call, request);
    protobuf_c_message_free_unpacked(request, NULL);
    return result;
}

int service_answer(struct call *call, const ProtobufCMessage *message)
{
    size_t length = protobuf_c_message_get_packed_size(message);
    unsigned char *place =
        bytes_reserve(&call->body, &call->connection->loop->slab, FRAME_BYTES + length);

    if (place == NULL)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    place[0] = 0; /* not compressed */
    for (int i = 1; i < FRAME_BYTES; i++)
        place[i] = (unsigned char)(length >> 8 * (FRAME_BYTES - 1 - i));
    protobuf_c_message_pack(message, place + FRAME_BYTES);
    bytes_commit(&call->body, FRAME_BYTES + length);
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
