/* SPDX-License-Identifier: Apache-2.0 */
/* api/backend.h -- servers for the tests of this folder: `grebe backend`, which answers any
 * call with what it got. */
#ifndef TESTS_API_BACKEND_H
#define TESTS_API_BACKEND_H

#include <stdio.h>
#include <stdlib.h>

#include "support/client.h"
#include "support/process.h"
#include "support/test.h"

/* `delay` as in "20ms". */
static inline void backend_start(struct process *backend, const char *delay)
{
    const char *const argv[] = {getenv("GREBE_TOOL"),
                                "backend",
                                "--listen",
                                "127.0.0.1:0",
                                "--delay",
                                delay,
                                NULL};

    assert_non_null(argv[0]);
    assert_true(process_start(backend, argv));
}

static inline struct grebe_channel *backend_open(const struct process *backend,
                                                 struct grebe_loop *loop)
{
    struct grebe_channel_options options;
    struct grebe_channel *channel;
    struct grebe_diag diag;
    char target[96];

    grebe_channel_options_init(&options);
    options.credentials = grebe_credentials_insecure();
    options.loop = loop;
    snprintf(target, sizeof target, "ipv4:%s", backend->address);
    if (grebe_channel_new(target, &options, &diag, &channel) != GREBE_OK)
        fail_msg("%s", diag.text);
    return channel;
}

#endif
