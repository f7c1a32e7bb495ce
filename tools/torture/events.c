/* SPDX-License-Identifier: Apache-2.0 */
/* What each event of a plan does, and what is done from inside of something else. */
#include "calls.h"
#include "trace.h"
#include "wild.h"
#include "world.h"

/* The `n`-th of the calls that are not done, from the newest on if `from_end`; NULL: there
 * are not so many. */
static struct call *nth_call(struct client *client, uint32_t n, bool from_end)
{
    struct grebe__list *at = from_end ? client->calls.prev : client->calls.next;

    while (at != &client->calls && n-- > 0)
        at = from_end ? at->prev : at->next;
    return at == &client->calls ? NULL : call_of_link(at);
}

static void cancel(struct client *client, uint32_t n, bool from_end)
{
    struct call *call = nth_call(client, n, from_end);

    if (call != NULL)
        call_cancel(call);
}

/* ---- From inside ----------------------------------------------------------------------- */

static void do_deed(struct client *client, enum deed deed)
{
    switch (deed) {
    case DEED_CALL:
        call_start(client, CALL_WAITS, 0);
        return;
    case DEED_CANCEL_OLDEST:
        cancel(client, 0, false);
        return;
    case DEED_CANCEL_NEWEST:
        cancel(client, 0, true);
        return;
    case DEED_CONNECT:
        client_connect(client);
        return;
    case DEED_IDLE:
        client_enter_idle(client);
        return;
    case DEED_RESET_BACKOFF:
        client_reset_backoff(client);
        return;
    case DEED_RESOLVE:
        resolution_tell(client);
        return;
    case DEED_CLOSE:
        client_close(client);
        return;
    case DEED_WATCH:
        watcher_toggle(client, 0);
        return;
    case DEED_STARVE:
        if (client->world->plan->may_starve)
            memory_starve(&client->memory, 0, 1, 1);
        return;
    case DEED_STARVE_SOON:
        if (client->world->plan->may_starve)
            memory_starve(&client->memory, 1 + grebe__rng_below(&client->world->rng, 8),
                          1, 1);
        return;
    case N_DEEDS:
        return;
    }
}

/* A deed may bring about other moments: an ambush is off before it strikes. */
void world_moment(struct world *world, enum moment moment)
{
    for (unsigned i = 0; i < MAX_AMBUSHES; i++) {
        struct ambush *ambush = &world->ambushes[i];
        struct client *client = ambush->client;

        if (client == NULL || ambush->moment != moment || --ambush->countdown > 0)
            continue;
        ambush->client = NULL;
        trace("client %u: ambush", client->index);
        do_deed(client, ambush->deed);
    }
}

static void lay_ambush(struct world *world, struct client *client,
                       const struct event *event)
{
    for (unsigned i = 0; i < MAX_AMBUSHES; i++)
        if (world->ambushes[i].client == NULL) {
            world->ambushes[i] = (struct ambush){
                .client = client,
                .moment = event->x,
                .deed = event->y,
                .countdown = event->z,
            };
            return;
        }
}

/* ---- Events ---------------------------------------------------------------------------- */

static void apply_to_server(struct server *server, const struct event *event)
{
    switch ((enum event_kind)event->kind) {
    case SERVER_DOOR:
        server_set_door(server, event->x);
        return;
    case SERVER_DIAL_DELAY:
        server_set_dial_delay(server, event->x);
        return;
    case SERVER_KILL:
        server_kill(server);
        return;
    case SERVER_CRASH:
        server_crash(server);
        return;
    case SERVER_RESTART:
        server_restart(server, event->x);
        return;
    case SERVER_GOAWAY:
        server_goaway(server, event->x, false);
        return;
    case SERVER_TOO_MANY_PINGS:
        server_goaway(server, 0, true);
        return;
    case SERVER_MAX_STREAMS:
        server_set_max_streams(server, event->x);
        return;
    case SERVER_TEMPER:
        server_set_temper(server, event->x);
        return;
    case SERVER_LATENCY:
        server->latency_ms = event->x;
        return;
    case SERVER_LOAD:
        server_set_load(server, event->x);
        return;
    case SERVER_HEALTH:
        server_set_health(server, (int)event->x);
        return;
    case SERVER_TAGS:
        server->tags = event->x;
        return;
    default:
        return;
    }
}

static void start_calls(struct client *client, const struct event *event)
{
    for (uint32_t i = 0; i < event->x; i++)
        call_start(client, event->y, event->z);
}

static void apply_to_client(struct client *client, const struct event *event)
{
    switch ((enum event_kind)event->kind) {
    case RESOLVE:
    case RESOLVE_UNTOLD:
        resolution_set(client, event->list, &event->config, event->kind == RESOLVE);
        return;
    case RESOLVE_ERROR:
        resolution_fail(client, event->x);
        return;
    case RESOLVER_HABIT:
        resolution_set_habit(client, event->x);
        return;
    case CLIENT_CONNECT:
        client_connect(client);
        return;
    case CLIENT_IDLE:
        client_enter_idle(client);
        return;
    case CLIENT_RESET_BACKOFF:
        client_reset_backoff(client);
        return;
    case CLIENT_WATCH:
        watcher_want(client, event->x, event->y != 0);
        return;
    case CLIENT_CLOSE:
        client_close(client);
        return;
    case CLIENT_OPEN:
        client_open(client);
        return;
    case CALL:
        start_calls(client, event);
        return;
    case CANCEL:
        cancel(client, event->x, false);
        return;
    case AMBUSH:
        lay_ambush(client->world, client, event);
        return;
    case STARVE:
        memory_starve(&client->memory, event->x, event->y, event->z);
        return;
    case FEED:
        memory_feed(&client->memory);
        return;
    case POKE:
        wild_poke(client, event->x);
        return;
    default:
        return;
    }
}

void world_apply(struct world *world, const struct event *event)
{
    char text[PLAN_TEXT_BYTES];

    trace("---- %s", event_text(event, text, sizeof text));
    if (event->kind == CALM)
        world_calm(world);
    else if (event->kind < RESOLVE)
        apply_to_server(&world->servers[event->who], event);
    else
        apply_to_client(&world->clients[event->who], event);
}
