/* SPDX-License-Identifier: Apache-2.0 */
/* One c-ares channel for each server: libuv watches its sockets, the loop's wheel keeps its
 * time. */
#include "io/dns_server.h"

#include <string.h>
#include <sys/stat.h>

#include "io/dns_socket.h"
#include "io/loop.h"

/* Each question is asked this often, with twice the patience of the time before: 14 s in
 * all. */
enum { N_TRIES = 3 };

enum { MAX_IDLE_SERVERS = 16 };

static const char system_file[] = "/etc/resolv.conf";

/* One of c-ares' sockets. */
struct watch {
    struct grebe__list link; /* on server->sockets until it is closing */
    struct grebe__dns_server *server;
    struct grebe_loop *loop;
    uv_poll_t poll;
    ares_socket_t fd;
};

/* ---- Time ------------------------------------------------------------------------- */

/* c-ares has something to do at the latest when this timer fires. */
void grebe__dns_server_update_timer(struct grebe__dns_server *server)
{
    struct grebe__env *env = &server->dns->loop->env;
    struct timeval room;

    if (ares_timeout(server->channel, NULL, &room) == NULL) {
        grebe__timer_cancel(&server->timer);
        return;
    }
    grebe__env_start_timer(env, &server->timer,
                           grebe__env_after(env, (uint64_t)room.tv_sec * 1000000000 +
                                                     (uint64_t)room.tv_usec * 1000));
}

static void on_timer(struct grebe__timer *timer)
{
    struct grebe__dns_server *server =
        grebe_container_of(timer, struct grebe__dns_server, timer);

    ares_process_fd(server->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    grebe__dns_server_update_timer(server);
}

/* ---- Sockets ---------------------------------------------------------------------- */

static void on_watch_closed(uv_handle_t *handle)
{
    struct watch *watch = grebe_container_of((uv_poll_t *)handle, struct watch, poll);
    struct grebe_loop *loop = watch->loop;

    grebe_mem_free(loop->mem, watch);
    grebe__loop_handle_closed(loop);
}

static void on_socket(uv_poll_t *handle, int status, int events)
{
    struct watch *watch = grebe_container_of(handle, struct watch, poll);
    struct grebe__dns_server *server = watch->server;
    struct grebe_loop *loop = watch->loop;
    bool has_error = status < 0; /* c-ares finds out which */
    ares_socket_t fd = watch->fd;

    if (!grebe__loop_begin(loop)) {
        uv_poll_stop(handle);
        return;
    }
    grebe__env_enter(&loop->env);
    server->reads_left = GREBE__DNS_READS;
    ares_process_fd(server->channel,
                    has_error || (events & UV_READABLE) ? fd : ARES_SOCKET_BAD,
                    has_error || (events & UV_WRITABLE) ? fd : ARES_SOCKET_BAD);
    grebe__dns_server_update_timer(server);
    grebe__env_leave(&loop->env);
}

static struct watch *find_watch(struct grebe__dns_server *server, ares_socket_t fd)
{
    grebe__list_foreach (link, &server->sockets) {
        struct watch *watch = grebe_container_of(link, struct watch, link);

        if (watch->fd == fd)
            return watch;
    }
    return NULL;
}

/* NULL: the socket goes unwatched, and the question it was for times out. */
static struct watch *new_watch(struct grebe__dns_server *server, ares_socket_t fd)
{
    struct grebe_loop *loop = server->dns->loop;
    struct watch *watch = grebe_mem_zalloc(loop->mem, sizeof *watch);

    if (watch == NULL)
        return NULL;
    if (uv_poll_init(loop->uv, &watch->poll, fd) != 0) {
        grebe_mem_free(loop->mem, watch);
        return NULL;
    }
    uv_unref((uv_handle_t *)&watch->poll);
    grebe__loop_handle_opened(loop);
    watch->server = server;
    watch->loop = loop;
    watch->fd = fd;
    grebe__list_append(&server->sockets, &watch->link);
    return watch;
}

/* c-ares opened a socket, wants something else of it, or (neither) will now close it. */
static void on_socket_state(void *arg, ares_socket_t fd, int wants_read, int wants_write)
{
    struct grebe__dns_server *server = arg;
    struct watch *watch = find_watch(server, fd);

    grebe__loop_stir(server->dns->loop);
    if (wants_read || wants_write) {
        if (watch == NULL)
            watch = new_watch(server, fd);
        if (watch != NULL)
            uv_poll_start(&watch->poll,
                          (wants_read ? UV_READABLE : 0) |
                              (wants_write ? UV_WRITABLE : 0),
                          on_socket);
    } else if (watch != NULL) {
        grebe__list_remove(&watch->link);
        uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
    }
}

/* ---- Servers ---------------------------------------------------------------------- */

static struct timespec changed_at(const char *path)
{
    struct stat found;

    if (stat(path, &found) != 0)
        return (struct timespec){0};
    return found.st_mtim;
}

/* On Linux this does nothing but count, and is not even needed; c-ares asks for it. */
static void init_library(void)
{
    (void)ares_library_init(ARES_LIB_INIT_ALL);
}

static bool open_channel(struct grebe__dns_server *server)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct ares_options options = {
        .timeout = server->dns->timeout_ms,
        .tries = N_TRIES,
        .sock_state_cb = on_socket_state,
        .sock_state_cb_data = server,
    };

    pthread_once(&once, init_library);
    server->read_at = changed_at(system_file);
    if (ares_init_options(&server->channel, &options,
                          ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB) !=
        ARES_SUCCESS)
        return false;
    grebe__dns_socket_use(server->channel, &server->reads_left);
    if (server->text == NULL ||
        ares_set_servers_ports_csv(server->channel, server->text) == ARES_SUCCESS)
        return true;
    ares_destroy(server->channel);
    return false;
}

static void free_server(struct grebe__dns_server *server)
{
    const struct grebe_mem *mem = server->dns->loop->mem;

    grebe_mem_free(mem, server->text);
    grebe_mem_free(mem, server);
}

static struct grebe__dns_server *new_server(struct grebe__dns *dns, const char *text)
{
    const struct grebe_mem *mem = dns->loop->mem;
    struct grebe__dns_server *server = grebe_mem_zalloc(mem, sizeof *server);

    if (server == NULL)
        return NULL;
    server->dns = dns;
    grebe__list_init(&server->sockets);
    grebe__timer_init(&server->timer, on_timer);
    if (text != NULL)
        server->text = grebe_mem_strdup(mem, text);
    if ((text != NULL && server->text == NULL) || !open_channel(server)) {
        free_server(server);
        return NULL;
    }
    grebe__list_append(&dns->servers, &server->link);
    return server;
}

void grebe__dns_server_destroy(struct grebe__dns_server *server)
{
    grebe__list_remove(&server->link);
    ares_destroy(server->channel); /* ends all queries and closes all sockets */
    grebe__timer_cancel(&server->timer);
    free_server(server);
}

/* The configuration may have changed since it was read: an address by DHCP, a VPN. */
static bool is_stale(const struct grebe__dns_server *server)
{
    struct timespec now;

    if (server->text != NULL || server->n_queries > 0)
        return false;
    now = changed_at(system_file);
    return now.tv_sec != server->read_at.tv_sec || now.tv_nsec != server->read_at.tv_nsec;
}

static bool is_for(const struct grebe__dns_server *server, const char *text)
{
    if (server->text == NULL || text == NULL)
        return server->text == text;
    return strcmp(server->text, text) == 0;
}

/* Targets that name a server by its host name may name many in the long run. */
static void forget_idle(struct grebe__dns *dns)
{
    unsigned n_idle = 0;

    grebe__list_foreach (link, &dns->servers)
        n_idle +=
            grebe_container_of(link, struct grebe__dns_server, link)->n_queries == 0;
    grebe__list_foreach_safe (link, &dns->servers) {
        struct grebe__dns_server *server =
            grebe_container_of(link, struct grebe__dns_server, link);

        if (n_idle < MAX_IDLE_SERVERS)
            return;
        if (server->n_queries > 0)
            continue;
        grebe__dns_server_destroy(server); /* the oldest come first */
        n_idle--;
    }
}

struct grebe__dns_server *grebe__dns_server_get(struct grebe__dns *dns, const char *text)
{
    grebe__list_foreach (link, &dns->servers) {
        struct grebe__dns_server *server =
            grebe_container_of(link, struct grebe__dns_server, link);

        if (!is_for(server, text))
            continue;
        if (!is_stale(server))
            return server;
        grebe__dns_server_destroy(server);
        break;
    }
    forget_idle(dns);
    return new_server(dns, text);
}
