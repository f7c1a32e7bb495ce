/* SPDX-License-Identifier: Apache-2.0 */
/* demo_backends.h -- the backends of `grebe demo`, on a thread of their own.
 *
 * One of them can be killed and revived by schedule.  Everybody else talks to them
 * through sockets, as to any other server.
 */
#ifndef TOOL_DEMO_BACKENDS_H
#define TOOL_DEMO_BACKENDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/server.h"

struct demo_backends;

/* Starts `n` of them on free ports of 127.0.0.1.  False: `error` says why. */
bool demo_backends_start(const struct server_settings *settings, size_t n,
                         struct demo_backends **out, char *error, size_t error_size);
void demo_backends_stop(struct demo_backends *backends);

/* Before the first kill. */
const char *demo_backends_address(const struct demo_backends *backends, size_t i);

/* Kill the i-th `kill_ms` from now, revive it on the same port `revive_ms` from now. */
void demo_backends_schedule(struct demo_backends *backends, size_t i, uint64_t kill_ms,
                            uint64_t revive_ms);

/* When the last kill happened, on CLOCK_MONOTONIC; 0: not yet. */
uint64_t demo_backends_killed_ns(const struct demo_backends *backends);

#endif
