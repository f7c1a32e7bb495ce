/* SPDX-License-Identifier: Apache-2.0 */
/* server.c -- the lives of backends, and the loop they share.
 *
 * Every connection that may have something to send is on the loop's dirty list; the list
 * is worked off twice a turn: before the loop goes to sleep, for what timers have caused,
 * and after it has read what was there to read.
 */
#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <grebe/attr.h>

#include "server_parts.h"

enum {
    INPUT_BYTES = 256 * 1024,
    BACKLOG = 4096,
    RESETS_BURST = 100000, /* clients with short deadlines are no attackers here */
    RESETS_RATE = 100000,
    ACKS_MAX = 4096, /* of PING and SETTINGS; one read may hold 3640 */
};

struct listener {
    union {
        uv_handle_t any;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } handle;
    struct server_loop *loop;
};

/* ---- Loop -------------------------------------------------------------------------- */

static void flush_all(struct server_loop *loop)
{
    struct connection *connection;

    while ((connection = TAILQ_FIRST(&loop->dirty)) != NULL) {
        TAILQ_REMOVE(&loop->dirty, connection, dirty_link);
        connection->is_dirty = false;
        connection_flush(connection);
    }
}

static void on_prepare(uv_prepare_t *prepare)
{
    flush_all(grebe_container_of(prepare, struct server_loop, prepare));
}

static void on_check(uv_check_t *check)
{
    flush_all(grebe_container_of(check, struct server_loop, check));
}

static void *mem_malloc(size_t size, void *loop)
{
    return slab_alloc(&((struct server_loop *)loop)->slab, size);
}

static void mem_free(void *block, void *loop)
{
    slab_free(&((struct server_loop *)loop)->slab, block);
}

static void *mem_calloc(size_t n, size_t size, void *loop)
{
    void *block = size != 0 && n > SIZE_MAX / size ? NULL : mem_malloc(n * size, loop);

    return block == NULL ? NULL : memset(block, 0, n * size);
}

static void *mem_realloc(void *block, size_t size, void *loop)
{
    return slab_realloc(&((struct server_loop *)loop)->slab, block, size);
}

void server_loop_retain(struct server_loop *loop)
{
    loop->n_handles++;
}

void server_loop_release(struct server_loop *loop)
{
    if (--loop->n_handles > 0)
        return;
    bytes_fini(&loop->out, &loop->slab);
    nghttp2_session_callbacks_del(loop->callbacks);
    nghttp2_option_del(loop->options);
    slab_fini(&loop->slab);
    free(loop->input);
    free(loop);
}

static void on_part_closed(uv_handle_t *handle)
{
    server_loop_release(handle->data);
}

/* The loop's own handles do not keep uv_run() going. */
static void adopt(struct server_loop *loop, uv_handle_t *handle)
{
    handle->data = loop;
    uv_unref(handle);
    server_loop_retain(loop);
}

static int start_handles(struct server_loop *loop)
{
    int error = deadlines_init(&loop->deadlines, loop->uv);

    if (error != 0)
        return error;
    adopt(loop, (uv_handle_t *)&loop->deadlines.alarm.poll);
    uv_prepare_init(loop->uv, &loop->prepare);
    adopt(loop, (uv_handle_t *)&loop->prepare);
    uv_check_init(loop->uv, &loop->check);
    adopt(loop, (uv_handle_t *)&loop->check);
    uv_prepare_start(&loop->prepare, on_prepare);
    uv_check_start(&loop->check, on_check);
    return 0;
}

static void set_options(nghttp2_option *option)
{
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_max_outbound_ack(option, ACKS_MAX);
    nghttp2_option_set_stream_reset_rate_limit(option, RESETS_BURST, RESETS_RATE);
}

int server_loop_new(uv_loop_t *uv, struct server_loop **out)
{
    struct server_loop *loop = calloc(1, sizeof *loop);
    int error;

    if (loop == NULL)
        return UV_ENOMEM;
    loop->uv = uv;
    TAILQ_INIT(&loop->dirty);
    loop->mem = (nghttp2_mem){loop, mem_malloc, mem_free, mem_calloc, mem_realloc};
    loop->input = malloc(INPUT_BYTES);
    error = loop->input == NULL || connection_callbacks_new(&loop->callbacks) != 0 ||
                    nghttp2_option_new(&loop->options) != 0
                ? UV_ENOMEM
                : start_handles(loop);
    if (error != 0) {
        loop->n_handles = 1;
        server_loop_release(loop);
        return error;
    }
    set_options(loop->options);
    *out = loop;
    return 0;
}

void server_loop_destroy(struct server_loop *loop)
{
    deadlines_close(&loop->deadlines, on_part_closed);
    uv_close((uv_handle_t *)&loop->prepare, on_part_closed);
    uv_close((uv_handle_t *)&loop->check, on_part_closed);
}

/* ---- Address ----------------------------------------------------------------------- */

static bool parse_port(const char *text, uint16_t *out)
{
    char *end;
    unsigned long port;

    if (*text < '0' || *text > '9')
        return false;
    port = strtoul(text, &end, 10);
    *out = (uint16_t)port;
    return *end == '\0' && port <= UINT16_MAX;
}

static bool fill_v4(const char *host, uint16_t port, struct sockaddr_storage *out)
{
    struct sockaddr_in *v4 = (void *)out;

    *v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
    return inet_pton(AF_INET, host, &v4->sin_addr) == 1;
}

/* `host` is in brackets and loses the last one. */
static bool fill_v6(char *host, uint16_t port, struct sockaddr_storage *out)
{
    struct sockaddr_in6 *v6 = (void *)out;
    size_t last = strlen(host) - 1;

    if (host[last] != ']')
        return false;
    host[last] = '\0';
    *v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port)};
    return inet_pton(AF_INET6, host + 1, &v6->sin6_addr) == 1;
}

/* "127.0.0.1:80" or "[::1]:80"; names are for clients. */
static bool parse_ip(const char *text, struct sockaddr_storage *out)
{
    const char *colon = strrchr(text, ':');
    size_t length = colon == NULL ? 0 : (size_t)(colon - text);
    char host[INET6_ADDRSTRLEN + 2];
    uint16_t port;

    if (length == 0 || length >= sizeof host || !parse_port(colon + 1, &port))
        return false;
    memcpy(host, text, length);
    host[length] = '\0';
    *out = (struct sockaddr_storage){0};
    return host[0] == '[' ? fill_v6(host, port, out) : fill_v4(host, port, out);
}

static void format_ip(const struct sockaddr_storage *address, char *buf, size_t size)
{
    const struct sockaddr_in *v4 = (const void *)address;
    const struct sockaddr_in6 *v6 = (const void *)address;
    char host[INET6_ADDRSTRLEN];

    if (address->ss_family == AF_INET6) {
        inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
        snprintf(buf, size, "[%s]:%u", host, ntohs(v6->sin6_port));
    } else {
        inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
        snprintf(buf, size, "%s:%u", host, ntohs(v4->sin_port));
    }
}

static const char *unix_path(const char *address)
{
    return strncmp(address, "unix:", 5) == 0 ? address + 5 : NULL;
}

/* ---- Listener ---------------------------------------------------------------------- */

static void on_connection(uv_stream_t *stream, int status)
{
    struct server *server = stream->data;

    if (status == 0 && server != NULL)
        connection_accept(server, stream);
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct listener *listener = grebe_container_of(handle, struct listener, handle);

    server_loop_release(listener->loop);
    free(listener);
}

static void stop_listening(struct server *server)
{
    if (server->listener == NULL)
        return;
    server->listener->handle.any.data = NULL;
    uv_close(&server->listener->handle.any, on_listener_closed);
    server->listener = NULL;
}

/* A socket file that nobody listens on is left over from a killed process. */
static void remove_stale_socket(const char *path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || strlen(path) >= sizeof name.sun_path) {
        if (fd >= 0)
            close(fd);
        return;
    }
    memcpy(name.sun_path, path, strlen(path) + 1);
    if (connect(fd, (struct sockaddr *)&name, sizeof name) != 0 && errno == ECONNREFUSED)
        unlink(path);
    close(fd);
}

static int bind_tcp(struct server *server, uv_tcp_t *tcp)
{
    const char *congestion = server->settings.congestion;
    int error = uv_tcp_bind(tcp, (struct sockaddr *)&server->bound, 0);
    uv_os_fd_t fd;

    if (error != 0 || congestion == NULL)
        return error;
    /* Connections inherit it from the listener. */
    error = uv_fileno((uv_handle_t *)tcp, &fd);
    if (error == 0 && setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, congestion,
                                 (socklen_t)strlen(congestion)) != 0)
        error = uv_translate_sys_error(errno);
    return error;
}

static int bind_listener(struct server *server, struct listener *listener)
{
    const char *path = unix_path(server->address);

    if (path == NULL)
        return bind_tcp(server, &listener->handle.tcp);
    remove_stale_socket(path);
    return uv_pipe_bind(&listener->handle.pipe, path);
}

static int init_listener(struct server *server, struct listener *listener)
{
    if (unix_path(server->address) != NULL)
        return uv_pipe_init(server->loop->uv, &listener->handle.pipe, 0);
    return uv_tcp_init_ex(server->loop->uv, &listener->handle.tcp,
                          server->bound.ss_family);
}

/* The port that was asked for as 0 is kept for the next time. */
static void learn_port(struct server *server)
{
    int length = sizeof server->bound;

    if (unix_path(server->address) != NULL)
        return;
    uv_tcp_getsockname(&server->listener->handle.tcp, (struct sockaddr *)&server->bound,
                       &length);
    format_ip(&server->bound, server->address, sizeof server->address);
}

bool server_listen(struct server *server, char *error, size_t error_size)
{
    struct listener *listener = calloc(1, sizeof *listener);
    int result = listener == NULL ? UV_ENOMEM : init_listener(server, listener);

    if (result != 0) {
        free(listener);
        snprintf(error, error_size, "listen %s: %s", server->address,
                 uv_strerror(result));
        return false;
    }
    listener->loop = server->loop;
    listener->handle.any.data = server;
    server_loop_retain(server->loop);
    server->listener = listener;
    server->is_draining = false;
    result = bind_listener(server, listener);
    if (result == 0)
        result = uv_listen(&listener->handle.stream, BACKLOG, on_connection);
    if (result != 0) {
        stop_listening(server);
        snprintf(error, error_size, "listen %s: %s", server->address,
                 uv_strerror(result));
        return false;
    }
    learn_port(server);
    return true;
}

/* ---- Server ------------------------------------------------------------------------ */

/* splitmix64, as in the library's own generator. */
double server_random(struct server *server)
{
    uint64_t z = (server->random += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    z ^= z >> 31;
    return (double)(z >> 11) * 0x1p-53;
}

bool server_new(struct server_loop *loop, const char *address,
                const struct server_settings *settings, struct server **out, char *error,
                size_t error_size)
{
    const char *path = unix_path(address);
    struct server *server;

    if (strlen(address) >= sizeof server->address) {
        snprintf(error, error_size, "listen %s: the address is too long", address);
        return false;
    }
    server = calloc(1, sizeof *server);
    if (server == NULL) {
        snprintf(error, error_size, "out of memory");
        return false;
    }
    memcpy(server->address, address, strlen(address) + 1);
    if (path == NULL ? !parse_ip(address, &server->bound) : *path != '/') {
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

const char *server_address(const struct server *server)
{
    return server->address;
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
    service_publish_health(server);
}

void server_destroy(struct server *server)
{
    if (server == NULL)
        return;
    server_kill(server);
    free(server);
}
