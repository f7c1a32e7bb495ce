/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"

#include <stdio.h>
#include <string.h>

#include "book.h"
#include "calls.h"
#include "core/options.h"
#include "dice.h"
#include "spy.h"
#include "subconns.h"
#include "trace.h"
#include "world.h"

static const uint64_t ms_ns = UINT64_C(1000000);

/* ---- What the channel says ------------------------------------------------------------- */

static void must_be_open(const struct client *client, const char *what)
{
    if (client->is_closed)
        fail("nothing happens after the end", "client %u hears a %s", client->index,
             what);
}

/* Errors in the log are about us, or about what we did to it. */
static bool may_be_logged(const struct client *client, const char *message)
{
    return strstr(message, "too_many_pings") != NULL ||
           strstr(message, "no load reports out of band") != NULL ||
           strstr(message, "health is not checked") != NULL ||
           strstr(message, "health check is disabled") != NULL ||
           client_was_starved(client);
}

static void on_log(void *arg, enum grebe_log_level level, const char *message)
{
    struct client *client = arg;

    trace("client %u: log: %s", client->index, message);
    must_be_open(client, "line of the log");
    if (level == GREBE_LOG_ERROR && !may_be_logged(client, message))
        fail("the log has no errors", "%s", message);
    world_moment(client->world, MOMENT_LOG);
}

static void on_closed(struct grebe_channel *channel, void *arg)
{
    struct client *client = arg;

    trace("client %u: is closed", client->index);
    if (client->is_closed || channel != client->channel)
        fail("a channel is closed once", "client %u", client->index);
    watchers_end(client);
    if (!grebe__list_is_empty(&client->calls))
        fail("no call outlives its channel", "client %u", client->index);
    client->is_closed = true;
}

/* ---- Life ------------------------------------------------------------------------------ */

static void write_options(struct client *client, char config[CONFIG_BYTES],
                          struct grebe_channel_options *options)
{
    const struct client_settings *settings = client->settings;

    grebe_channel_options_init(options);
    options->credentials = grebe_credentials_insecure();
    options->mem = &client->memory.interface;
    options->resolvers = scripted_resolvers;
    options->n_resolvers = 1;
    options->on_log = on_log;
    options->log_arg = client;
    if (settings->has_default_config)
        options->service_config = config_json(&settings->default_config, config);
    options->ignores_resolver_service_config = settings->ignores_resolver_config;
    options->idle_timeout_ns = settings->idle_timeout_ms * ms_ns;
    options->min_connect_timeout_ns = settings->min_connect_ms * ms_ns;
    options->backoff_base_ns = settings->backoff_base_ms * ms_ns;
    options->backoff_max_ns = settings->backoff_max_ms * ms_ns;
    options->backoff_multiplier = settings->backoff_multiplier;
    options->backoff_jitter = settings->backoff_jitter;
    options->happy_eyeballs_delay_ns = settings->happy_eyeballs_ms * ms_ns;
    options->max_connections_per_subchannel = settings->max_connections;
    options->dns_min_interval_ns = settings->dns_interval_ms * ms_ns;
    options->ignores_dns_ttl = settings->ignores_ttl;
    options->max_send_bytes = settings->max_send_bytes;
}

/* A new channel knows nothing of the one before; the world goes on as it is. */
static void forget(struct client *client)
{
    client->is_closing = client->is_closed = false;
    client->had_trouble = client->is_truth_trouble;
    client->traits_seen = 0;
    client->may_scale = false;
    client->has_config = false;
    client->may_be_other_config = false;
    client->is_accepted = false;
    client->wants_resolving = false;
    client->n_failed_before = client->memory.n_failed;
}

void client_open(struct client *client)
{
    struct grebe__channel_params params = {.env = &client->world->sim.env,
                                           .target = client->target};
    struct grebe_channel_options options;
    struct grebe_diag diag = {""};
    char config[CONFIG_BYTES];
    int result;

    if (client->channel != NULL)
        return;
    forget(client);
    write_options(client, config, &options);
    params.options = &options;
    result = grebe__channel_new(&params, &diag, &client->channel);
    if (result != GREBE_OK) {
        client->channel = NULL;
        trace("client %u: no channel: %s %s", client->index, grebe_strerror(result),
              diag.text);
        if (!client_was_starved(client))
            fail("a channel can be made", "%s %s", grebe_strerror(result), diag.text);
        memory_check_empty(&client->memory, "a channel that could not be made");
        return;
    }
    trace("client %u: has a channel to %s", client->index, client->target);
    client->n_open++;
    grebe__list_init(&client->spies);
    resolution_begin(client);
    watchers_begin(client);
}

void client_close(struct client *client)
{
    if (!client_is_open(client))
        return;
    trace("client %u: closes its channel", client->index);
    client->is_closing = true;
    grebe__channel_submit_close(client->channel, on_closed, client);
}

void client_bury(struct client *client)
{
    char whose[32];

    if (client->channel == NULL || !client->is_closing)
        return;
    if (!client->is_closed)
        fail("a channel that is closed comes to an end", "client %u", client->index);
    if (client->resolver != NULL)
        fail("nothing happens after the end", "client %u still has a resolver",
             client->index);
    spies_check_gone(client);
    grebe__channel_unref(client->channel);
    client->channel = NULL;
    calls_release(client);
    snprintf(whose, sizeof whose, "client %u", client->index);
    memory_check_empty(&client->memory, whose);
}

void client_init(struct client *client, struct world *world, unsigned index)
{
    *client = (struct client){
        .world = world,
        .index = index,
        .settings = &world->plan->clients[index],
        .truth = world->plan->clients[index].list,
        .truth_config = world->plan->clients[index].config,
        .habit = HABIT_TELLS,
    };
    memory_init(&client->memory);
    watchers_init(client);
    grebe__list_init(&client->spies);
    grebe__list_init(&client->calls);
    grebe__list_init(&client->done);
    resolution_write_target(client);
}

/* A resolver that could not be built is built when idle mode is left again, and that is
 * only entered without calls. */
static void rebuild_resolver(struct client *client)
{
    if (client->settings->target != TARGET_SCRIPTED || client->resolver != NULL ||
        client->channel->is_idle)
        return;
    grebe__list_foreach_safe (link, &client->calls) {
        call_cancel(call_of_link(link));
    }
    sim_settle(&client->world->sim);
    client_enter_idle(client);
}

void client_heal(struct client *client)
{
    struct config_spec config = config_plain("round_robin");
    listing all = 0;

    config.checks_health = chance(&client->world->rng, 50);
    memory_feed(&client->memory);
    for (unsigned i = 0; i < client->world->plan->n_servers; i++)
        all |= (listing)(i + 1) << (i * LISTED_BITS);
    client_open(client);
    resolution_set_habit(client, HABIT_TELLS);
    if (client_is_open(client))
        rebuild_resolver(client);
    resolution_set(client, all, &config, true);
}

void client_fini(struct client *client)
{
    memory_fini(&client->memory);
}

/* ---- What it may ask for ---------------------------------------------------------------- */

static void request(struct client *client, enum grebe__channel_request request)
{
    if (client_is_open(client))
        grebe__channel_submit(client->channel, request);
}

void client_connect(struct client *client)
{
    request(client, GREBE__REQUEST_CONNECT);
}

void client_enter_idle(struct client *client)
{
    request(client, GREBE__REQUEST_ENTER_IDLE);
}

void client_reset_backoff(struct client *client)
{
    if (client_is_open(client))
        subconns_expect_reset(client);
    request(client, GREBE__REQUEST_RESET_BACKOFF);
}

/* ---- Looking at it ------------------------------------------------------------------------ */

static void check_idle(const struct client *client)
{
    if (client->channel->is_idle && client->resolver != NULL)
        fail("an idle channel has no resolver", "client %u", client->index);
    if (client->channel->is_idle && client_is_open(client) &&
        !grebe__list_is_empty(&client->calls) && !client_was_starved(client))
        fail("a channel with calls is not idle", "client %u is", client->index);
}

void client_check(struct client *client)
{
    if (client->channel == NULL)
        return;
    resolution_check(client);
    watchers_check(client);
    check_idle(client);
    calls_check(client);
    book_check(client);
    subconns_check(client);
    spies_check(client);
}

struct client *client_of_channel(struct world *world, const struct grebe_channel *channel)
{
    for (unsigned i = 0; i < world->plan->n_clients; i++)
        if (world->clients[i].channel == channel)
            return &world->clients[i];
    fail("only channels that are open do anything", "an unknown one does");
}
