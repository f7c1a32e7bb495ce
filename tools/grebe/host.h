/* SPDX-License-Identifier: Apache-2.0 */
/* host.h -- a uv loop with grebe on it, which SIGINT and SIGTERM end cleanly. */
#ifndef TOOL_HOST_H
#define TOOL_HOST_H

#include <stdbool.h>
#include <uv.h>

#include <grebe/loop.h>

struct host {
    uv_loop_t uv;
    struct grebe_loop *loop;
    uv_signal_t signals[2];
    bool is_interrupted;
    void (*on_interrupt)(struct host *host); /* the first signal; the second kills */
};

/* NULL, or why it cannot be: "too many open files". */
const char *host_init(struct host *host, void (*on_interrupt)(struct host *host));

/* Lets go of the loop and runs what is still closing. */
void host_fini(struct host *host);

#endif
