/* SPDX-License-Identifier: Apache-2.0 */
/* server/call.c -- what a request says, and what follows from it. */
#include "server/call.h"

#include <stdio.h>
#include <string.h>

#include <grebe/status.h>

#include "server/connection.h"
#include "server/load_reports.h"
#include "server/parts.h"
#include "server/services.h"

enum { SERVICE_REQUEST_BYTES = 4096 };

/* ---- Life -------------------------------------------------------------------------- */

struct call *call_new(struct connection *connection, int32_t stream_id)
{
    struct call *call = slab_alloc(&connection->loop->slab, sizeof *call);

    if (call == NULL)
        return NULL;
    *call = (struct call){.connection = connection, .stream_id = stream_id};
    TAILQ_INSERT_TAIL(&connection->calls, call, link);
    return call;
}

void call_unqueue(struct call *call)
{
    if (!call->is_queued)
        return;
    call->is_queued = false;
    if (call->phase == CALL_WAITING)
        work_unqueue(call);
    else
        TAILQ_REMOVE(&call->connection->server->streams, call, queue_link);
}

void call_free(struct call *call)
{
    struct connection *connection = call->connection;
    bool had_place = call->has_place;

    TAILQ_REMOVE(&connection->calls, call, link);
    call_unqueue(call);
    deadline_cancel(&connection->loop->deadlines, &call->deadline);
    nghttp2_session_consume_connection(connection->session, call->n_unreturned);
    bytes_fini(&call->body, &connection->loop->slab);
    if (call->load != NULL)
        call_load_free(call);
    slab_free(&connection->loop->slab, call);
    if (had_place)
        work_end(connection->server);
}

/* ---- Headers ----------------------------------------------------------------------- */

static bool is_text(const uint8_t *bytes, size_t length, const char *text)
{
    return length == strlen(text) && memcmp(bytes, text, length) == 0;
}

/* "application/grpc", with "+proto" or ";..." behind it or not. */
static bool is_grpc_type(const uint8_t *value, size_t length)
{
    static const char type[] = "application/grpc";
    const size_t n = sizeof type - 1;

    return length >= n && memcmp(value, type, n) == 0 &&
           (length == n || value[n] == '+' || value[n] == ';');
}

void call_on_header(struct call *call, const uint8_t *name, size_t name_length,
                    const uint8_t *value, size_t value_length)
{
    if (is_text(name, name_length, ":path"))
        call->service = service_find((const char *)value, value_length);
    else if (is_text(name, name_length, ":method"))
        call->is_post = is_text(value, value_length, "POST");
    else if (is_text(name, name_length, "content-type"))
        call->is_grpc = is_grpc_type(value, value_length);
    else if (is_text(name, name_length, "grpc-encoding") &&
             !is_text(value, value_length, "identity"))
        snprintf(call->encoding, sizeof call->encoding, "%.*s", (int)value_length,
                 (const char *)value);
    else if (is_text(name, name_length, "grebe-orca"))
        call_load_read(call, (const char *)value); /* nghttp2 puts a NUL behind it */
}

int call_on_headers_end(struct call *call)
{
    if (!call->is_post)
        return call_refuse(call, "405");
    if (!call->is_grpc)
        return call_refuse(call, "415");
    if (call_load_is_bad(call))
        return call_fail(call, GREBE_STATUS_INVALID_ARGUMENT,
                         "grebe-orca: not values like cpu=0.4,named.queue=3");
    return call->service == NULL ? work_begin(call) : 0;
}

/* ---- Body -------------------------------------------------------------------------- */

bool call_on_data(struct call *call, const uint8_t *data, size_t length)
{
    struct connection *c = call->connection;

    call->n_unreturned += (uint32_t)length;
    if (call->has_answered)
        return true; /* nobody will read it */
    if (call->service != NULL &&
        bytes_length(&call->body) + length > SERVICE_REQUEST_BYTES)
        return call_fail(call, GREBE_STATUS_RESOURCE_EXHAUSTED, "request too large") == 0;
    return bytes_append(&call->body, &c->loop->slab, data, length);
}

int call_on_frame_end(struct call *call)
{
    if (call->service != NULL || call->phase != CALL_ANSWERING)
        return 0;
    return call_answer(call);
}

int call_on_request_end(struct call *call)
{
    call->has_request_ended = true;
    if (call->service == NULL) {
        call->has_answered = true;
        return call_on_frame_end(call);
    }
    return call->has_answered ? 0 : service_start(call);
}
