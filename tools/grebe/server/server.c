/* SPDX-License-Identifier: Apache-2.0 */
/* server/server.c -- the lives of backends. */
#include "server/server.h"

#include <stdio.h>
#include <stdlib.h>

#include "server/connection.h"
#include "server/health.h"
#include "server/listener.h"
#include "server/parts.h"
#include "server/services.h"

bool server_new(struct server_loop *loop, const char *address,
                const struct server_settings *settings, struct server **out, char *error,
                size_t error_size)
{
    struct server *server = calloc(1, sizeof *server);

    if (server == NULL) {
        snprintf(error, error_size, "out of memory");
        return false;
    }
    if (!listen_address_parse(address, &server->address)) {
        snprintf(error, error_size,
                 "listen %s: not an address like 127.0.0.1:50051, [::1]:0 or unix:/path",
                 address);
        free(server);
        return false;
    }
    server->loop = loop;
    server->settings = *settings;
    server->random = settings->seed;
    server->is_serving = true;
    TAILQ_INIT(&server->connections);
    TAILQ_INIT(&server->waiting);
    TAILQ_INIT(&server->streams);
    load_meter_start(server);
    *out = server;
    return true;
}

static void on_connection(void *arg, uv_stream_t *stream)
{
    connection_accept(arg, stream);
}

bool server_listen(struct server *server, char *error, size_t error_size)
{
    int result =
        listener_open(server->loop, &server->address, server->settings.congestion,
                      on_connection, server, &server->listener);

    if (result != 0) {
        snprintf(error, error_size, "listen %s: %s", server->address.text,
                 uv_strerror(result));
        return false;
    }
    server->is_draining = false;
    return true;
}

static void stop_listening(struct server *server)
{
    listener_close(server->listener);
    server->listener = NULL;
}

const char *server_address(const struct server *server)
{
    return server->address.text;
}

void server_drain(struct server *server)
{
    struct connection *connection, *next;

    if (server->is_draining)
        return;
    server->is_draining = true;
    stop_listening(server);
    service_end_streams(server);
    for (connection = TAILQ_FIRST(&server->connections); connection != NULL;
         connection = next) {
        next = TAILQ_NEXT(connection, link);
        connection_drain(connection);
    }
}

void server_kill(struct server *server)
{
    stop_listening(server);
    while (!TAILQ_EMPTY(&server->connections))
        connection_kill(TAILQ_FIRST(&server->connections));
}

size_t server_n_calls(const struct server *server)
{
    const struct connection *connection;
    const struct call *call;
    size_t n = 0;

    TAILQ_FOREACH(connection, &server->connections, link)
    TAILQ_FOREACH(call, &connection->calls, link)
    n++;
    return n;
}

void server_set_serving(struct server *server, bool is_serving)
{
    server->is_serving = is_serving;
    health_publish(server);
}

void server_destroy(struct server *server)
{
    if (server == NULL)
        return;
    server_kill(server);
    free(server);
}

/* splitmix64, as in the library's own generator. */
double server_random(struct server *server)
{
    uint64_t z = (server->random += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    z ^= z >> 31;
    return (double)(z >> 11) * 0x1p-53;
}
