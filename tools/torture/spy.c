/* SPDX-License-Identifier: Apache-2.0 */
#include "spy.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "calls.h"
#include "core/client_conn.h"
#include "mischief.h"
#include "registry/registry.h"
#include "subconns.h"
#include "trace.h"
#include "world.h"

enum { MAX_BUILDERS = 64, MAX_TRIALS = 40 };

/* After memory was short: policies ask for it again after a second. */
static const uint64_t patience_ns = UINT64_C(2100000000);

struct spy_builder {
    struct grebe_balancer_builder base; /* the policy's name, our build() */
    const struct grebe_balancer_builder *real;
};

static struct spy *spy_of(struct grebe_balancer *base)
{
    return grebe_container_of(base, struct spy, base);
}

static struct spy *spy_of_link(struct grebe__list *link)
{
    return grebe_container_of(link, struct spy, link);
}

static struct spied_subconn *spied_of_link(struct grebe__list *link)
{
    return grebe_container_of(link, struct spied_subconn, link);
}

/* ---- The policy's functions --------------------------------------------------------------- */

void spy_enter(struct spy *spy, const char *what)
{
    if (spy->is_destroyed)
        fail("nothing happens after the end", "%s hears of %s", spy->name, what);
    if (spy->n_inside++ > 0)
        fail("a policy's functions do not nest", "%s comes inside another function of %s",
             what, spy->name);
}

void spy_leave(struct spy *spy)
{
    spy->n_inside--;
}

static int spy_update(struct grebe_balancer *base,
                      const struct grebe_balancer_update *update)
{
    struct spy *spy = spy_of(base);
    int result;

    trace("client %u: %s: update with %zu endpoints", spy->client->index, spy->name,
          update->n_endpoints);
    spy_enter(spy, "an update");
    if (spy->policy != NULL && spy->policy->keeps && !client_was_starved(spy->client))
        subconns_expect_kept(spy, update);
    result = grebe_client_conn_update(spy->child, update);
    spy_leave(spy);
    world_moment(spy->client->world, MOMENT_UPDATE);
    return result;
}

static void spy_resolver_error(struct grebe_balancer *base,
                               const struct grebe_status *status)
{
    struct spy *spy = spy_of(base);

    spy_enter(spy, "a resolver error");
    grebe_client_conn_resolver_error(spy->child, status);
    spy_leave(spy);
}

static void spy_exit_idle(struct grebe_balancer *base)
{
    struct spy *spy = spy_of(base);

    spy_enter(spy, "exit_idle");
    grebe_client_conn_exit_idle(spy->child);
    spy_leave(spy);
}

/* The switch closes what it replaces; a channel that closes, or rests, has given it up. */
static void check_replacement(struct spy *spy)
{
    struct grebe_channel *channel = spy->client->channel;

    if (!spy->is_root || channel->root == NULL || client_was_starved(spy->client) ||
        client_had(spy->client, POLICY_IS_ERRATIC))
        return;
    grebe__list_foreach (link, &spy->client->spies) {
        const struct spy *other = spy_of_link(link);

        if (other != spy && other->is_root && !other->is_destroyed &&
            spy->has_published && spy->state == GREBE_READY && !other->has_shown_itself)
            fail("what is READY is not replaced by what is not", "%s is by %s", spy->name,
                 other->name);
    }
}

static void spy_destroy(struct grebe_balancer *base)
{
    struct spy *spy = spy_of(base);

    check_replacement(spy);
    trace("client %u: %s: destroyed", spy->client->index, spy->name);
    spy_enter(spy, "destroy");
    grebe_client_conn_close(spy->child);
    spy_leave(spy);
    spy->is_destroyed = true;
}

static const struct grebe_balancer_ops spy_ops = {
    .update = spy_update,
    .resolver_error = spy_resolver_error,
    .exit_idle = spy_exit_idle,
    .destroy = spy_destroy,
};

/* ---- Picks --------------------------------------------------------------------------------- */

struct spy_picker {
    struct grebe_picker base;
    struct spy *spy;
    struct grebe_picker *real; /* a reference */
};

/* A pick that was completed, until its on_done() has come; kept after that. */
struct pick {
    struct spy *spy;
    struct call *call; /* NULL: a pick on trial */
    struct grebe_pick
        taken; /* who would hear of its end, if there was no room to listen */
    uint64_t at_ns;
    bool is_done;
};

enum mischief mischief;

static void on_pick_done(void *arg, const struct grebe_done_info *info);

static void make_mischief(struct pick *pick, const struct grebe_done_info *info)
{
    switch (mischief) {
    case MISCHIEF_NONE:
        return;
    case MISCHIEF_TWICE:
        on_pick_done(pick, info);
        return;
    case MISCHIEF_CRASH:
        GREBE_ASSERT(pick == NULL);
        return;
    case MISCHIEF_HANG:
        for (;;)
            continue;
    case MISCHIEF_LEAK:
        (void)grebe_mem_alloc(&pick->spy->client->memory.interface, 8);
        return;
    }
}

static void on_pick_done(void *arg, const struct grebe_done_info *info)
{
    struct pick *pick = arg;
    struct client *client = pick->spy->client;

    if (pick->is_done)
        fail("every pick is done once", "one of %s is again", pick->spy->name);
    pick->is_done = true;
    client->n_picks_open--;
    if (pick->call != NULL)
        pick->call->n_picks_open--;
    if (info->status == NULL || info->now_ns != client->world->sim.env.now_ns ||
        info->latency_ns != info->now_ns - pick->at_ns ||
        info->headers_ns > info->latency_ns)
        fail("a pick's report is right", "one of %s is not", pick->spy->name);
    grebe_pick_end(&pick->taken, info);
    if (pick->call != NULL)
        make_mischief(pick, info);
    if (pick->call != NULL)
        world_moment(client->world, MOMENT_PICK_DONE);
}

/* Every report has arrived where it should: pickers are as new as what they are made of. */
static bool is_settled(const struct grebe__env *env)
{
    return grebe__list_is_empty(&env->effects) && grebe__list_is_empty(&env->settling);
}

static void check_choice(struct spy *spy, const struct grebe_subconn *subconn)
{
    const struct spied_subconn *spied = subconn_find(spy, subconn);
    bool is_expected = is_settled(&spy->client->world->sim.env) &&
                       !client_was_starved(spy->client) && !spy->is_destroyed &&
                       !client_had(spy->client, POLICY_IS_ERRATIC);

    if (spied == NULL)
        fail("a policy picks its own subconns", "%s does not", spy->name);
    if (is_expected && spied->state != GREBE_READY)
        fail("picks are of READY subconns", "%s picks %s, which is %s", spy->name,
             spied->address, grebe_connectivity_name(spied->state));
}

/* As a parent would, but where that is not possible: policies shall find room. */
static void listen(struct pick *pick, struct grebe_pick *out)
{
    grebe_pick_init(&pick->taken);
    if (grebe_pick_listen(out, on_pick_done, pick))
        return;
    pick->taken = *out;
    out->on_done = on_pick_done;
    out->on_done_arg = pick;
    out->n_listeners = 0;
}

static void note_choice(struct spy *spy, struct call *call, struct grebe_pick *out)
{
    struct pick *pick = world_keep(spy->client->world, sizeof *pick);

    check_choice(spy, out->subconn);
    pick->spy = spy;
    pick->call = call;
    pick->at_ns = spy->client->world->sim.env.now_ns;
    listen(pick, out);
    spy->client->n_picks_open++;
    if (call != NULL)
        call->n_picks_open++;
}

static void spy_pick(struct grebe_picker *base, const struct grebe_pick_args *args,
                     struct grebe_pick *out)
{
    struct spy_picker *picker = grebe_container_of(base, struct spy_picker, base);
    struct spy *spy = picker->spy;
    struct call *call = call_by_path(spy->client->world, args->method);

    grebe_picker_pick(picker->real, args, out);
    if (out->kind == GREBE_PICK_COMPLETE)
        note_choice(spy, call, out);
    else if (out->kind != GREBE_PICK_QUEUE && call != NULL && spy->is_root)
        call_pick_failed(call, out->kind == GREBE_PICK_DROP, out->status->code);
    if (call != NULL && spy->is_root)
        world_moment(spy->client->world, MOMENT_PICK);
}

static void spy_picker_destroy(struct grebe_picker *base)
{
    struct spy_picker *picker = grebe_container_of(base, struct spy_picker, base);

    grebe_picker_unref(picker->real);
    free(picker);
}

static const struct grebe_picker_ops picker_ops = {
    .pick = spy_pick,
    .destroy = spy_picker_destroy,
};

/* ---- What the policy asks for ---------------------------------------------------------------- */

static void on_update_state(void *arg, enum grebe_connectivity state,
                            struct grebe_picker *real)
{
    struct spy *spy = arg;
    struct spy_picker *picker = calloc(1, sizeof *picker);

    GREBE_ASSERT(picker != NULL);
    if (spy->is_destroyed)
        fail("nothing is heard of a policy that is gone", "%s is", spy->name);
    trace("client %u: %s: says %s", spy->client->index, spy->name,
          grebe_connectivity_name(state));
    grebe_picker_init(&picker->base, &picker_ops);
    picker->spy = spy;
    picker->real = real;
    spy->has_published = true;
    spy->has_shown_itself |= state != GREBE_CONNECTING;
    spy->state = state;
    grebe_client_conn_update_state(spy->cc, state, &picker->base);
}

static int on_new_subconn(void *arg, const struct grebe_subconn_options *options,
                          struct grebe_subconn **out)
{
    return subconn_new(arg, options, out);
}

static void on_watch_health(void *arg, struct grebe_subconn *subconn,
                            grebe_subconn_state_fn on_health, void *health_arg)
{
    subconn_watch_health(arg, subconn, on_health, health_arg);
}

static const struct grebe_client_conn_ops child_ops = {
    .update_state = on_update_state,
    .new_subconn = on_new_subconn,
    .watch_health = on_watch_health,
};

/* ---- Building ---------------------------------------------------------------------------------- */

static int build(struct grebe_client_conn *cc, const struct grebe_build_options *options,
                 struct grebe_balancer **out)
{
    const struct spy_builder *builder =
        (const struct spy_builder *)(const void *)cc->builder; /* its first member */
    struct world *world = world_of_env(cc->host->env);
    struct spy *spy = world_keep(world, sizeof *spy);
    int result;

    (void)options;
    grebe_balancer_init(&spy->base, &spy_ops);
    spy->client = client_of_channel(
        world, grebe_container_of(cc->host, struct grebe_channel, host));
    spy->name = builder->base.name;
    spy->policy = policy_find(spy->name);
    spy->cc = cc;
    spy->is_root = cc->parent != NULL && cc->parent->parent == NULL;
    grebe__list_init(&spy->link);
    grebe__list_init(&spy->subconns);
    result = grebe_client_conn_new_child(cc, &child_ops, spy, &spy->child);
    if (result != GREBE_OK)
        return result;
    trace("client %u: %s: built", spy->client->index, spy->name);
    result = grebe_client_conn_build(spy->child, builder->real);
    if (result != GREBE_OK) {
        grebe_client_conn_close(spy->child);
        return result;
    }
    grebe__list_append(&spy->client->spies, &spy->link);
    *out = &spy->base;
    return GREBE_OK;
}

static void watch(const char *name)
{
    static struct spy_builder builders[MAX_BUILDERS];
    static unsigned n;
    const struct grebe_balancer_builder *real = grebe_balancer_get(name);
    struct spy_builder *builder = &builders[n];
    int result;

    if (real->build == build)
        return; /* it is watched already */
    GREBE_ASSERT(n < MAX_BUILDERS);
    n++;
    builder->real = real;
    builder->base = *real;
    builder->base.build = build;
    result = grebe_balancer_register(&builder->base);
    GREBE_ASSERT(result == GREBE_OK);
}

void spies_register(const struct policy *table, unsigned n)
{
    for (unsigned i = 0; grebe__builtin_balancers[i] != NULL; i++)
        watch(grebe__builtin_balancers[i]->name);
    for (unsigned i = 0; i < n; i++)
        watch(table[i].name);
}

/* ---- Looking at them ----------------------------------------------------------------------------- */

/* A pick on trial, over at once. */
static struct grebe_pick try_pick(struct spy *spy, struct grebe_picker *picker,
                                  const uint64_t *hash)
{
    struct grebe__env *env = &spy->client->world->sim.env;
    struct grebe_status ok = grebe_status_of(GREBE_STATUS_OK, "");
    struct grebe_done_info info = {.status = &ok, .now_ns = env->now_ns};
    struct grebe_pick_args args = {
        .method = "/trial/m",
        .now_ns = env->now_ns,
        .deadline_ns = UINT64_MAX,
        .random = grebe__rng_next(&spy->client->world->rng),
        .hash = hash,
    };
    struct grebe_pick out;

    grebe_pick_init(&out);
    grebe_picker_pick(picker, &args, &out);
    if (out.kind == GREBE_PICK_COMPLETE)
        grebe_pick_end(&out, &info);
    return out;
}

/* As many as make two rounds. */
static void try_rounds(struct spy *spy, struct grebe_picker *picker, uint32_t counts[],
                       struct spied_subconn *const ready[], unsigned n_ready)
{
    for (unsigned i = 0; i < 2 * n_ready; i++) {
        struct grebe_pick out = try_pick(spy, picker, NULL);

        if (out.kind != GREBE_PICK_COMPLETE && client_was_starved(spy->client))
            return;
        if (out.kind != GREBE_PICK_COMPLETE)
            fail("who is READY has a backend", "%s gives none", spy->name);
        for (unsigned j = 0; j < n_ready; j++)
            counts[j] += ready[j]->subconn == out.subconn;
    }
}

/* Calls of one hash go one way, whatever chance says. */
static void try_hash(struct spy *spy, struct grebe_picker *picker)
{
    uint64_t hash = grebe__rng_next(&spy->client->world->rng);
    struct grebe_pick one = try_pick(spy, picker, &hash);
    struct grebe_pick other = try_pick(spy, picker, &hash);

    if (one.kind != other.kind || one.subconn != other.subconn)
        fail("picks follow the policy's rule", "%s: calls of one hash part", spy->name);
}

static unsigned find_ready(struct spy *spy, bool may_be_ill,
                           struct spied_subconn *ready[MAX_TRIALS])
{
    unsigned n = 0;

    grebe__list_foreach (link, &spy->subconns) {
        struct spied_subconn *spied = spied_of_link(link);

        if ((subconn_takes_calls(spied) || (may_be_ill && spied->state == GREBE_READY)) &&
            n < MAX_TRIALS)
            ready[n++] = spied;
    }
    return n;
}

static void check_picks(struct spy *spy, struct grebe_picker *picker)
{
    struct spied_subconn *ready[MAX_TRIALS];
    uint32_t counts[MAX_TRIALS] = {0};
    enum pick_rule rule = spy->policy == NULL ? PICKS_ANY : spy->policy->rule;
    bool is_fixed = rule == PICKS_ONE || rule == PICKS_IN_TURNS;
    bool may_panic = !is_fixed && client_had(spy->client, POLICY_PANICS);
    unsigned n = find_ready(spy, may_panic, ready);

    try_rounds(spy, picker, counts, ready, n);
    if (rule == PICKS_BY_HASH)
        try_hash(spy, picker);
    if (client_was_starved(spy->client))
        return;
    if (n == 0 || (rule == PICKS_ONE && n > 1))
        fail("READY is to have what it takes", "%s has %u READY subconns", spy->name, n);
    for (unsigned i = 0; i < n && is_fixed; i++)
        if (counts[i] != 2)
            fail("picks follow the policy's rule", "%s: of %u picks %u go to %s",
                 spy->name, 2 * n, counts[i], ready[i]->address);
}

/* Who has a READY subconn says so: at once, or, after memory was short, as soon as it has
 * had the time to ask for some again. */
static void check_readiness(struct spy *spy)
{
    struct spied_subconn *ready[MAX_TRIALS];
    const struct client *client = spy->client;
    uint64_t now_ns = client->world->sim.env.now_ns;
    bool sets_aside = spy->policy == NULL || client_had(client, POLICY_SETS_ASIDE);

    if (sets_aside || spy->state == GREBE_READY || memory_is_short(&client->memory) ||
        find_ready(spy, false, ready) == 0) {
        spy->is_late = false;
        return;
    }
    if (!spy->is_late)
        spy->late_since_ns = now_ns;
    spy->is_late = true;
    if (!client_was_starved(client) || now_ns - spy->late_since_ns > patience_ns)
        fail("who has a READY subconn is READY", "%s with one to %s says %s", spy->name,
             ready[0]->address, grebe_connectivity_name(spy->state));
}

/* A channel is what its policy says; `next` (or NULL) waits to take over. */
static void check_states(const struct client *client, const struct spy *spy,
                         const struct spy *next)
{
    enum grebe_connectivity state = grebe__channel_get_state(client->channel);

    if (spy->has_published && state != spy->state)
        fail("a channel is what its policy says", "client %u is %s, %s says %s",
             client->index, grebe_connectivity_name(state), spy->name,
             grebe_connectivity_name(spy->state));
    if (next != NULL && next->has_published &&
        (next->state != GREBE_CONNECTING || spy->state != GREBE_READY))
        fail("a policy takes over when it can", "%s is %s, and %s, which is %s, stays",
             next->name, grebe_connectivity_name(next->state), spy->name,
             grebe_connectivity_name(spy->state));
}

void spies_check(struct client *client)
{
    struct grebe_picker *picker = client->channel->picker;
    struct spy *root = NULL, *next = NULL;

    grebe__list_foreach (link, &client->spies) {
        struct spy *spy = spy_of_link(link);

        if (spy->is_destroyed)
            continue;
        if (client->channel->is_idle)
            fail("an idle channel has no policy", "client %u has %s", client->index,
                 spy->name);
        if (!client_had(client, POLICY_IS_ERRATIC))
            check_readiness(spy);
        if (spy->is_root && next != NULL)
            fail("a channel has a policy and a successor at most", "client %u has more",
                 client->index);
        if (spy->is_root && root != NULL)
            next = spy;
        else if (spy->is_root)
            root = spy;
    }
    if (root == NULL || client_had(client, POLICY_IS_ERRATIC))
        return;
    if (!client_was_starved(client))
        check_states(client, root, next);
    if (grebe__channel_get_state(client->channel) == GREBE_READY && picker != NULL &&
        picker->ops == &picker_ops)
        check_picks(grebe_container_of(picker, struct spy_picker, base)->spy, picker);
}

void spies_check_gone(struct client *client)
{
    grebe__list_foreach (link, &client->spies) {
        if (!spy_of_link(link)->is_destroyed)
            fail("nothing happens after the end", "client %u still has %s", client->index,
                 spy_of_link(link)->name);
    }
    if (client->n_picks_open != 0)
        fail("every pick is done once", "client %u: %u are not done at the end",
             client->index, client->n_picks_open);
}
