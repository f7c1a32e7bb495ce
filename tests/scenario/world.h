/* SPDX-License-Identifier: Apache-2.0 */
/* scenario/world.h -- a channel and its servers, on virtual time or on real sockets.
 *
 * A scenario is written once against this header.  world_sim.c plays it with a simulated
 * network and a clock of its own, world_sockets.c with `grebe backend` processes; both
 * must give the same trace.
 *
 * Servers are called "a" to "z".  Endpoints are written "a b c", as a resolver finds them.
 */
#ifndef SCENARIO_WORLD_H
#define SCENARIO_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include <grebe/call.h>
#include <grebe/channel.h>

#include "support/test.h"

struct world;

/* IDLE; no server runs, and the resolver knows nothing.  `service_config` is the channel's
 * default.  Connecting again after a failure waits for 100 ms at first. */
struct world *world_open(const char *service_config);
/* Closes the channel and the servers, and checks that nothing is left. */
void world_close(struct world *world);
/* Only the channel. */
void world_close_channel(struct world *world);

/* A server that echoes, `latency_ms` later.  One that was killed comes back. */
void world_server(struct world *world, const char *name, uint64_t latency_ms);
void world_kill(struct world *world, const char *name);

/* What its health service says of itself and of "s": SERVING, unless it is told otherwise. */
void world_set_serving(struct world *world, const char *name, bool is_serving);

/* What the resolver finds, now or as soon as it is built. */
void world_resolve(struct world *world, const char *endpoints);
void world_resolver_error(struct world *world, const char *text);
void world_connect(struct world *world);

/* Run until `is_true(arg)`; the test fails if that does not come to be. */
void world_until(struct world *world, bool (*is_true)(const void *arg), const void *arg);
enum grebe_connectivity world_state(struct world *world);
void world_until_state(struct world *world, enum grebe_connectivity state);
/* Run what is due, for so long. */
void world_run_ms(struct world *world, uint64_t ms);
/* How often the channel has dialled a server, by its own account. */
unsigned world_n_dials(const struct world *world, const char *name);

/* A call of "/s/m".  It goes on while the world runs; the caller's reference. */
struct grebe_call *world_call(struct world *world, bool waits_for_ready);
/* Run until it is done; its code.  `peer`, if not NULL, becomes the name of the server. */
int world_finish(struct world *world, struct grebe_call *call, char *peer);

/* The server behind an address as policies see it: 'a' to 'z'. */
char world_name(const char *address);

#endif
