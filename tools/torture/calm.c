/* SPDX-License-Identifier: Apache-2.0 */
/* Liveness: when nothing happens for long enough, calls come to an end.
 *
 * How long that is follows from the settings: every attempt to connect may have to time
 * out, and every backoff to end, twice over.  What is then still waiting must be waiting
 * for something that cannot come: for a backend, where none is to be had, or for a server
 * that does not answer.
 */
#include "calls.h"
#include "dice.h"
#include "policies.h"
#include "trace.h"
#include "world.h"

static const uint64_t ms_ns = UINT64_C(1000000);

enum {
    MARGIN_MS = 30000,
    DNS_MARGIN_MS = 400000, /* a lookup that hangs, then the longest of its backoffs */
};

static uint64_t patience_ms(const struct client_settings *settings)
{
    double backoff_ms = settings->backoff_max_ms > settings->backoff_base_ms
                            ? settings->backoff_max_ms
                            : settings->backoff_base_ms;
    uint64_t longest_ms = (uint64_t)(backoff_ms * (1 + settings->backoff_jitter)) + 1;
    uint64_t attempt_ms =
        settings->min_connect_ms > longest_ms ? settings->min_connect_ms : longest_ms;
    uint64_t patience_ms = 2 * (attempt_ms + longest_ms) + MARGIN_MS +
                           MAX_LISTED * settings->happy_eyeballs_ms;

    if (settings->target == TARGET_DNS)
        patience_ms += DNS_MARGIN_MS + 2 * settings->dns_interval_ms;
    return patience_ms;
}

/* Calls that wait for each other at the slowest server. */
static uint64_t queueing_ms(const struct world *world)
{
    uint64_t n_calls = 1, latency_ms = 0;

    for (unsigned i = 0; i < world->plan->n_servers; i++)
        if (world->servers[i].latency_ms > latency_ms)
            latency_ms = world->servers[i].latency_ms;
    for (unsigned i = 0; i < world->plan->n_clients; i++)
        grebe__list_foreach (link, &world->clients[i].calls)
            n_calls++;
    return n_calls * (latency_ms + 1);
}

static uint64_t longest_patience_ns(const struct world *world)
{
    uint64_t longest_ms = 0;

    for (unsigned i = 0; i < world->plan->n_clients; i++) {
        uint64_t own_ms = patience_ms(&world->plan->clients[i]);

        longest_ms = own_ms > longest_ms ? own_ms : longest_ms;
    }
    return (longest_ms + queueing_ms(world)) * ms_ns;
}

/* ---- What may still wait --------------------------------------------------------------- */

/* Its connections come and go. */
static bool flaps(const struct server *server)
{
    return server->door == DOOR_FLAPS;
}

/* It takes connections and answers nothing: it never says how it is, and whoever has asked
 * goes on waiting.  The ring has it CONNECTING for as long, and its calls wait with it. */
static bool is_mute(const struct server *server)
{
    return server->door == DOOR_OPEN && !server_is_good(server);
}

/* Nobody noted which servers a channel goes by that did not hear the truth, or does not take
 * it. */
static bool has_server(const struct client *client,
                       bool (*is_so)(const struct server *server))
{
    const struct world *world = client->world;
    bool has_one = false;

    for (unsigned i = 0; i < world->plan->n_servers && !client->is_accepted; i++)
        has_one |= is_so(&world->servers[i]);
    for (unsigned i = 0; i < MAX_LISTED && listed_at(client->truth, i) != 0; i++)
        has_one |= is_so(&world->servers[listed_server(client->truth, i)]);
    return has_one;
}

/* An endpoint goes on with the address that it is connected to, be it ill. */
static bool is_ill(const struct server *server)
{
    return server->door == DOOR_OPEN && !server_is_well(server);
}

static bool has_joined_addresses(const struct client *client)
{
    for (unsigned i = 0; i < MAX_LISTED; i++)
        if (listed_at(client->truth, i) & LISTED_JOINED)
            return true;
    return !client->is_accepted;
}

static bool may_check_health(const struct client *client)
{
    const struct client_settings *settings = client->settings;

    return client->config.checks_health ||
           (settings->has_default_config && settings->default_config.checks_health);
}

static bool is_at_bad_server(const struct call *call)
{
    const struct server *server =
        call->looked_at->peer == NULL
            ? NULL
            : server_find(call->client->world, grebe_address_text(call->looked_at->peer));

    return server != NULL && !server_is_good(server);
}

/* Health that somebody waits for hides what would serve. */
static bool hides_servers(const struct client *client)
{
    return may_check_health(client) &&
           (has_server(client, is_mute) ||
            (has_joined_addresses(client) && has_server(client, is_ill)));
}

/* Nobody can tell whether it will ever serve a call. */
static bool is_uncertain(const struct client *client)
{
    return (client->config.traits & POLICY_IS_ERRATIC) != 0 ||
           (client_had(client, POLICY_IS_ERRATIC) && !client->world->is_healed) ||
           has_server(client, flaps) || hides_servers(client);
}

/* It waits for a picker that knows a backend. */
static bool may_wait_for_backend(const struct call *call)
{
    const struct client *client = call->client;

    return is_uncertain(client) || (call->may_wait && !resolution_is_good(client));
}

static void check_state(const struct client *client)
{
    enum grebe_connectivity state = grebe__channel_get_state(client->channel);

    if (client->channel->is_idle || state == GREBE_READY || state == GREBE_IDLE)
        return;
    if (!is_uncertain(client) && resolution_is_good(client))
        fail("a channel finds a backend that there is", "client %u is %s", client->index,
             grebe_connectivity_name(state));
}

static bool may_still_wait(const struct call *call)
{
    const struct client *client = call->client;

    switch (call->looked_at->state) {
    case GREBE__CALL_RESOLVING:
        return !resolution_is_telling(client);
    case GREBE__CALL_PICKING:
        return may_wait_for_backend(call);
    case GREBE__CALL_WAITING:
    case GREBE__CALL_STREAMING:
        return is_at_bad_server(call);
    case GREBE__CALL_CREATED:
    case GREBE__CALL_DONE:
        break;
    }
    return false;
}

static void check_calls(const struct client *client, uint32_t n_calls_before)
{
    static const char *const states[] = {
        [GREBE__CALL_CREATED] = "is not started",
        [GREBE__CALL_RESOLVING] = "waits for name resolution",
        [GREBE__CALL_PICKING] = "waits for a picker",
        [GREBE__CALL_WAITING] = "waits for a stream",
        [GREBE__CALL_STREAMING] = "waits for its answer",
        [GREBE__CALL_DONE] = "waits for its callback",
    };

    grebe__list_foreach (link, &client->calls) {
        const struct call *call = call_of_link(link);

        if (call->id < n_calls_before && !may_still_wait(call))
            fail("calls come to an end", "call %u still %s", call->id,
                 states[call->looked_at->state]);
    }
}

/* ---- Calm ------------------------------------------------------------------------------ */

/* A resolver that was refused tries again, and one that never spoke does so now. */
static void tell_again(struct world *world)
{
    for (unsigned i = 0; i < world->plan->n_clients; i++)
        if (client_is_open(&world->clients[i]) && !world->clients[i].is_accepted)
            resolution_tell(&world->clients[i]);
}

static void wait(struct world *world)
{
    uint64_t patience_ns = longest_patience_ns(world);
    uint64_t start_ns = world->sim.env.now_ns;

    tell_again(world);
    world_advance(world, start_ns + patience_ns / 2);
    tell_again(world);
    world_advance(world, start_ns + patience_ns);
}

/* A call that is given up at once has woken whoever was asleep. */
static void wake(struct client *client)
{
    uint32_t n_calls = client->world->n_calls;

    call_start(client, CALL_WAITS | CALL_KEYED, 0);
    if (!grebe__list_is_empty(&client->calls) &&
        call_of_link(client->calls.prev)->id == n_calls)
        call_cancel(call_of_link(client->calls.prev));
}

/* Nobody calls: a policy that has begun to look for a backend finds it by itself. */
static void rest(struct world *world)
{
    for (unsigned i = 0; i < world->plan->n_clients; i++)
        wake(&world->clients[i]);
    wait(world);
    for (unsigned i = 0; i < world->plan->n_clients; i++)
        if (client_is_open(&world->clients[i]))
            check_state(&world->clients[i]);
}

/* One of the calls has a user, and with it a backend of its own. */
static void call(struct world *world)
{
    uint32_t n_calls;

    for (unsigned i = 0; i < world->plan->n_clients; i++) {
        call_start(&world->clients[i], CALL_WAITS, 0);
        call_start(&world->clients[i], CALL_WAITS | CALL_KEYED, 0);
    }
    n_calls = world->n_calls;
    wait(world);
    for (unsigned i = 0; i < world->plan->n_clients; i++)
        check_calls(&world->clients[i], n_calls);
}

void world_calm(struct world *world)
{
    for (unsigned i = 0; i < world->plan->n_clients; i++)
        memory_feed(&world->clients[i].memory);
    if (chance(&world->rng, 50))
        rest(world);
    call(world);
}
