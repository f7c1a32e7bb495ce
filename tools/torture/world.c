/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <stdlib.h>

#include "base/assert.h"
#include "book.h"
#include "calls.h"
#include "dice.h"
#include "messages/health.h"
#include "policies.h"
#include "trace.h"

static const uint64_t ms_ns = UINT64_C(1000000);

struct world *world_of_env(struct grebe__env *env)
{
    struct sim *sim = env->driver;

    return grebe_container_of(sim, struct world, sim);
}

/* ---- Memory of the world itself ------------------------------------------------------- */

struct kept {
    void *next;
    max_align_t payload[];
};

void *world_keep(struct world *world, size_t size)
{
    struct kept *kept = calloc(1, sizeof *kept + size);

    GREBE_ASSERT(kept != NULL);
    kept->next = world->kept;
    world->kept = kept;
    return kept->payload;
}

static void free_kept(struct world *world)
{
    while (world->kept != NULL) {
        struct kept *kept = world->kept;

        world->kept = kept->next;
        free(kept);
    }
}

/* ---- Time ------------------------------------------------------------------------------ */

/* Whenever nothing is going on: who has closed a channel gives it up, and all is as it
 * should be. */
static void look(struct world *world)
{
    for (unsigned i = 0; i < world->plan->n_clients; i++)
        client_bury(&world->clients[i]);
    world_check(world);
}

static void settle(struct world *world)
{
    sim_settle(&world->sim);
    look(world);
}

void world_advance(struct world *world, uint64_t until_ns)
{
    struct grebe__env *env = &world->sim.env;

    settle(world);
    while (env->now_ns < until_ns) {
        uint64_t next_ns = grebe__wheel_next_ns(&env->wheel);

        env->now_ns = next_ns < until_ns ? next_ns : until_ns;
        settle(world);
    }
}

void world_check(struct world *world)
{
    const struct grebe__env *env = &world->sim.env;

    if (env->depth != 0 || !grebe__list_is_empty(&env->effects) ||
        !grebe__list_is_empty(&env->settling) || !grebe__list_is_empty(&env->completions))
        fail("a turn ends with nothing left to do", "depth %u", env->depth);
    for (unsigned i = 0; i < world->plan->n_clients; i++)
        client_check(&world->clients[i]);
}

/* ---- A run ------------------------------------------------------------------------------ */

static void set_up(struct world *world, const struct plan *plan)
{
    *world = (struct world){.plan = plan};
    sim_init(&world->sim, NULL, plan->seed);
    grebe__rng_seed(&world->rng, ~plan->seed);
    trace_start(&world->sim.env);
    for (unsigned i = 0; i < plan->n_servers; i++)
        server_init(&world->servers[i], world, i);
    for (unsigned i = 0; i < plan->n_clients; i++)
        client_init(&world->clients[i], world, i);
    for (unsigned i = 0; i < plan->n_clients; i++)
        client_open(&world->clients[i]);
    settle(world);
}

/* Events keep their distances; what a calm takes comes on top. */
static void play_events(struct world *world, const bool *is_kept)
{
    const struct plan *plan = world->plan;
    uint64_t start_ns = world->sim.env.now_ns;

    for (uint32_t i = 0; i < plan->n_events; i++) {
        const struct event *event = &plan->events[i];
        uint64_t before_ns;

        if (is_kept != NULL && !is_kept[i])
            continue;
        world_advance(world, start_ns + event->at_ms * ms_ns);
        before_ns = world->sim.env.now_ns;
        world_apply(world, event);
        settle(world);
        start_ns += world->sim.env.now_ns - before_ns;
    }
}

/* All backends say that they are ill, and serve all the same. */
static void plague(struct world *world)
{
    trace("---- all servers are ill");
    for (unsigned i = 0; i < world->plan->n_servers; i++)
        server_set_health(&world->servers[i], GREBE__SERVING_NO);
}

static void recover(struct world *world)
{
    world_advance(world, world->sim.env.now_ns + 2000 * ms_ns);
    trace("---- all servers are well");
    for (unsigned i = 0; i < world->plan->n_servers; i++)
        server_set_health(&world->servers[i], GREBE__SERVING_YES);
}

/* Every backend takes calls and answers them with errors: whoever keeps accounts of that
 * thinks badly of them all. */
static void storm(struct world *world)
{
    enum { ROUNDS = 3, CALLS = 6, TIMEOUT_MS = 1000 };

    trace("---- all servers answer with errors");
    for (unsigned i = 0; i < world->plan->n_servers; i++) {
        server_heal(&world->servers[i]);
        server_set_temper(&world->servers[i], TEMPER_FAILS);
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < CALLS * world->plan->n_clients; i++)
            call_start(&world->clients[i % world->plan->n_clients], CALL_WAITS,
                       TIMEOUT_MS);
        world_advance(world, world->sim.env.now_ns + 2 * TIMEOUT_MS * ms_ns);
    }
}

/* Whatever was done to it, the world is made whole again, and then everything must be.  One
 * backend is enough for those that know it.  And at first nobody but the servers has
 * changed: clients have to find back by themselves. */
static void heal(struct world *world)
{
    unsigned first = grebe__rng_below(&world->rng, world->plan->n_servers);
    bool are_ill;

    for (unsigned i = 0; i < MAX_AMBUSHES; i++)
        world->ambushes[i].client = NULL;
    if (chance(&world->rng, 70))
        storm(world);
    trace("---- server %c is repaired, all others crash", 'a' + first);
    for (unsigned i = 0; i < world->plan->n_servers; i++)
        server_crash(&world->servers[i]);
    server_heal(&world->servers[first]);
    settle(world);
    world_calm(world);
    trace("---- all servers are repaired");
    for (unsigned i = 0; i < world->plan->n_servers; i++)
        server_heal(&world->servers[i]);
    settle(world);
    world_calm(world);
    trace("---- everything is repaired");
    are_ill = chance(&world->rng, 50);
    if (are_ill)
        plague(world);
    for (unsigned i = 0; i < world->plan->n_clients; i++)
        client_heal(&world->clients[i]);
    world->is_healed = true;
    settle(world);
    if (are_ill)
        recover(world);
    world_calm(world);
}

static void tear_down(struct world *world)
{
    trace("---- the end");
    for (unsigned i = 0; i < world->plan->n_clients; i++)
        client_close(&world->clients[i]);
    settle(world);
    if (world->sim.is_active || world->sim.env.n_active != 0)
        fail("nothing happens after the end", "the loop is still held");
    if (grebe__wheel_next_ns(&world->sim.env.wheel) != UINT64_MAX)
        fail("nothing happens after the end", "a timer runs");
    if (!grebe__list_is_empty(&world->sim.transports) ||
        !grebe__list_is_empty(&world->sim.dials) ||
        !grebe__list_is_empty(&world->sim.lookups))
        fail("nothing happens after the end", "there are connections, dials or lookups");
    book_check_empty(&world->sim.book);
    sim_fini(&world->sim);
    for (unsigned i = 0; i < world->plan->n_clients; i++)
        client_fini(&world->clients[i]);
    free_kept(world);
}

void world_play(const struct plan *plan, const bool *is_kept)
{
    struct world *world = calloc(1, sizeof *world);

    GREBE_ASSERT(world != NULL);
    set_up(world, plan);
    play_events(world, is_kept);
    heal(world);
    tear_down(world);
    free(world);
}
