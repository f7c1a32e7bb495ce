/* SPDX-License-Identifier: Apache-2.0 */
/* server_call.c -- one call at a backend.
 *
 *   READING --place free--> DELAYED --delay over--> ANSWERING
 *      \--all places taken--> WAITING --a call ends--/
 *
 * The request body goes into `body` as it comes and leaves as the response body; its
 * flow control is returned as it leaves, so a client that does not read its answers is
 * not read either.
 *
 * Sources   gRPC over HTTP/2, "Responses"; RFC 9113 8.1.
 */
#include <stdio.h>
#include <string.h>

#include <grebe/attr.h>
#include <grebe/status.h>

#include "server_parts.h"

enum { SERVICE_REQUEST_BYTES = 4096 };

#define NV(name, value, value_length, flags)                                             \
    {                                                                                    \
        (uint8_t *)(uintptr_t)(name), (uint8_t *)(uintptr_t)(value), sizeof(name) - 1,   \
            (value_length), NGHTTP2_NV_FLAG_NO_COPY_NAME | (flags)                       \
    }
#define NV_STATIC(name, value)                                                           \
    NV(name, value, sizeof(value) - 1, NGHTTP2_NV_FLAG_NO_COPY_VALUE)
#define NV_TEXT(name, value) NV(name, value, strlen(value), 0)

/* ---- Life -------------------------------------------------------------------------- */

static void on_deadline(struct deadline *deadline);

struct call *call_new(struct connection *connection, int32_t stream_id)
{
    struct call *call = slab_alloc(&connection->loop->slab, sizeof *call);

    if (call == NULL)
        return NULL;
    *call = (struct call){
        .connection = connection,
        .stream_id = stream_id,
        .deadline = {.on_due = on_deadline},
    };
    TAILQ_INSERT_TAIL(&connection->calls, call, link);
    return call;
}

static int serve(struct call *call);

static void serve_next(struct server *server)
{
    struct call *call = TAILQ_FIRST(&server->waiting);

    if (call == NULL)
        return;
    call_unqueue(call);
    if (serve(call) != 0)
        nghttp2_submit_rst_stream(call->connection->session, NGHTTP2_FLAG_NONE,
                                  call->stream_id, NGHTTP2_INTERNAL_ERROR);
}

void call_unqueue(struct call *call)
{
    struct server *server = call->connection->server;

    if (!call->is_queued)
        return;
    call->is_queued = false;
    if (call->phase == CALL_WAITING) {
        load_meter_update(server);
        server->n_waiting--;
        TAILQ_REMOVE(&server->waiting, call, queue_link);
    } else {
        TAILQ_REMOVE(&server->streams, call, queue_link);
    }
}

void call_free(struct call *call)
{
    struct connection *connection = call->connection;
    struct server *server = connection->server;
    bool had_place = call->has_place;

    TAILQ_REMOVE(&connection->calls, call, link);
    call_unqueue(call);
    deadline_cancel(&connection->loop->deadlines, &call->deadline);
    nghttp2_session_consume_connection(connection->session, call->n_unreturned);
    bytes_fini(&call->body, &connection->loop->slab);
    slab_free(&connection->loop->slab, call);
    if (had_place) {
        load_meter_update(server);
        server->n_serving--;
        serve_next(server);
    }
}

/* ---- Request ----------------------------------------------------------------------- */

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

static enum call_kind kind_of(const uint8_t *path, size_t length)
{
    if (is_text(path, length, "/grpc.health.v1.Health/Check"))
        return CALL_HEALTH_CHECK;
    if (is_text(path, length, "/grpc.health.v1.Health/Watch"))
        return CALL_HEALTH_WATCH;
    if (is_text(path, length, "/xds.service.orca.v3.OpenRcaService/StreamCoreMetrics"))
        return CALL_ORCA_STREAM;
    return CALL_ECHO;
}

void call_on_header(struct call *call, const uint8_t *name, size_t name_length,
                    const uint8_t *value, size_t value_length)
{
    if (is_text(name, name_length, ":path"))
        call->kind = kind_of(value, value_length);
    else if (is_text(name, name_length, ":method"))
        call->is_post = is_text(value, value_length, "POST");
    else if (is_text(name, name_length, "content-type"))
        call->is_grpc = is_grpc_type(value, value_length);
    else if (is_text(name, name_length, "grpc-encoding") &&
             !is_text(value, value_length, "identity"))
        snprintf(call->encoding, sizeof call->encoding, "%.*s", (int)value_length,
                 (const char *)value);
}

static int refuse(struct call *call, const char *http_status)
{
    nghttp2_nv headers[] = {NV_TEXT(":status", http_status)};

    call->phase = CALL_ANSWERING;
    call->has_answered = call->has_response = true;
    return nghttp2_submit_response(call->connection->session, call->stream_id, headers, 1,
                                   NULL);
}

static void wait_for_place(struct call *call)
{
    struct server *server = call->connection->server;

    call->phase = CALL_WAITING;
    call->is_queued = true;
    load_meter_update(server);
    server->n_waiting++;
    TAILQ_INSERT_TAIL(&server->waiting, call, queue_link);
}

int call_on_headers_end(struct call *call)
{
    struct server *server = call->connection->server;

    if (!call->is_post)
        return refuse(call, "405");
    if (!call->is_grpc)
        return refuse(call, "415");
    if (call->kind != CALL_ECHO)
        return 0;
    if (server->settings.capacity > 0 && server->n_serving >= server->settings.capacity) {
        wait_for_place(call);
        return 0;
    }
    return serve(call);
}

bool call_on_data(struct call *call, const uint8_t *data, size_t length)
{
    struct connection *c = call->connection;

    call->n_unreturned += (uint32_t)length;
    if (call->has_answered)
        return true; /* nobody will read it */
    if (call->kind != CALL_ECHO &&
        bytes_length(&call->body) + length > SERVICE_REQUEST_BYTES)
        return call_fail(call, GREBE_STATUS_RESOURCE_EXHAUSTED, "request too large") == 0;
    return bytes_append(&call->body, &c->loop->slab, data, length);
}

int call_on_frame_end(struct call *call)
{
    return call->kind == CALL_ECHO && call->phase == CALL_ANSWERING ? call_answer(call)
                                                                    : 0;
}

int call_on_request_end(struct call *call)
{
    call->has_request_ended = true;
    if (call->kind == CALL_ECHO) {
        call->has_answered = true;
        return call_on_frame_end(call);
    }
    return call->has_answered ? 0 : service_start(call);
}

/* ---- Service ----------------------------------------------------------------------- */

static bool is_doomed(struct server *server)
{
    double rate = server->settings.fail_rate;

    return rate > 0 && server_random(server) < rate;
}

/* The delay is over. */
static int answer_or_fail(struct call *call)
{
    struct server *server = call->connection->server;
    bool fails = is_doomed(server);

    call->phase = CALL_ANSWERING;
    load_meter_count(server, fails);
    if (fails)
        return call_fail(call, server->settings.fail_code, "injected failure");
    return call_answer(call);
}

static uint64_t draw_delay(struct server *server)
{
    const struct server_settings *s = &server->settings;
    double jitter = (2 * server_random(server) - 1) * (double)s->jitter_ns;
    double delay = (double)s->delay_ns + jitter;

    return delay > 0 ? (uint64_t)delay : 0;
}

/* The call has a place. */
static int serve(struct call *call)
{
    struct server *server = call->connection->server;
    const struct server_settings *s = &server->settings;

    call->has_place = true;
    load_meter_update(server);
    server->n_serving++;
    if (s->delay_ns == 0 && s->jitter_ns == 0)
        return answer_or_fail(call);
    call->phase = CALL_DELAYED;
    return deadline_start(&server->loop->deadlines, &call->deadline,
                          alarm_now_ns() + draw_delay(server))
               ? 0
               : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static void on_deadline(struct deadline *deadline)
{
    struct call *call = grebe_container_of(deadline, struct call, deadline);
    int result =
        call->kind == CALL_ORCA_STREAM ? service_report(call) : answer_or_fail(call);

    if (result != 0)
        connection_kill(call->connection);
}

/* ---- Response ---------------------------------------------------------------------- */

/* What trailers say, and Trailers-Only answers: at most three. */
static size_t put_status(struct call *call, nghttp2_nv *out, char code[12])
{
    struct server *server = call->connection->server;
    size_t n = 0;

    snprintf(code, 12, "%d", call->code);
    out[n++] = call->code == 0 ? (nghttp2_nv)NV_STATIC("grpc-status", "0")
                               : (nghttp2_nv)NV_TEXT("grpc-status", code);
    if (call->message != NULL)
        out[n++] = (nghttp2_nv)NV_TEXT("grpc-message", call->message);
    if (server->load.report_length > 0 && call->kind == CALL_ECHO)
        out[n++] = (nghttp2_nv)NV_TEXT("endpoint-load-metrics-bin", server->load.base64);
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
