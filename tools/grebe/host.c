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

bool host_init(struct host *host, void (*on_interrupt)(struct host *host))
{
    static const int numbers[2] = {SIGINT, SIGTERM};

    *host = (struct host){.on_interrupt = on_interrupt};
    if (uv_loop_init(&host->uv) != 0)
        return false;
    if (grebe_loop_attach(&host->uv, NULL, &host->loop) != GREBE_OK) {
        uv_loop_close(&host->uv);
        return false;
    }
    for (int i = 0; i < 2; i++) {
        uv_signal_init(&host->uv, &host->signals[i]);
        host->signals[i].data = host;
        uv_signal_start(&host->signals[i], on_signal, numbers[i]);
        uv_unref((uv_handle_t *)&host->signals[i]);
    }
    return true;
}

void host_fini(struct host *host)
{
    for (int i = 0; i < 2; i++)
        uv_close((uv_handle_t *)&host->signals[i], NULL);
    grebe_loop_unref(host->loop);
    while (uv_run(&host->uv, UV_RUN_DEFAULT) != 0)
        continue; /* a callback has called uv_stop() */
    uv_loop_close(&host->uv);
}
