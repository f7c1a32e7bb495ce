/* SPDX-License-Identifier: Apache-2.0 */
#include "subconns.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/subconn.h"
#include "trace.h"
#include "world.h"

static struct spied_subconn *spied_of(struct grebe__list *link)
{
    return grebe_container_of(link, struct spied_subconn, link);
}

static const struct client_settings *settings_of(const struct spied_subconn *spied)
{
    return spied->spy->client->settings;
}

static uint64_t now_ns(const struct spied_subconn *spied)
{
    return spied->spy->client->world->sim.env.now_ns;
}

/* Several connections, or addresses that change under way: less is certain then. */
static bool is_simple(const struct spied_subconn *spied)
{
    const struct client *client = spied->spy->client;

    return !client->may_scale && !client_had(client, POLICY_IS_ERRATIC) &&
           !(spied->spy->policy != NULL &&
             (spied->spy->policy->traits & POLICY_IS_ERRATIC) != 0);
}

/* ---- Time ------------------------------------------------------------------------------ */

/* What backoff number `n` may be. */
struct range {
    uint64_t low_ns, high_ns;
};

static struct range backoff_range(const struct client_settings *settings, unsigned n)
{
    double base = settings->backoff_base_ms * 1e6, max = settings->backoff_max_ms * 1e6;
    double nominal = base;

    if (n == 0)
        return (struct range){(uint64_t)base, (uint64_t)base};
    for (unsigned i = 0; i < n && nominal < max; i++)
        nominal *= settings->backoff_multiplier;
    if (nominal > max)
        nominal = max;
    return (struct range){
        (uint64_t)(nominal * (1 - settings->backoff_jitter)) - 1,
        (uint64_t)(nominal * (1 + settings->backoff_jitter)) + 1,
    };
}

/* The longest that any backoff can be. */
static uint64_t longest_ns(const struct client_settings *settings)
{
    uint32_t max_ms = settings->backoff_max_ms > settings->backoff_base_ms
                          ? settings->backoff_max_ms
                          : settings->backoff_base_ms;

    return (uint64_t)(max_ms * 1e6 * (1 + settings->backoff_jitter)) + 1;
}

static void check_backoff(const struct spied_subconn *spied)
{
    uint64_t lasted_ns = now_ns(spied) - spied->since_ns;
    struct range range = backoff_range(settings_of(spied), spied->round_index);

    if (spied->was_reset || spied->is_unsure || !is_simple(spied))
        return;
    if (lasted_ns < range.low_ns || lasted_ns > range.high_ns)
        fail("a backoff is as long as its number has it",
             "%s waited for %" PRIu64 " ns after failure %u: %" PRIu64 " to %" PRIu64
             " are right",
             spied->address, lasted_ns, spied->round_index, range.low_ns, range.high_ns);
}

/* Nothing may last longer than this, whatever else is not certain. */
static uint64_t limit_ns(const struct spied_subconn *spied)
{
    const struct client_settings *settings = settings_of(spied);
    uint64_t connect_ns = settings->min_connect_ms * UINT64_C(1000000);
    uint64_t backoff_ns = longest_ns(settings);

    if (spied->state == GREBE_TRANSIENT_FAILURE)
        return backoff_ns;
    if (spied->state == GREBE_CONNECTING && is_simple(spied))
        return connect_ns > backoff_ns ? connect_ns : backoff_ns;
    return UINT64_MAX;
}

static void check_limit(const struct spied_subconn *spied)
{
    if (now_ns(spied) - spied->since_ns > limit_ns(spied))
        fail("no attempt and no backoff lasts too long",
             "%s has been %s for %" PRIu64 " ns", spied->address,
             grebe_connectivity_name(spied->state), now_ns(spied) - spied->since_ns);
}

/* ---- States ---------------------------------------------------------------------------- */

static bool is_a_step(const struct spied_subconn *spied, enum grebe_connectivity to)
{
    static const uint8_t steps[] = {
        [GREBE_IDLE] = 1 << GREBE_CONNECTING,
        [GREBE_CONNECTING] =
            1 << GREBE_READY | 1 << GREBE_TRANSIENT_FAILURE | 1 << GREBE_IDLE,
        [GREBE_READY] = 1 << GREBE_IDLE | 1 << GREBE_TRANSIENT_FAILURE,
        [GREBE_TRANSIENT_FAILURE] = 1 << GREBE_IDLE,
    };

    if (to == GREBE_SHUTDOWN)
        return true;
    if (spied->state == GREBE_READY && to == GREBE_CONNECTING)
        return !is_simple(spied);
    return steps[spied->state] >> to & 1;
}

static void check_step(const struct spied_subconn *spied, enum grebe_connectivity to,
                       const struct grebe_status *error)
{
    const char *from = grebe_connectivity_name(spied->state);

    if (spied->is_over)
        fail("SHUTDOWN is a subconn's last state", "%s: %s follows", spied->address,
             grebe_connectivity_name(to));
    if (to == spied->state)
        fail("no state is told twice", "%s is %s", spied->address, from);
    if (!is_a_step(spied, to))
        fail("states follow the machine", "%s: %s to %s", spied->address, from,
             grebe_connectivity_name(to));
    if (to == GREBE_SHUTDOWN && !spied->subconn->is_shutting_down)
        fail("SHUTDOWN is asked for", "%s", spied->address);
    if ((to == GREBE_TRANSIENT_FAILURE) != (error != NULL))
        fail("TRANSIENT_FAILURE has an error, no other state has", "%s: %s",
             spied->address, grebe_connectivity_name(to));
    if (error != NULL &&
        (error->code != GREBE_STATUS_UNAVAILABLE || (error->message[0] == '\0')))
        fail("an error says what it is", "%s: code %d, \"%s\"", spied->address,
             error->code, error->message);
}

/* As core/subconn.c should count. */
static void count_failures(struct spied_subconn *spied, enum grebe_connectivity to)
{
    const struct server *server = server_find(spied->spy->client->world, spied->address);
    /* Ready and lost in one: a success, which a failure looks like if it comes often. */
    bool may_flap = server != NULL && server->has_flapped;

    if (to == GREBE_CONNECTING) {
        spied->round_index = spied->n_failures;
    } else if (to == GREBE_READY) {
        spied->n_failures = 0;
        spied->is_unsure = false;
    } else if (to == GREBE_TRANSIENT_FAILURE) {
        spied->was_reset = false;
        if (may_flap)
            spied->is_unsure = true;
    } else if (spied->state == GREBE_TRANSIENT_FAILURE) {
        spied->n_failures = spied->was_reset ? 0 : spied->n_failures + 1;
    } else if (spied->state == GREBE_CONNECTING) {
        spied->n_failures = 0;
    }
}

/* A loss, or an attempt that failed: perhaps the name has other addresses now. */
static void expect_resolving(const struct spied_subconn *spied,
                             enum grebe_connectivity to)
{
    struct client *client = spied->spy->client;
    bool is_loss = spied->state == GREBE_READY && to == GREBE_IDLE;

    if ((is_loss || to == GREBE_TRANSIENT_FAILURE) && spied->spy->is_root &&
        !client_had(client, POLICY_IS_ERRATIC) &&
        !client_had(client, POLICY_IGNORES_LOSSES) && client->resolver != NULL)
        client->wants_resolving = true;
}

static void note_state(struct spied_subconn *spied, enum grebe_connectivity to,
                       const struct grebe_status *error)
{
    trace("client %u: %s: %s is %s%s%s", spied->spy->client->index, spied->spy->name,
          spied->address, grebe_connectivity_name(to), error == NULL ? "" : ": ",
          error == NULL ? "" : error->message);
    check_step(spied, to, error);
    if (to == GREBE_SHUTDOWN && spied->has_to_stay)
        fail("a connection to an address that is listed is kept", "%s: that to %s is not",
             spied->spy->name, spied->address);
    spied->has_to_stay = false;
    check_limit(spied);
    if (spied->state == GREBE_TRANSIENT_FAILURE && to == GREBE_IDLE)
        check_backoff(spied);
    count_failures(spied, to);
    expect_resolving(spied, to);
    spied->state = to;
    spied->since_ns = now_ns(spied);
    spied->is_over = to == GREBE_SHUTDOWN;
    spied->on_health = NULL;
}

static void on_state(void *arg, struct grebe_subconn *subconn,
                     enum grebe_connectivity state, const struct grebe_status *error)
{
    struct spied_subconn *spied = arg;
    struct grebe_balancer *policy = spied->spy->child->balancer;

    if (spied->spy->is_destroyed)
        fail("nothing happens after the end", "%s hears that %s is %s", spied->spy->name,
             spied->address, grebe_connectivity_name(state));
    note_state(spied, state, error);
    spy_enter(spied->spy, "a subconn's state");
    if (spied->on_state != NULL)
        spied->on_state(spied->arg, subconn, state, error);
    else if (policy->ops->update_subconn_state != NULL)
        policy->ops->update_subconn_state(policy, subconn, state, error);
    spy_leave(spied->spy);
    world_moment(spied->spy->client->world, MOMENT_SUBCONN);
}

/* ---- Making them ------------------------------------------------------------------------ */

static void forget(struct spied_subconn *spied)
{
    spied->is_over = true;
    spied->state = GREBE_SHUTDOWN;
}

/* One that ended unheard may have left its place to another, of any policy.  Of policies
 * within policies the outermost is the first to know a new one: whatever stands there
 * before is dead. */
static void forget_dead(const struct spy *maker, const struct grebe_subconn *subconn)
{
    if (!maker->is_root)
        return;
    grebe__list_foreach (link, &maker->client->spies) {
        struct spy *spy = grebe_container_of(link, struct spy, link);

        grebe__list_foreach (other, &spy->subconns) {
            if (spied_of(other)->subconn == subconn)
                forget(spied_of(other));
        }
    }
}

int subconn_new(struct spy *spy, const struct grebe_subconn_options *options,
                struct grebe_subconn **out)
{
    struct spied_subconn *spied = world_keep(spy->client->world, sizeof *spied);
    struct grebe_subconn_options ours = *options;
    int result;

    spied->spy = spy;
    snprintf(spied->address, sizeof spied->address, "%s",
             grebe_address_text(options->addresses[0]));
    spied->on_state = options->on_state;
    spied->arg = options->arg;
    spied->since_ns = spy->client->world->sim.env.now_ns;
    ours.on_state = on_state;
    ours.arg = spied;
    result = grebe_client_conn_new_subconn(spy->cc, &ours, &spied->subconn);
    if (result != GREBE_OK)
        return result;
    forget_dead(spy, spied->subconn);
    grebe__list_init(&spied->link);
    grebe__list_append(&spy->subconns, &spied->link);
    *out = spied->subconn;
    return GREBE_OK;
}

struct spied_subconn *subconn_find(struct spy *spy, const struct grebe_subconn *subconn)
{
    /* The newest first: the place of one that is gone may be another's now. */
    for (struct grebe__list *link = spy->subconns.prev; link != &spy->subconns;
         link = link->prev)
        if (spied_of(link)->subconn == subconn)
            return spied_of(link);
    return NULL;
}

static bool is_among(const struct grebe_endpoint *endpoint, const char *address)
{
    for (size_t i = 0; i < grebe_endpoint_n_addresses(endpoint); i++)
        if (strcmp(grebe_address_text(grebe_endpoint_address(endpoint, i)), address) == 0)
            return true;
    return false;
}

static void on_health(void *arg, struct grebe_subconn *subconn,
                      enum grebe_connectivity state, const struct grebe_status *error)
{
    struct spied_subconn *spied = arg;

    if (spied->spy->is_destroyed || spied->on_health == NULL ||
        spied->state != GREBE_READY)
        fail("health is that of a READY subconn", "%s of %s is not", spied->address,
             spied->spy->name);
    spied->health = state;
    spy_enter(spied->spy, "a subconn's health");
    spied->on_health(spied->health_arg, subconn, state, error);
    spy_leave(spied->spy);
}

void subconn_watch_health(struct spy *spy, struct grebe_subconn *subconn,
                          grebe_subconn_state_fn listener, void *arg)
{
    struct spied_subconn *spied = subconn_find(spy, subconn);

    if (spied == NULL)
        fail("a policy watches its own subconns", "%s does not", spy->name);
    spied->on_health = listener;
    spied->health_arg = arg;
    spied->health = GREBE_CONNECTING; /* until it is heard */
    grebe_client_conn_watch_health(spy->cc, subconn, listener == NULL ? NULL : on_health,
                                   spied);
}

void subconns_expect_kept(struct spy *spy, const struct grebe_balancer_update *update)
{
    grebe__list_foreach (link, &spy->subconns) {
        struct spied_subconn *spied = spied_of(link);

        spied->has_to_stay = false;
        for (size_t i = 0; i < update->n_endpoints && spied->state == GREBE_READY; i++)
            spied->has_to_stay |= is_among(update->endpoints[i], spied->address);
    }
}

/* ---- For all of a client ------------------------------------------------------------------ */

/* What is asked for inside a turn comes at another moment than what the models think. */
static void expect_reset(struct spied_subconn *spied, bool is_inside_turn)
{
    spied->n_failures = 0;
    spied->was_reset = true;
    if (is_inside_turn)
        spied->is_unsure = true;
}

void subconns_expect_reset(struct client *client)
{
    bool is_inside_turn = client->world->sim.env.depth > 0;

    grebe__list_foreach (link, &client->spies) {
        struct spy *spy = grebe_container_of(link, struct spy, link);

        grebe__list_foreach (other, &spy->subconns)
            expect_reset(spied_of(other), is_inside_turn);
    }
}

/* The core's own view of a subconn is the one that its policy has. */
static void check_inside(const struct spied_subconn *spied)
{
    const struct grebe__subconn *inside =
        grebe_container_of(spied->subconn, struct grebe__subconn, base);

    if (inside->state != spied->state)
        fail("a policy knows the states of its subconns", "%s is %s, and was told %s",
             spied->address, grebe_connectivity_name(inside->state),
             grebe_connectivity_name(spied->state));
    if ((inside->n_transports > 0) != (inside->state == GREBE_READY))
        fail("READY is to have a connection", "%s is %s with %u", spied->address,
             grebe_connectivity_name(inside->state), inside->n_transports);
    grebe__list_foreach (link, &inside->transports) {
        if (grebe_container_of(link, struct grebe__transport, in_subconn)->is_draining)
            fail("connections of a READY subconn take streams", "one of %s does not",
                 spied->address);
    }
}

static void check_owners(const struct client *client)
{
    grebe__list_foreach (link, &client->channel->subconns) {
        const struct grebe__subconn *subconn =
            grebe_container_of(link, struct grebe__subconn, link);

        if (subconn->base.owner->is_closed)
            fail("the subconns of a policy end with it", "one to %s does not",
                 grebe_address_text(subconn->addresses[0]));
    }
}

static bool is_alive(const struct client *client, const struct grebe_subconn *subconn)
{
    grebe__list_foreach (link, &client->channel->subconns) {
        if (&grebe_container_of(link, struct grebe__subconn, link)->base == subconn)
            return true;
    }
    return false;
}

/* One whose policy is gone ends unheard; the parents of that policy do not hear either. */
static void check_one(struct spied_subconn *spied)
{
    spied->has_to_stay = false;
    if (spied->is_over)
        return;
    if (is_alive(spied->spy->client, spied->subconn)) {
        check_inside(spied);
        check_limit(spied);
        return;
    }
    forget(spied);
}

void subconns_check(struct client *client)
{
    check_owners(client);
    grebe__list_foreach (link, &client->spies) {
        const struct spy *spy = grebe_container_of(link, struct spy, link);

        if (spy->is_destroyed)
            continue;
        grebe__list_foreach (other, &spy->subconns)
            check_one(spied_of(other));
    }
}
