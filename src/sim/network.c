/* SPDX-License-Identifier: Apache-2.0 */
/* Servers, connections and requests of a sim. */
#include "sim/network.h"

#include <stdio.h>
#include <string.h>

#include <grebe/attr.h>
#include <grebe/error.h>

#include "base/assert.h"
#include "core/metadata.h"
#include "sim/services.h"

/* A connection to a server. */
struct connection {
    struct grebe__transport base;
    struct grebe__list link; /* on sim->transports */
    struct sim_server *server;
    const struct grebe_mem *mem;
    struct grebe__list requests; /* open ones, oldest first */
    struct grebe__timer timer;   /* closes it, in a turn of its own */
    bool is_closing;
    struct grebe_status why; /* static text */
};

struct attempt {
    struct grebe__list link;
    struct grebe__timer timer;
    struct grebe__dial *dial;
    struct sim *sim;
};

static struct connection *connection_of(struct grebe__transport *base)
{
    return grebe_container_of(base, struct connection, base);
}

static struct grebe__socket_counts *counts_of(struct connection *connection)
{
    return &connection->base.socket.counts;
}

/* ---- Servers ------------------------------------------------------------------------------ */

struct sim_server *sim_server_find(struct sim *sim, const char *address)
{
    grebe__list_foreach (link, &sim->servers) {
        struct sim_server *server = grebe_container_of(link, struct sim_server, link);

        if (strcmp(server->address, address) == 0)
            return server;
    }
    return NULL;
}

struct sim_server *sim_server_new(struct sim *sim, const char *address)
{
    struct sim_server *server = grebe_mem_zalloc(NULL, sizeof *server);

    if (server == NULL)
        return NULL;
    server->address = grebe_mem_strdup(NULL, address);
    server->sim = sim;
    server->behaviour = SIM_ACCEPTS;
    server->max_streams = UINT32_MAX;
    grebe__list_init(&server->link);
    grebe__list_init(&server->requests);
    grebe__list_append(&sim->servers, &server->link);
    return server;
}

uint32_t sim_server_n_open(const struct sim_server *server)
{
    uint32_t n = 0;

    grebe__list_foreach (link, &server->sim->transports) {
        if (grebe_container_of(link, struct connection, link)->server == server)
            n++;
    }
    return n;
}

/* ---- Requests ------------------------------------------------------------------------------- */

/* A message that the client did not ask for yet. */
struct pushed {
    struct grebe__list link;
    size_t length;
    unsigned char bytes[];
};

static void on_complete(struct grebe__timer *timer)
{
    struct sim_request *request = grebe_container_of(timer, struct sim_request, timer);
    const struct sim_server *server = request->server;

    if (request->step == 0 && sim_services_serve(request))
        return;
    if (server->script != NULL) {
        server->script->on_request(request);
    } else if (server->echoes) {
        sim_services_add_trailer(request);
        sim_answer(request, request->bytes, request->length);
    }
}

void sim_request_later(struct sim_request *request, uint64_t delay_ns)
{
    struct grebe__env *env = &request->server->sim->env;

    grebe__env_start_timer(env, &request->timer, env->now_ns + delay_ns);
}

static void on_pump(struct grebe__timer *timer)
{
    struct sim_request *request = grebe_container_of(timer, struct sim_request, pump);
    struct pushed *pushed =
        grebe_container_of(grebe__list_shift(&request->queue), struct pushed, link);

    sim_respond(request, pushed->bytes, pushed->length);
    grebe_mem_free(NULL, pushed);
}

static struct sim_request *request_of(struct grebe__stream *stream)
{
    struct sim_request *request;

    memcpy(&request, stream->state, sizeof(struct sim_request *));
    return request;
}

static struct sim_request *new_request(struct connection *connection,
                                       struct grebe__stream *stream)
{
    struct sim_request *request = grebe_mem_zalloc(connection->mem, sizeof *request);

    if (request == NULL)
        return NULL;
    request->server = connection->server;
    request->stream = stream;
    request->path = stream->path;
    grebe__list_init(&request->link);
    grebe__list_init(&request->open);
    grebe__list_init(&request->queue);
    grebe__timer_init(&request->timer, on_complete);
    grebe__timer_init(&request->pump, on_pump);
    grebe__list_append(&connection->server->requests, &request->link);
    grebe__list_append(&connection->requests, &request->open);
    connection->server->n_requests++;
    connection->base.n_streams++;
    grebe__count_add(&counts_of(connection)->streams_started, 1);
    grebe__count_set(&counts_of(connection)->last_stream_ns,
                     connection->server->sim->env.now_ns);
    memcpy(stream->state, &request, sizeof(struct sim_request *));
    stream->transport = &connection->base;
    return request;
}

/* The stream is closed.  What it leaves room for is announced in a later turn. */
static void free_request(struct connection *connection, struct sim_request *request,
                         bool is_success)
{
    grebe__count_add(is_success ? &counts_of(connection)->streams_succeeded
                                : &counts_of(connection)->streams_failed,
                     1);
    grebe__list_remove(&request->link);
    grebe__list_remove(&request->open);
    grebe__timer_cancel(&request->timer);
    grebe__timer_cancel(&request->pump);
    while (!grebe__list_is_empty(&request->queue))
        grebe_mem_free(NULL, grebe_container_of(grebe__list_shift(&request->queue),
                                                struct pushed, link));
    request->stream->transport = NULL;
    grebe_mem_free(NULL, request->bytes);
    grebe_mem_free(connection->mem, request);
    connection->base.n_streams--;
    grebe__env_start_timer(&connection->server->sim->env, &connection->timer, 0);
}

struct sim_request *sim_server_request(struct sim_server *server)
{
    if (grebe__list_is_empty(&server->requests))
        return NULL;
    return grebe_container_of(server->requests.next, struct sim_request, link);
}

struct sim_request *sim_server_request_of(struct sim_server *server, const char *path)
{
    grebe__list_foreach (link, &server->requests) {
        struct sim_request *request = grebe_container_of(link, struct sim_request, link);

        if (strcmp(request->path, path) == 0)
            return request;
    }
    return NULL;
}

static void end(struct sim_request *request, int code, const char *message,
                enum grebe__progress progress)
{
    struct connection *connection = connection_of(request->stream->transport);
    struct grebe__env *env = &request->server->sim->env;
    struct grebe__stream *stream = request->stream;
    struct grebe__stream_end how = {
        .status = grebe_status_of(code, message),
        .progress = progress,
        .has_headers = request->has_headers,
        .has_bytes = progress == GREBE__PROCESSED,
    };

    grebe__env_enter(env);
    if (request->server->script != NULL && request->server->script->on_end != NULL)
        request->server->script->on_end(request, progress);
    free_request(connection, request,
                 progress == GREBE__PROCESSED && !connection->is_closing);
    stream->listener->on_end(stream, &how);
    grebe__env_leave(env);
}

void sim_end(struct sim_request *request, int code, const char *message)
{
    end(request, code, message, GREBE__PROCESSED);
}

void sim_refuse(struct sim_request *request)
{
    end(request, GREBE_STATUS_UNAVAILABLE, "stream refused by the server",
        GREBE__UNPROCESSED);
}

void sim_bounce(struct sim_request *request)
{
    end(request, GREBE_STATUS_UNAVAILABLE, "never sent", GREBE__NEVER_SENT);
}

bool sim_respond(struct sim_request *request, const void *bytes, size_t length)
{
    struct grebe__stream *stream = request->stream;
    struct grebe__env *env = &request->server->sim->env;
    void *copy = grebe_mem_alloc(stream->mem, length);
    bool is_open;

    GREBE_ASSERT(request->n_wanted > 0);
    connection_of(stream->transport)->base.has_answered = true;
    if (copy == NULL) {
        sim_end(request, GREBE_STATUS_RESOURCE_EXHAUSTED, "out of memory");
        return false;
    }
    if (length > 0)
        memcpy(copy, bytes, length);
    grebe__env_enter(env);
    if (!request->has_headers) {
        request->has_headers = true;
        stream->listener->on_headers(stream);
    }
    request->n_wanted--;
    grebe__count_add(&counts_of(connection_of(stream->transport))->messages_received, 1);
    grebe__count_set(&counts_of(connection_of(stream->transport))->last_received_ns,
                     env->now_ns);
    stream->listener->on_message(stream, copy, length);
    is_open = stream->transport != NULL && request_of(stream) == request;
    grebe__env_leave(env);
    return is_open;
}

static void pump(struct sim_request *request)
{
    struct sim *sim = request->server->sim;

    if (request->n_wanted > 0 && !grebe__list_is_empty(&request->queue))
        grebe__env_start_timer(&sim->env, &request->pump, sim->env.now_ns);
}

void sim_push(struct sim_request *request, const void *bytes, size_t length)
{
    struct pushed *pushed = grebe_mem_alloc(NULL, sizeof *pushed + length);

    GREBE_ASSERT(pushed != NULL);
    pushed->length = length;
    if (length > 0)
        memcpy(pushed->bytes, bytes, length);
    grebe__list_init(&pushed->link);
    grebe__list_append(&request->queue, &pushed->link);
    pump(request);
}

/* When memory is short it does not come, and a test sees a call without it. */
void sim_trailer(struct sim_request *request, const char *key, const void *value,
                 size_t length)
{
    if (grebe__metadata_append(request->stream->trailers, key, strlen(key), value,
                               length) != GREBE_OK)
        return;
}

void sim_answer(struct sim_request *request, const void *bytes, size_t length)
{
    struct grebe__env *env = &request->server->sim->env;

    grebe__env_enter(env); /* what the message causes comes after the end */
    if (sim_respond(request, bytes, length))
        sim_end(request, GREBE_STATUS_OK, "");
    grebe__env_leave(env);
}

/* ---- Transport -------------------------------------------------------------------------------- */

static int start(struct grebe__transport *base, struct grebe__stream *stream)
{
    struct connection *connection = connection_of(base);

    if (connection->is_closing || !grebe__transport_has_room(base))
        return GREBE_ERR_CLOSED;
    return new_request(connection, stream) == NULL ? GREBE_ERR_NOMEM : GREBE_OK;
}

/* What a server was sent is in its own memory, which never fails.  Messages are taken at
 * once; on_sent is not needed by unary calls and comes with the
 * stream's end for all others. */
static void send(struct grebe__stream *stream, struct grebe__outgoing *outgoing)
{
    struct sim_request *request = request_of(stream);
    struct sim_server *server = request->server;
    struct connection *connection = connection_of(stream->transport);
    void *copy = grebe_mem_alloc(NULL, outgoing->length);

    GREBE_ASSERT(copy != NULL || outgoing->length == 0);
    grebe_mem_free(NULL, request->bytes);
    request->bytes = copy;
    request->length = outgoing->length;
    if (request->length > 0)
        memcpy(copy, outgoing->bytes, outgoing->length);
    request->n_messages++;
    grebe__count_add(&counts_of(connection)->messages_sent, 1);
    grebe__count_set(&counts_of(connection)->last_sent_ns, server->sim->env.now_ns);
    request->is_half_closed = outgoing->is_last;
    if (request->is_half_closed &&
        (server->echoes || server->services != NULL || server->script != NULL))
        sim_request_later(request, server->latency_ns);
}

static void half_close(struct grebe__stream *stream)
{
    request_of(stream)->is_half_closed = true;
}

static void receive(struct grebe__stream *stream)
{
    request_of(stream)->n_wanted++;
    pump(request_of(stream));
}

static void cancel(struct grebe__stream *stream)
{
    free_request(connection_of(stream->transport), request_of(stream), false);
}

/* Something is to be told in a later turn: that there is room, or that it is over. */
static void on_connection_timer(struct grebe__timer *timer)
{
    struct connection *connection = grebe_container_of(timer, struct connection, timer);
    bool is_over =
        connection->is_closing ||
        (connection->base.is_draining && grebe__list_is_empty(&connection->requests));
    struct grebe__disconnect why = {.status = connection->why,
                                    .label = connection->base.label};

    if (!is_over) {
        connection->base.listener->on_capacity(&connection->base);
        return;
    }
    connection->base.is_draining = true;
    while (!grebe__list_is_empty(&connection->requests))
        end(grebe_container_of(connection->requests.next, struct sim_request, open),
            connection->why.code, connection->why.message, GREBE__PROCESSED);
    grebe__timer_cancel(timer); /* ending the requests has started it again */
    grebe__list_remove(&connection->link);
    if (connection->base.listener != NULL)
        connection->base.listener->on_closed(&connection->base, &why);
    grebe_mem_free(connection->mem, connection);
}

/* The first cause stands. */
static void set_label(struct connection *connection, const char *label)
{
    if (connection->base.label == NULL)
        connection->base.label = label;
}

static void close_soon(struct connection *connection, struct grebe_status why,
                       const char *label)
{
    if (connection->is_closing)
        return;
    connection->is_closing = true;
    connection->why = why;
    set_label(connection, label);
    grebe__env_start_timer(&connection->server->sim->env, &connection->timer, 0);
}

static void drain(struct grebe__transport *base)
{
    struct connection *connection = connection_of(base);

    base->is_draining = true;
    set_label(connection, "subchannel shutdown");
    if (!connection->is_closing)
        connection->why = grebe_status_of(GREBE_STATUS_UNAVAILABLE, "drained");
    grebe__env_start_timer(&connection->server->sim->env, &connection->timer, 0);
}

static void close_now(struct grebe__transport *base, const struct grebe_status *status)
{
    (void)status;
    close_soon(connection_of(base),
               grebe_status_of(GREBE_STATUS_CANCELLED, "client transport shutdown"),
               "subchannel shutdown");
}

static const struct grebe__transport_ops transport_ops = {
    .start = start,
    .send = send,
    .half_close = half_close,
    .receive = receive,
    .cancel = cancel,
    .drain = drain,
    .close = close_now,
};

/* ---- Events on connections ------------------------------------------------------------------------ */

static void refuse_newest(struct connection *connection, uint32_t n)
{
    while (n-- > 0 && !grebe__list_is_empty(&connection->requests))
        sim_refuse(
            grebe_container_of(connection->requests.prev, struct sim_request, open));
}

static void announce_goaway(struct connection *connection, uint32_t n_unprocessed,
                            bool is_too_many_pings)
{
    struct grebe__disconnect why = {
        .status = grebe_status_of(GREBE_STATUS_UNAVAILABLE, "GOAWAY"),
        .label = is_too_many_pings ? "GOAWAY ENHANCE_YOUR_CALM" : "GOAWAY NO_ERROR",
        .is_too_many_pings = is_too_many_pings,
    };
    struct grebe__env *env = &connection->server->sim->env;

    if (connection->base.is_draining)
        return;
    grebe__env_enter(env);
    connection->why = why.status;
    set_label(connection, why.label);
    connection->base.is_draining = true;
    grebe__count_set(&counts_of(connection)->goaway, is_too_many_pings ? 12 : 1);
    connection->base.listener->on_draining(&connection->base, &why);
    refuse_newest(connection, n_unprocessed);
    grebe__env_start_timer(env, &connection->timer, 0);
    grebe__env_leave(env);
}

void sim_server_goaway(struct sim_server *server, uint32_t n_unprocessed,
                       bool is_too_many_pings)
{
    grebe__list_foreach_safe (link, &server->sim->transports) {
        struct connection *connection = grebe_container_of(link, struct connection, link);

        if (connection->server == server)
            announce_goaway(connection, n_unprocessed, is_too_many_pings);
    }
}

void sim_break(struct grebe__transport *transport, const char *why)
{
    close_soon(connection_of(transport), grebe_status_of(GREBE_STATUS_UNAVAILABLE, why),
               "connection reset");
}

void sim_server_kill(struct sim_server *server, const char *why)
{
    grebe__list_foreach_safe (link, &server->sim->transports) {
        struct connection *connection = grebe_container_of(link, struct connection, link);

        if (connection->server == server)
            close_soon(connection, grebe_status_of(GREBE_STATUS_UNAVAILABLE, why),
                       "connection reset");
    }
}

void sim_server_set_max_streams(struct sim_server *server, uint32_t max_streams)
{
    server->max_streams = max_streams;
    grebe__list_foreach (link, &server->sim->transports) {
        struct connection *connection = grebe_container_of(link, struct connection, link);

        if (connection->server != server)
            continue;
        connection->base.max_streams = max_streams;
        grebe__count_set(&counts_of(connection)->max_streams, max_streams);
        grebe__env_start_timer(&server->sim->env, &connection->timer, 0);
    }
}

/* ---- Connector -------------------------------------------------------------------------------------- */

static struct connection *new_connection(struct sim_server *server,
                                         const struct grebe__dial *dial)
{
    struct connection *connection = grebe_mem_zalloc(dial->mem, sizeof *connection);

    if (connection == NULL)
        return NULL;
    connection->base.ops = &transport_ops;
    connection->base.peer = server->address;
    connection->base.keepalive_time_ns = dial->options->keepalive_time_ns;
    connection->base.max_streams = server->max_streams;
    connection->base.socket.remote.text = server->address;
    grebe__count_set(&counts_of(connection)->max_streams, server->max_streams);
    grebe__list_init(&connection->base.link);
    connection->server = server;
    connection->mem = dial->mem;
    connection->base.security_level = "none";
    grebe__list_init(&connection->link);
    grebe__list_init(&connection->requests);
    grebe__timer_init(&connection->timer, on_connection_timer);
    grebe__list_append(&server->sim->transports, &connection->link);
    if (server->drains_at_once) {
        connection->base.is_draining = true;
        connection->base.label = "GOAWAY NO_ERROR";
        connection->why = grebe_status_of(GREBE_STATUS_UNAVAILABLE, "GOAWAY");
        grebe__env_start_timer(&server->sim->env, &connection->timer, 0);
    }
    server->n_connections++;
    server->authority = dial->authority;
    server->credentials = dial->credentials;
    return connection;
}

static void free_attempt(struct attempt *attempt)
{
    grebe__timer_cancel(&attempt->timer);
    grebe__list_remove(&attempt->link);
    attempt->dial->pending = NULL;
    grebe_mem_free(NULL, attempt);
}

static void on_attempt(struct grebe__timer *timer)
{
    struct attempt *attempt = grebe_container_of(timer, struct attempt, timer);
    struct grebe__dial *dial = attempt->dial;
    struct sim_server *server =
        sim_server_find(attempt->sim, grebe_address_text(dial->address));
    struct connection *connection = NULL;
    const char *error = "connect: connection refused";

    free_attempt(attempt);
    if (server != NULL && server->refusal != NULL)
        error = server->refusal;
    if (server != NULL && server->behaviour == SIM_ACCEPTS) {
        connection = new_connection(server, dial);
        error = "out of memory";
    }
    if (connection != NULL)
        dial->on_done(dial, &connection->base, NULL);
    else
        dial->on_done(dial, NULL, error);
}

/* The memory of the virtual world does not count: it never fails. */
static void dial_server(struct grebe__env *env, struct grebe__dial *dial)
{
    struct sim *sim = env->driver;
    struct sim_server *server = sim_server_find(sim, grebe_address_text(dial->address));
    struct attempt *attempt = grebe_mem_alloc(NULL, sizeof *attempt);

    GREBE_ASSERT(attempt != NULL && dial->pending == NULL);
    sim->n_dials++;
    *attempt = (struct attempt){.dial = dial, .sim = sim};
    grebe__list_init(&attempt->link);
    grebe__list_append(&sim->dials, &attempt->link);
    grebe__timer_init(&attempt->timer, on_attempt);
    dial->pending = attempt;
    if (server != NULL)
        server->n_dials++;
    if (server == NULL || server->behaviour != SIM_HANGS)
        grebe__env_start_timer(env, &attempt->timer,
                               env->now_ns +
                                   (server == NULL ? 0 : server->connect_delay_ns));
}

static void cancel_dial(struct grebe__env *env, struct grebe__dial *dial)
{
    (void)env;
    free_attempt(dial->pending);
}

static void stage(struct grebe__env *env, const struct grebe__dial *dial, char *buf,
                  size_t size)
{
    (void)env;
    (void)dial;
    snprintf(buf, size, "connect");
}

const struct grebe__connector_ops sim_connector_ops = {
    .dial = dial_server,
    .cancel = cancel_dial,
    .stage = stage,
};

void sim_network_fini(struct sim *sim)
{
    struct grebe__list *link;

    GREBE_ASSERT(grebe__list_is_empty(&sim->transports));
    GREBE_ASSERT(grebe__list_is_empty(&sim->dials));
    GREBE_ASSERT(grebe__list_is_empty(&sim->lookups));
    while ((link = grebe__list_shift(&sim->servers)) != NULL) {
        struct sim_server *server = grebe_container_of(link, struct sim_server, link);

        grebe_mem_free(NULL, server->address);
        grebe_mem_free(NULL, server->services);
        grebe_mem_free(NULL, server);
    }
    sim_names_fini(sim);
}
