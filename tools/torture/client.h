/* SPDX-License-Identifier: Apache-2.0 */
/* client.h -- one application in the world: a channel, its resolver, its calls.
 *
 * A client may close its channel and open another; each has an allocator of its own, in
 * which nothing may be left.  What the resolver is going to say (`truth`) is the plan's
 * business; what of it the channel was told, and which service config has to be in force,
 * is kept here as the models need it.
 */
#ifndef TORTURE_CLIENT_H
#define TORTURE_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/channel.h"
#include "memory.h"
#include "plan.h"
#include "policies.h"
#include "watcher.h"

struct call;
struct world;

/* How resolving went wrong, for those who have a choice (event.x of RESOLVE_ERROR). */
enum { RESOLUTION_FAILS, RESOLUTION_FINDS_NOTHING, RESOLUTION_HANGS };

struct client {
    struct world *world;
    unsigned index;
    const struct client_settings *settings;
    char target[128];

    /* What the resolver knows. */
    listing truth;
    struct config_spec truth_config;
    bool is_truth_trouble; /* it fails instead */
    enum habit habit;
    struct scripted_resolver *resolver; /* NULL: not built, or none of ours */
    bool is_accepted;                   /* the channel took the truth as it is now */
    bool wants_resolving;               /* the core owes the resolver a hint */

    /* The channel. */
    struct memory memory;
    struct grebe_channel *channel; /* NULL: closed, nothing is left of it */
    struct watcher watchers[N_WATCHERS];
    bool is_closing;          /* asked for */
    bool is_closed;           /* on_closed() has come */
    uint64_t n_failed_before; /* allocations, when the channel was made */
    bool had_trouble;         /* resolution failed, or a config was flawed */
    uint32_t traits_seen;     /* enum policy_trait: of all policies that it had */
    bool may_scale;           /* a config allowed several connections to a backend */
    bool has_config;          /* a service config is in force: */
    struct config_spec config;
    bool may_be_other_config; /* memory was short when it was chosen */
    uint32_t n_picks_open;
    uint32_t n_open;          /* channels so far, this one included */
    struct grebe__list spies; /* of this channel, gone ones included (spy.h) */
    struct grebe__list calls; /* not done, oldest first */
    struct grebe__list done;  /* done, the reference kept */
};

void client_init(struct client *client, struct world *world, unsigned index);
/* After the world's end: nothing of it may be left. */
void client_fini(struct client *client);

/* It has a channel, memory, and a resolver that finds all servers. */
void client_heal(struct client *client);

/* Does nothing if it is open.  Memory may be short: then it stays closed. */
void client_open(struct client *client);

/* What src/api has an application do, here and now, wherever that is.  No-ops without a
 * channel. */
void client_close(struct client *client);
void client_connect(struct client *client);
void client_enter_idle(struct client *client);
void client_reset_backoff(struct client *client);

/* The channel's life has an end when on_closed() has come: look whether all has. */
void client_bury(struct client *client);

/* Whenever nothing is going on. */
void client_check(struct client *client);

static inline bool client_is_open(const struct client *client)
{
    return client->channel != NULL && !client->is_closing;
}

/* It has, or had, a policy that is like this. */
static inline bool client_had(const struct client *client, enum policy_trait trait)
{
    return (client->traits_seen & trait) != 0;
}

/* An allocation has failed in the life of this channel. */
static inline bool client_was_starved(const struct client *client)
{
    return client->memory.n_failed != client->n_failed_before;
}

/* ---- resolution.c -------------------------------------------------------------------- */

/* The target that this client's channels have. */
void resolution_write_target(struct client *client);

/* A channel was made. */
void resolution_begin(struct client *client);

/* The backends are these now.  `is_told`: the resolver says so, if it can. */
void resolution_set(struct client *client, listing list, const struct config_spec *config,
                    bool is_told);
void resolution_fail(struct client *client, unsigned how);
/* The resolver says again what it knows.  From anywhere but a policy. */
void resolution_tell(struct client *client);
void resolution_set_habit(struct client *client, enum habit habit);

/* It says something when it is asked, be it good or bad. */
bool resolution_is_telling(const struct client *client);

/* It could tell, if it is asked, and has something to tell that is of use. */
bool resolution_is_good(const struct client *client);

/* Whoever is to be told of a lost connection has been. */
void resolution_check(struct client *client);

extern const struct grebe_resolver_builder *const scripted_resolvers[1];

/* ---- Which client is it? ------------------------------------------------------------- */

struct client *client_of_channel(struct world *world,
                                 const struct grebe_channel *channel);

#endif
