/* SPDX-License-Identifier: Apache-2.0 */
#include "host.h"

#include <signal.h>

#include <grebe/error.h>

static void on_signal(uv_signal_t *handle, int number)
{
    struct host *host = handle->data;

    if (host->is_interrupted) {
        signal(number, SIG_DFL);
        raise(number);
    }
    host->is_interrupted = true;
    host->on_interrupt(host);
}

/* Runs what is still closing. */
static void close_loop(struct host *host)
{
    grebe_loop_unref(host->loop);
    while (uv_run(&host->uv, UV_RUN_DEFAULT) != 0)
        continue; /* a callback has called uv_stop() */
    uv_loop_close(&host->uv);
}

/* The first one may find no descriptor for the pipe that they share. */
static int start_signals(struct host *host)
{
    static const int numbers[2] = {SIGINT, SIGTERM};

    for (int i = 0; i < 2; i++) {
        int error = uv_signal_init(&host->uv, &host->signals[i]);

        if (error != 0)
            return error;
        host->signals[i].data = host;
        uv_signal_start(&host->signals[i], on_signal, numbers[i]);
        uv_unref((uv_handle_t *)&host->signals[i]);
    }
    return 0;
}

const char *host_init(struct host *host, void (*on_interrupt)(struct host *host))
{
    int error;

    *host = (struct host){.on_interrupt = on_interrupt};
    error = uv_loop_init(&host->uv);
    if (error != 0)
        return uv_strerror(error);
    error = grebe_loop_attach(&host->uv, NULL, &host->loop);
    if (error != GREBE_OK) {
        uv_loop_close(&host->uv);
        return grebe_strerror(error);
    }
    error = start_signals(host);
    if (error != 0) {
        close_loop(host);
        return uv_strerror(error);
    }
    return NULL;
}

void host_fini(struct host *host)
{
    for (int i = 0; i < 2; i++)
        uv_close((uv_handle_t *)&host->signals[i], NULL);
    close_loop(host);
}
