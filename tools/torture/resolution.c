/* SPDX-License-Identifier: Apache-2.0 */
/* Where a client's channel learns of its backends: from a resolver of ours, from the DNS
 * of the sim, or from its target alone.
 *
 * Ours is the one that may do anything: it tells what it knows when it is built, when it is
 * asked, later, or not at all, and fails when a plan wants it to.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <grebe/resolver.h>

#include "base/assert.h"
#include "calls.h"
#include "core/resolver_conn.h"
#include "endpoints.h"
#include "policies.h"
#include "trace.h"
#include "world.h"

static const uint64_t ms_ns = UINT64_C(1000000);

enum { LATER_MS = 50, IPS_BYTES = 96 };

struct scripted_resolver {
    struct grebe_resolver base;
    struct client *client;
    struct grebe_resolver_conn *conn;
    struct grebe__timer timer; /* tells, later */
    bool is_telling;           /* to the channel */
    bool is_inside;            /* one of its functions runs */
};

/* ---- What the channel makes of a config ------------------------------------------------ */

/* core/resolution.c has the table. */
static void expect_config(struct client *client, const struct config_spec *given)
{
    const struct client_settings *settings = client->settings;
    bool is_usable = given != NULL && given->flaw == CONFIG_SOUND;
    bool is_absent = given == NULL || given->flaw == CONFIG_ABSENT;

    if (!is_usable && !is_absent)
        client->had_trouble = true;
    if (settings->ignores_resolver_config)
        is_usable = false, is_absent = true;
    if (!is_usable &&
        (client->has_config || (!settings->has_default_config && !is_absent)))
        return;
    if (is_usable)
        client->config = *given;
    else if (settings->has_default_config)
        client->config = settings->default_config;
    else
        client->config = (struct config_spec){0};
    client->has_config = true;
    client->traits_seen |= client->config.traits;
    if (client->config.max_connections > 1 && settings->max_connections > 1)
        client->may_scale = true;
    calls_note_config(client);
}

/* While memory is short the channel may not have understood it, and then it goes by the
 * default. */
static void note_shortage(struct client *client, uint64_t n_failed_before)
{
    if (client->memory.n_failed == n_failed_before)
        return;
    client->may_be_other_config = true;
    if (client->settings->has_default_config)
        client->traits_seen |= client->settings->default_config.traits;
    calls_note_doubt(client);
}

/* ---- Telling --------------------------------------------------------------------------- */

static void tell_truth(struct scripted_resolver *resolver)
{
    struct grebe_resolver_state state = GREBE_RESOLVER_STATE_INIT;
    struct client *client = resolver->client;
    const struct config_spec *config = &client->truth_config;
    struct grebe_endpoint *endpoints[MAX_LISTED];
    uint64_t n_failed = client->memory.n_failed;
    char json[CONFIG_BYTES], list[64];
    int result;

    trace("client %u: its resolver finds [%s]", client->index,
          listing_text(client->truth, list, sizeof list));
    expect_config(client, config);
    state.n_endpoints = endpoints_make(client->world, client->truth, endpoints);
    state.endpoints = endpoints;
    state.service_config = config_json(config, json);
    if (config->flaw == CONFIG_ERROR)
        state.service_config_error = "the service config could not be had";
    result = grebe_resolver_conn_update(resolver->conn, &state);
    client->is_accepted = result == GREBE_OK;
    note_shortage(client, n_failed);
    trace("client %u: the channel says %s", client->index, grebe_strerror(result));
    for (size_t i = 0; i < state.n_endpoints; i++)
        grebe_endpoint_unref(endpoints[i]);
}

static void tell_trouble(struct scripted_resolver *resolver)
{
    struct grebe_status status =
        grebe_status_of(GREBE_STATUS_UNAVAILABLE, "the resolver has failed");
    struct client *client = resolver->client;
    uint64_t n_failed = client->memory.n_failed;

    trace("client %u: its resolver fails", client->index);
    client->had_trouble = true;
    expect_config(client, NULL);
    grebe_resolver_conn_report_error(resolver->conn, &status);
    note_shortage(client, n_failed);
}

/* The resolver may be destroyed in a turn that telling ends, but not while it is told of
 * something itself. */
static void tell(struct scripted_resolver *resolver)
{
    struct client *client = resolver->client;

    resolver->is_telling = true;
    if (client->is_truth_trouble)
        tell_trouble(resolver);
    else
        tell_truth(resolver);
    if (client->resolver == resolver)
        resolver->is_telling = false;
}

static void on_timer(struct grebe__timer *timer)
{
    tell(grebe_container_of(timer, struct scripted_resolver, timer));
}

static void tell_after(struct scripted_resolver *resolver, uint64_t delay_ns)
{
    struct grebe__env *env = &resolver->client->world->sim.env;

    grebe__env_start_timer(env, &resolver->timer, env->now_ns + delay_ns);
}

void resolution_tell(struct client *client)
{
    struct scripted_resolver *resolver = client->resolver;

    if (resolver == NULL)
        return;
    if (client->world->sim.env.depth == 0)
        tell(resolver);
    else
        tell_after(resolver, 0); /* it has a loop's callback of its own for that */
}

/* ---- The resolver as the channel sees it ------------------------------------------------ */

static void resolve_now(struct grebe_resolver *base)
{
    struct scripted_resolver *resolver =
        grebe_container_of(base, struct scripted_resolver, base);
    struct client *client = resolver->client;

    if (resolver->is_inside)
        fail("a resolver's functions do not nest", "resolve_now() inside another one");
    client->wants_resolving = false;
    resolver->is_inside = true;
    world_moment(client->world, MOMENT_RESOLVE_NOW);
    if (client->habit == HABIT_TELLS)
        tell(resolver);
    else if (client->habit == HABIT_FAILS)
        tell_trouble(resolver);
    else if (client->habit == HABIT_TELLS_LATER)
        tell_after(resolver, LATER_MS * ms_ns);
    resolver->is_inside = false;
}

static void destroy(struct grebe_resolver *base)
{
    struct scripted_resolver *resolver =
        grebe_container_of(base, struct scripted_resolver, base);
    struct client *client = resolver->client;

    if (client->resolver != resolver)
        fail("a resolver is destroyed once", "client %u", client->index);
    if (resolver->is_inside || resolver->is_telling)
        fail("a resolver is not destroyed inside itself", "client %u", client->index);
    client->resolver = NULL;
    client->wants_resolving = false;
    grebe__timer_cancel(&resolver->timer);
    free(resolver);
}

static const struct grebe_resolver_ops ops = {
    .resolve_now = resolve_now,
    .destroy = destroy,
};

static int build(const struct grebe_target *target, struct grebe_resolver_conn *conn,
                 const struct grebe_resolver_options *options, struct grebe_diag *diag,
                 struct grebe_resolver **out)
{
    struct world *world = world_of_env(conn->env);
    struct client *client = &world->clients[strtoul(target->endpoint, NULL, 10)];
    struct scripted_resolver *resolver;

    (void)options;
    if (client->resolver != NULL)
        fail("a channel has one resolver", "client %u", client->index);
    if (client->is_closed)
        fail("nothing happens after the end", "a resolver is built for client %u",
             client->index);
    if (client->habit == HABIT_CANNOT_BE_BUILT) {
        client->had_trouble = true;
        expect_config(client, NULL);
        grebe_diag_set(diag, "no resolver today");
        return GREBE_ERR_TARGET;
    }
    resolver = calloc(1, sizeof *resolver);
    GREBE_ASSERT(resolver != NULL);
    grebe_resolver_init(&resolver->base, &ops);
    resolver->client = client;
    resolver->conn = conn;
    grebe__timer_init(&resolver->timer, on_timer);
    client->resolver = resolver;
    client->is_accepted = false;
    *out = &resolver->base;
    resolver->is_inside = true;
    if (client->habit == HABIT_TELLS_LATER)
        tell_after(resolver, LATER_MS * ms_ns);
    else if (client->habit != HABIT_SILENT)
        tell(resolver);
    resolver->is_inside = false;
    return GREBE_OK;
}

static const struct grebe_resolver_builder builder = {
    .api = GREBE_RESOLVER_API,
    .scheme = "torture",
    .build = build,
};
const struct grebe_resolver_builder *const scripted_resolvers[1] = {&builder};

/* ---- The DNS ---------------------------------------------------------------------------- */

static const char *name_of(const struct client *client, char buf[16])
{
    snprintf(buf, 16, "c%u.test", client->index);
    return buf;
}

/* "10.0.0.1 10.0.0.2": all ports are 443 in the DNS. */
static const char *ips_of(listing list, char *buf, size_t size)
{
    size_t used = 0;

    buf[0] = '\0';
    for (unsigned i = 0; i < MAX_LISTED && listed_at(list, i) != 0; i++)
        used += (size_t)snprintf(buf + used, size - used, "%s10.0.0.%u",
                                 i == 0 ? "" : " ", listed_server(list, i) + 1);
    return buf;
}

static void publish_in_dns(struct client *client)
{
    char name[16], ips[IPS_BYTES];
    struct sim_name *entry = sim_name_set(&client->world->sim, name_of(client, name),
                                          ips_of(client->truth, ips, sizeof ips),
                                          client->settings->dns_ttl_ms * ms_ns);

    entry->hangs = false;
}

static void fail_in_dns(struct client *client, unsigned how)
{
    struct sim *sim = &client->world->sim;
    char name[16];

    name_of(client, name);
    if (how == RESOLUTION_FAILS)
        sim_name_fail(sim, GREBE__LOOKUP_ADDRESSES, name)->hangs = false;
    else if (how == RESOLUTION_FINDS_NOTHING)
        sim_name_set(sim, name, "", 0)->hangs = false;
    else
        sim_name_fail(sim, GREBE__LOOKUP_ADDRESSES, name)->hangs = true;
}

/* ---- For events -------------------------------------------------------------------------- */

void resolution_write_target(struct client *client)
{
    char ips[IPS_BYTES];

    switch (client->settings->target) {
    case TARGET_SCRIPTED:
        snprintf(client->target, sizeof client->target, "torture:///%u", client->index);
        return;
    case TARGET_DNS:
        snprintf(client->target, sizeof client->target, "dns:///c%u.test", client->index);
        publish_in_dns(client);
        return;
    case TARGET_FIXED:
    case N_TARGET_KINDS:
        ips_of(client->truth, ips, sizeof ips);
        for (char *at = ips; *at != '\0'; at++)
            if (*at == ' ')
                *at = ',';
        snprintf(client->target, sizeof client->target, "ipv4:%s", ips);
        return;
    }
}

/* What the DNS and targets say has no service config. */
void resolution_begin(struct client *client)
{
    if (client->settings->target != TARGET_SCRIPTED)
        expect_config(client, NULL);
}

void resolution_set(struct client *client, listing list, const struct config_spec *config,
                    bool is_told)
{
    if (client->settings->target == TARGET_FIXED)
        return;
    client->truth = list;
    client->is_truth_trouble = false;
    client->is_accepted = false;
    if (client->settings->target == TARGET_DNS) {
        publish_in_dns(client);
        return;
    }
    client->truth_config = *config;
    if (is_told)
        resolution_tell(client);
}

void resolution_fail(struct client *client, unsigned how)
{
    if (client->settings->target == TARGET_FIXED)
        return;
    client->is_truth_trouble = true;
    client->is_accepted = false;
    client->had_trouble = true;
    if (client->settings->target == TARGET_DNS)
        fail_in_dns(client, how);
    else
        resolution_tell(client);
}

void resolution_set_habit(struct client *client, enum habit habit)
{
    client->habit = habit;
}

/* ---- What may be expected ---------------------------------------------------------------- */

/* It answers dials before the client gives up: after the shortest of the backoffs that
 * there may be, as an attempt lasts as long as its backoff. */
static bool is_in_reach(const struct client *client, const struct server *server)
{
    const struct client_settings *settings = client->settings;
    uint32_t base_ms = settings->backoff_base_ms < settings->backoff_max_ms
                           ? settings->backoff_base_ms
                           : settings->backoff_max_ms;
    double shortest_ms = base_ms * (1 - settings->backoff_jitter);
    double limit_ms =
        settings->min_connect_ms > shortest_ms ? settings->min_connect_ms : shortest_ms;

    return server_is_well(server) && server->dial_delay_ms < limit_ms;
}

/* One will do, if the policy looks at them all and they have what it goes by. */
static bool has_good_server(const struct client *client)
{
    unsigned n_good = 0, n = 0;

    if (client->settings->target != TARGET_SCRIPTED &&
        (client->config.traits & POLICY_GOES_BY_PATH) != 0)
        return false;
    for (; n < MAX_LISTED && listed_at(client->truth, n) != 0; n++)
        n_good +=
            is_in_reach(client, &client->world->servers[listed_server(client->truth, n)]);
    return client->config.traits & POLICY_LEAVES_OUT ? n_good > 0 && n_good == n
                                                     : n_good > 0;
}

bool resolution_is_telling(const struct client *client)
{
    if (client->settings->target != TARGET_SCRIPTED || client->resolver != NULL)
        return true;
    return client->channel->is_idle && client->habit != HABIT_CANNOT_BE_BUILT;
}

bool resolution_is_good(const struct client *client)
{
    bool is_built = client->resolver != NULL;

    if (client->is_truth_trouble || !has_good_server(client))
        return false;
    if (client->settings->target != TARGET_SCRIPTED)
        return true;
    if (!is_built && client->habit == HABIT_CANNOT_BE_BUILT)
        return false;
    if (!is_built && !client->channel->is_idle)
        return false; /* building it has failed: the next try comes with idle mode */
    return (client->has_config && !client->may_be_other_config) ||
           client->settings->has_default_config ||
           client->truth_config.flaw == CONFIG_SOUND ||
           client->truth_config.flaw == CONFIG_ABSENT;
}

void resolution_check(struct client *client)
{
    if (client->wants_resolving && client->resolver != NULL &&
        !client_was_starved(client))
        fail("names are resolved again after a loss", "client %u", client->index);
    client->wants_resolving = false;
}
