/* SPDX-License-Identifier: Apache-2.0 */
/* world.h -- servers, clients and a clock: where a plan is carried out.
 *
 *   plan --events--> world --+-- servers (servers.h) -- requests --+
 *                            |                                     |
 *                            +-- clients (client.h): channel, resolver, calls
 *                                                      |
 *                                        every policy is watched (spy.h)
 *
 * The world is the program under test as its users have it, channels of the real core on
 * the driver of src/sim, and around them models that know what must be: of each call
 * (calls.h), each subconn (subconns.h), each policy and pick (spy.h).  The models look on
 * while things happen; after each event world_check() looks at the whole.
 *
 * Threading   One thread, one world in a process at a time.
 */
#ifndef TORTURE_WORLD_H
#define TORTURE_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rng.h"
#include "client.h"
#include "plan.h"
#include "servers.h"
#include "sim/sim.h"

enum { MAX_AMBUSHES = 16 };

/* Something that a client does from inside of something else. */
struct ambush {
    struct client *client; /* NULL: none is laid here */
    enum moment moment;
    enum deed deed;
    uint32_t countdown;
};

struct world {
    struct sim sim;
    const struct plan *plan;
    struct grebe__rng rng; /* for what servers and clients do; the core has its own */
    struct server servers[MAX_SERVERS];
    struct client clients[MAX_CLIENTS];
    struct ambush ambushes[MAX_AMBUSHES];
    bool is_healed;
    uint32_t n_calls; /* so far */
    void *kept;       /* memory that lives as long as the world, linked */
};

/* Plays the plan with those of its events that `is_kept` has (NULL: all of them), and ends
 * the process if anything is wrong. */
void world_play(const struct plan *plan, const bool *is_kept);

/* The one that is played. */
struct world *world_of_env(struct grebe__env *env);

/* Zeroed; never NULL; gone with the world. */
void *world_keep(struct world *world, size_t size);

/* Move the clock, timer by timer, and look at everything at each of them. */
void world_advance(struct world *world, uint64_t until_ns);

/* What one event does (events.c). */
void world_apply(struct world *world, const struct event *event);

/* A moment has come: whoever waits for it does what it waits to do. */
void world_moment(struct world *world, enum moment moment);

/* Everything that has to be so whenever nothing is going on. */
void world_check(struct world *world);

/* Nothing happens, for long enough; then whatever could come right must have (calm.c). */
void world_calm(struct world *world);

#endif
