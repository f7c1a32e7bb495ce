/* SPDX-License-Identifier: Apache-2.0 */
/* server/answer.c -- headers, body and trailers of a response. */
#include <stdio.h>
#include <string.h>

#include "server/connection.h"
#include "server/load_reports.h"
#include "server/parts.h"

#define NV(name, value, value_length, flags)                                             \
    {                                                                                    \
        (uint8_t *)(uintptr_t)(name), (uint8_t *)(uintptr_t)(value), sizeof(name) - 1,   \
            (value_length), NGHTTP2_NV_FLAG_NO_COPY_NAME | (flags)                       \
    }
#define NV_STATIC(name, value)                                                           \
    NV(name, value, sizeof(value) - 1, NGHTTP2_NV_FLAG_NO_COPY_VALUE)
#define NV_TEXT(name, value) NV(name, value, strlen(value), 0)

/* ---- Status ------------------------------------------------------------------------ */

/* What trailers say, and Trailers-Only answers: at most three. */
static size_t put_status(struct call *call, nghttp2_nv *out, char code[12])
{
    const char *load = call->service == NULL ? call_load_trailer(call) : "";
    size_t n = 0;

    snprintf(code, 12, "%d", call->code);
    out[n++] = call->code == 0 ? (nghttp2_nv)NV_STATIC("grpc-status", "0")
                               : (nghttp2_nv)NV_TEXT("grpc-status", code);
    if (call->message != NULL)
        out[n++] = (nghttp2_nv)NV_TEXT("grpc-message", call->message);
    if (*load != '\0')
        out[n++] = (nghttp2_nv)NV_TEXT("endpoint-load-metrics-bin", load);
    return n;
}

static int submit_trailers(struct call *call)
{
    nghttp2_nv trailers[3];
    char code[12];
    size_t n = put_status(call, trailers, code);

    return nghttp2_submit_trailer(call->connection->session, call->stream_id, trailers,
                                  n);
}

/* ---- Body -------------------------------------------------------------------------- */

/* Hands out what is there; the bytes themselves leave in call_send_data(). */
static ssize_t read_body(nghttp2_session *session, int32_t stream_id, uint8_t *buf,
                         size_t length, uint32_t *flags, nghttp2_data_source *source,
                         void *user_data)
{
    struct call *call = source->ptr;
    size_t waiting = bytes_length(&call->body);

    (void)session;
    (void)stream_id;
    (void)buf;
    (void)user_data;
    if (waiting == 0 && !call->has_answered) {
        call->is_deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (waiting <= length && call->has_answered) {
        *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
        if (submit_trailers(call) != 0)
            return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    return (ssize_t)(waiting < length ? waiting : length);
}

int call_send_data(struct call *call, const uint8_t *frame_header, size_t length)
{
    struct connection *c = call->connection;
    uint32_t returned =
        call->n_unreturned < length ? call->n_unreturned : (uint32_t)length;
    unsigned char *place = bytes_reserve(&c->loop->out, &c->loop->slab, 9 + length);

    if (place == NULL)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    memcpy(place, frame_header, 9);
    memcpy(place + 9, bytes_front(&call->body), length);
    bytes_commit(&c->loop->out, 9 + length);
    bytes_take(&call->body, length);
    call->n_unreturned -= returned;
    return nghttp2_session_consume(c->session, call->stream_id, returned);
}

/* ---- Headers ----------------------------------------------------------------------- */

/* Response headers: at most four. */
static size_t put_headers(struct call *call, nghttp2_nv *out)
{
    const char *name = call->connection->server->settings.name;
    size_t n = 0;

    out[n++] = (nghttp2_nv)NV_STATIC(":status", "200");
    out[n++] = (nghttp2_nv)NV_STATIC("content-type", "application/grpc");
    if (name != NULL)
        out[n++] = (nghttp2_nv)NV_TEXT("grebe-backend", name);
    if (call->encoding[0] != '\0')
        out[n++] = (nghttp2_nv)NV_TEXT("grpc-encoding", call->encoding);
    return n;
}

static int submit_headers(struct call *call)
{
    nghttp2_data_provider body = {{.ptr = call}, read_body};
    nghttp2_nv headers[4];
    size_t n = put_headers(call, headers);

    call->has_response = true;
    return nghttp2_submit_response(call->connection->session, call->stream_id, headers, n,
                                   &body);
}

/* Trailers-Only: one block says it all. */
static int submit_failure(struct call *call)
{
    nghttp2_nv headers[7];
    char code[12];
    size_t n = put_headers(call, headers);

    n += put_status(call, headers + n, code);
    call->has_response = true;
    return nghttp2_submit_response(call->connection->session, call->stream_id, headers, n,
                                   NULL);
}

/* ---- Answers ----------------------------------------------------------------------- */

int call_answer(struct call *call)
{
    int result = 0;

    if (!call->has_response) {
        if (!call->has_answered && bytes_length(&call->body) == 0)
            return 0;
        result = submit_headers(call);
    } else if (call->is_deferred) {
        call->is_deferred = false;
        result = nghttp2_session_resume_data(call->connection->session, call->stream_id);
    }
    connection_touch(call->connection);
    return result;
}

int call_fail(struct call *call, int code, const char *message)
{
    call->code = code;
    call->message = message;
    call->has_answered = true;
    if (call->has_response)
        return call_answer(call);
    bytes_take(&call->body, bytes_length(&call->body));
    connection_touch(call->connection);
    return submit_failure(call);
}

int call_refuse(struct call *call, const char *http_status)
{
    nghttp2_nv headers[] = {NV_TEXT(":status", http_status)};

    call->phase = CALL_ANSWERING;
    call->has_answered = call->has_response = true;
    return nghttp2_submit_response(call->connection->session, call->stream_id, headers, 1,
                                   NULL);
}
