/* SPDX-License-Identifier: Apache-2.0 */
/* backend_run.c -- the process of `grebe backend`: servers, signals, the end. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <grebe/status.h>

#include "backend.h"
#include "server/health.h"
#include "server/load_report.h"
#include "server/server.h"
#include "units.h"

struct backend {
    const struct backend_args *args;
    uv_loop_t uv;
    struct server_loop *loop;
    struct server_tls *tls;
    struct health_table health;
    struct load_report load; /* what --orca settles */
    struct server **servers;
    char (*names)[128]; /* one for each server */
    size_t n_servers;
    uv_signal_t signals[4];
    uv_timer_t drain_timer;
    bool is_draining;
    int exit_code;
};

static int complain(const char *what)
{
    return options_complain("backend", "%s", what);
}

static int fail(const char *what)
{
    return options_fail("backend", "%s", what);
}

/* ---- Signals ----------------------------------------------------------------------- */

/* What still runs is lost. */
static void kill_all(struct backend *b)
{
    size_t n_calls = 0;

    for (size_t i = 0; i < b->n_servers; i++) {
        n_calls += server_n_calls(b->servers[i]);
        server_kill(b->servers[i]);
    }
    if (n_calls == 0)
        return;
    fprintf(stderr, "grebe backend: %zu calls still ran and are lost\n", n_calls);
    b->exit_code = EXIT_FAILED;
}

static void on_drain_timeout(uv_timer_t *timer)
{
    kill_all(timer->data);
}

/* The loop ends by itself when the last connection is closed. */
static void drain(struct backend *b)
{
    b->is_draining = true;
    for (size_t i = 0; i < b->n_servers; i++)
        server_drain(b->servers[i]);
    uv_timer_start(&b->drain_timer, on_drain_timeout,
                   b->args->drain_timeout_ns / NS_PER_MS, 0);
}

static void set_serving(struct backend *b, bool is_serving)
{
    uint64_t toggled = b->args->toggled;

    for (size_t i = 0; i < b->n_servers; i++)
        if (toggled == 0 || toggled == i + 1)
            server_set_serving(b->servers[i], is_serving);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct backend *b = handle->data;

    if (number == SIGUSR1 || number == SIGUSR2) {
        set_serving(b, number == SIGUSR2);
    } else if (b->is_draining) {
        kill_all(b); /* the second time it is meant */
    } else {
        drain(b);
    }
}

/* Neither signals nor the timer keep the loop going: listeners and connections do.  The
 * first signal may find no descriptor for the pipe that they share. */
static int start_handles(struct backend *b)
{
    static const int numbers[4] = {SIGINT, SIGTERM, SIGUSR1, SIGUSR2};

    for (size_t i = 0; i < 4; i++) {
        int error = uv_signal_init(&b->uv, &b->signals[i]);

        if (error != 0)
            return error;
        b->signals[i].data = b;
        uv_signal_start(&b->signals[i], on_signal, numbers[i]);
        uv_unref((uv_handle_t *)&b->signals[i]);
    }
    uv_timer_init(&b->uv, &b->drain_timer);
    b->drain_timer.data = b;
    uv_unref((uv_handle_t *)&b->drain_timer);
    return 0;
}

/* A signal that comes while we leave anyway must not spoil the exit code. */
static void close_handles(struct backend *b)
{
    for (size_t i = 0; i < 4; i++) {
        int number = b->signals[i].signum;

        uv_close((uv_handle_t *)&b->signals[i], NULL);
        signal(number, SIG_IGN);
    }
    uv_close((uv_handle_t *)&b->drain_timer, NULL);
}

/* ---- Settings ---------------------------------------------------------------------- */

/* The i-th neighbour of an address: the i-th port after it, another free port, or another
 * path. */
static bool neighbour(const char *address, uint64_t i, char *buf, size_t size)
{
    const char *colon = strrchr(address, ':');
    uint64_t port = 0;
    int n;

    if (strncmp(address, "unix:", 5) == 0)
        n = i == 0 ? snprintf(buf, size, "%s", address)
                   : snprintf(buf, size, "%s.%llu", address, (unsigned long long)i);
    else if (colon != NULL && units_parse_count(colon + 1, &port) && port > 0)
        n = snprintf(buf, size, "%.*s:%llu", (int)(colon - address), address,
                     (unsigned long long)(port + i));
    else
        n = snprintf(buf, size, "%s", address);
    return n >= 0 && (size_t)n < size;
}

static int read_health(struct backend *b)
{
    const struct text_list *lines = &b->args->health;

    for (size_t i = 0; i < lines->n; i++) {
        int error = health_table_set(&b->health, lines->items[i]);

        if (error == UV_EINVAL)
            return options_complain(
                "backend",
                "--health: '%s' is not like my.Service=SERVING, NOT_SERVING or UNKNOWN",
                lines->items[i]);
        if (error != 0)
            return fail("out of memory");
    }
    return EXIT_FINE;
}

static int read_load(struct backend *b)
{
    const char *values = b->args->orca;

    load_report_init(&b->load);
    if (values == NULL || *values == '\0' || load_report_parse(&b->load, values))
        return EXIT_FINE;
    return options_complain(
        "backend",
        "--orca: '%s' is not like cpu=0.4,qps=100,util.disk=0.5,named.queue=-3", values);
}

static struct server_settings settings_of(const struct backend *b)
{
    const struct backend_args *args = b->args;

    return (struct server_settings){
        .tls = b->tls,
        .delay_ns = args->delay_ns,
        .jitter_ns = args->jitter_ns,
        .fail_rate = args->fail_rate,
        .fail_code = grebe_status_code_parse(args->fail_code),
        .seed = args->seed,
        .capacity = args->capacity,
        .max_streams = args->max_streams,
        .max_age_ns = args->max_age_ns,
        .health = &b->health,
        .has_orca = args->orca != NULL,
        .load = &b->load,
        .report_interval_ns = args->orca_interval_ns,
        .congestion = args->congestion,
    };
}

static const char *name_of(struct backend *b, size_t i, size_t n)
{
    if (b->args->name == NULL || n == 1)
        return b->args->name;
    snprintf(b->names[i], sizeof b->names[i], "%s-%zu", b->args->name, i + 1);
    return b->names[i];
}

/* ---- Start ------------------------------------------------------------------------- */

static int add_server(struct backend *b, const char *address, size_t n)
{
    struct server_settings settings = settings_of(b);
    struct server *server;
    char error[256];

    settings.name = name_of(b, b->n_servers, n);
    settings.seed += b->n_servers; /* backends do not fail in step */
    if (!server_new(b->loop, address, &settings, &server, error, sizeof error))
        return complain(error);
    b->servers[b->n_servers++] = server;
    if (server_listen(server, error, sizeof error))
        return EXIT_FINE;
    return fail(error);
}

static int add_servers(struct backend *b)
{
    static const char *fallback = "127.0.0.1:50051";
    const struct text_list *listen = &b->args->listen;
    size_t n = backend_count(b->args);

    b->servers = calloc(n, sizeof(struct server *));
    b->names = calloc(n, sizeof *b->names);
    if (b->servers == NULL || b->names == NULL)
        return fail("out of memory");
    for (size_t i = 0; i < (listen->n == 0 ? 1 : listen->n); i++) {
        const char *first = listen->n == 0 ? fallback : listen->items[i];

        for (uint64_t k = 0; k < b->args->count; k++) {
            char address[128];
            int code;

            if (!neighbour(first, k, address, sizeof address))
                return complain("--listen: the address is too long");
            code = add_server(b, address, n);
            if (code != EXIT_FINE)
                return code;
        }
    }
    return EXIT_FINE;
}

static bool announce(const struct backend *b)
{
    for (size_t i = 0; i < b->n_servers; i++) {
        const char *address = server_address(b->servers[i]);

        if (output_is(&b->args->output, "json"))
            output_json(json_pack("{s:i, s:s}", "version", 1, "listening", address));
        else
            printf("listening %s\n", address);
    }
    return output_flush();
}

/* A thousand backends, or one with ten thousand clients. */
static void allow_many_files(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int serve(struct backend *b)
{
    int code = add_servers(b);

    if (code == EXIT_FINE && !announce(b)) {
        code = EXIT_FAILED; /* nobody would know where it is; main() says why */
    } else if (code == EXIT_FINE) {
        uv_run(&b->uv, UV_RUN_DEFAULT);
        code = b->exit_code;
    }
    for (size_t i = 0; i < b->n_servers; i++)
        server_destroy(b->servers[i]);
    free(b->servers);
    free(b->names);
    return code;
}

static int load_tls(struct backend *b)
{
    const struct backend_args *args = b->args;
    char error[256];

    if (args->cert == NULL)
        return EXIT_FINE;
    b->tls = server_tls_new(args->cert, args->key, args->client_ca, error, sizeof error);
    return b->tls == NULL ? complain(error) : EXIT_FINE;
}

static int serve_with_signals(struct backend *b)
{
    int error = start_handles(b), code;

    if (error != 0)
        return fail(uv_strerror(error));
    code = serve(b);
    close_handles(b);
    return code;
}

static int run_loop(struct backend *b)
{
    int code = EXIT_FINE, error = uv_loop_init(&b->uv);

    if (error != 0)
        return fail(uv_strerror(error));
    error = server_loop_new(&b->uv, &b->loop);
    if (error == 0) {
        code = serve_with_signals(b);
        server_loop_destroy(b->loop);
    }
    uv_run(&b->uv, UV_RUN_DEFAULT);
    uv_loop_close(&b->uv);
    return error == 0 ? code : fail(uv_strerror(error));
}

int backend_run(const struct backend_args *args)
{
    struct backend b = {.args = args, .exit_code = EXIT_FINE};
    int code = read_health(&b);

    if (code == EXIT_FINE)
        code = read_load(&b);
    if (code == EXIT_FINE)
        code = load_tls(&b);
    if (code == EXIT_FINE) {
        allow_many_files();
        code = run_loop(&b);
    }
    health_table_fini(&b.health);
    server_tls_destroy(b.tls);
    return code;
}
