/* SPDX-License-Identifier: Apache-2.0 */
/* interop/world.h -- what a case starts from: foreign servers, and a channel to them.
 *
 * Each case starts its own, so that no case inherits the connections, or the counters, of
 * another; world_teardown() ends them.
 */
#ifndef INTEROP_WORLD_H
#define INTEROP_WORLD_H

#include <stdbool.h>
#include <stddef.h>

#include <grebe/grebe.h>

#include "support/process.h"

#define ECHO "/grebe.test.Echo/"

enum { N_MAX = 5 /* servers at once */ };

/* How to start a server, NULL-terminated, and where the certificates are; set by main(). */
extern const char *const *world_command;
extern const char *world_certificates;

struct world {
    struct process server[N_MAX];
    struct grebe_channel *channel;
};

/* For cmocka: *state is a struct world without servers. */
int world_setup(void **state);
int world_teardown(void **state);

/* Starts a server with these flags, NULL-terminated; the case fails if it does not come. */
void world_start(struct process *p, const char *const *flags);

/* Starts n servers, "a", "b" and so on, and opens a channel to all. */
void world_open(struct world *w, size_t n, const char *policy);

/* The target "ipv4:127.0.0.1:1,127.0.0.1:2" of the first n servers. */
const char *world_target(const struct world *w, size_t n);

/* The path of "ca.pem" or another; four of them last at a time. */
const char *world_certificate(const char *name);

/* The counter `name` of the server that the channel talks to. */
long world_stat(struct grebe_channel *channel, const char *name);

/* Waits for a counter: a server counts a little after the client has moved on. */
void world_wait_for_stat(struct grebe_channel *channel, const char *name, long value);

/* Calls Who; gives 0 if "a" answered, 1 if "b" did. */
size_t world_ask_who(struct grebe_channel *channel);

#endif
