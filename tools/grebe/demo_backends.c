/* SPDX-License-Identifier: Apache-2.0 */
#include "demo_backends.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "alarm.h"
#include "options.h"

struct demo_backends {
    pthread_t thread;
    uv_loop_t uv;
    uv_async_t command; /* from the other thread: look at what follows */
    bool has_command;
    pthread_mutex_t mutex;
    bool wants_stop;
    bool wants_schedule;
    size_t victim;
    uint64_t kill_ms, revive_ms;

    /* The thread's own. */
    uv_timer_t kill, revive;
    struct server_loop *loop;
    struct server **servers;
    size_t n_servers;
    _Atomic uint64_t killed_ns;
};

static void on_kill(uv_timer_t *timer)
{
    struct demo_backends *b = timer->data;

    b->killed_ns = alarm_now_ns();
    server_kill(b->servers[b->victim]);
}

static void on_revive(uv_timer_t *timer)
{
    struct demo_backends *b = timer->data;
    char error[256];

    if (!server_listen(b->servers[b->victim], error, sizeof error))
        options_fail("demo", "%s", error);
}

static void close_all(struct demo_backends *b)
{
    if (b->has_command)
        uv_close((uv_handle_t *)&b->command, NULL);
    uv_close((uv_handle_t *)&b->kill, NULL);
    uv_close((uv_handle_t *)&b->revive, NULL);
    for (size_t i = 0; i < b->n_servers; i++)
        server_destroy(b->servers[i]);
    server_loop_destroy(b->loop);
}

static void on_command(uv_async_t *command)
{
    struct demo_backends *b = command->data;
    bool wants_stop, wants_schedule;

    pthread_mutex_lock(&b->mutex);
    wants_stop = b->wants_stop;
    wants_schedule = b->wants_schedule;
    b->wants_schedule = false;
    pthread_mutex_unlock(&b->mutex);
    if (wants_schedule) {
        uv_update_time(&b->uv);
        uv_timer_start(&b->kill, on_kill, b->kill_ms, 0);
        uv_timer_start(&b->revive, on_revive, b->revive_ms, 0);
    }
    if (wants_stop)
        close_all(b);
}

static void *run(void *arg)
{
    struct demo_backends *b = arg;

    uv_run(&b->uv, UV_RUN_DEFAULT);
    return NULL;
}

static bool add_servers(struct demo_backends *b, const struct server_settings *settings,
                        size_t n, char *error, size_t error_size)
{
    b->servers = calloc(n, sizeof(struct server *));
    if (b->servers == NULL) {
        snprintf(error, error_size, "out of memory");
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (!server_new(b->loop, "127.0.0.1:0", &settings[i], &b->servers[i], error,
                        error_size))
            return false;
        b->n_servers++;
        if (!server_listen(b->servers[i], error, error_size))
            return false;
    }
    return true;
}

static void finish(struct demo_backends *b)
{
    uv_loop_close(&b->uv);
    pthread_mutex_destroy(&b->mutex);
    free(b->servers);
    free(b);
}

/* Nothing runs on the loop yet; the thread has it afterwards. */
static bool set_up(struct demo_backends *b, const struct server_settings *settings,
                   size_t n, char *error, size_t error_size)
{
    int result = uv_async_init(&b->uv, &b->command, on_command);

    b->has_command = result == 0;
    uv_timer_init(&b->uv, &b->kill);
    uv_timer_init(&b->uv, &b->revive);
    b->command.data = b->kill.data = b->revive.data = b;
    if (result != 0) {
        snprintf(error, error_size, "%s", uv_strerror(result));
    } else if (add_servers(b, settings, n, error, error_size)) {
        if (pthread_create(&b->thread, NULL, run, b) == 0)
            return true;
        snprintf(error, error_size, "a thread could not be started");
    }
    close_all(b);
    uv_run(&b->uv, UV_RUN_DEFAULT);
    return false;
}

bool demo_backends_start(const struct server_settings *settings, size_t n,
                         struct demo_backends **out, char *error, size_t error_size)
{
    struct demo_backends *b = calloc(1, sizeof *b);
    int result = b == NULL ? UV_ENOMEM : uv_loop_init(&b->uv);

    if (result != 0) {
        snprintf(error, error_size, "%s", uv_strerror(result));
        free(b);
        return false;
    }
    pthread_mutex_init(&b->mutex, NULL);
    result = server_loop_new(&b->uv, &b->loop);
    if (result != 0) {
        snprintf(error, error_size, "%s", uv_strerror(result));
        uv_run(&b->uv, UV_RUN_DEFAULT);
        finish(b);
        return false;
    }
    if (!set_up(b, settings, n, error, error_size)) {
        finish(b);
        return false;
    }
    *out = b;
    return true;
}

void demo_backends_stop(struct demo_backends *b)
{
    pthread_mutex_lock(&b->mutex);
    b->wants_stop = true;
    pthread_mutex_unlock(&b->mutex);
    uv_async_send(&b->command);
    pthread_join(b->thread, NULL);
    finish(b);
}

void demo_backends_schedule(struct demo_backends *b, size_t i, uint64_t kill_ms,
                            uint64_t revive_ms)
{
    pthread_mutex_lock(&b->mutex);
    b->wants_schedule = true;
    b->victim = i;
    b->kill_ms = kill_ms;
    b->revive_ms = revive_ms;
    b->killed_ns = 0;
    pthread_mutex_unlock(&b->mutex);
    uv_async_send(&b->command);
}

const char *demo_backends_address(const struct demo_backends *b, size_t i)
{
    return server_address(b->servers[i]);
}

uint64_t demo_backends_killed_ns(const struct demo_backends *b)
{
    return b->killed_ns;
}
