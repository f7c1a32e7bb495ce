/* SPDX-License-Identifier: Apache-2.0 */
#include "watcher.h"

#include "client.h"
#include "trace.h"
#include "world.h"

static unsigned index_of(const struct watcher *watcher)
{
    return (unsigned)(watcher - watcher->client->watchers);
}

static void on_state(void *arg, enum grebe_connectivity state)
{
    struct watcher *watcher = arg;
    struct client *client = watcher->client;

    trace("client %u: is %s, hears watcher %u", client->index,
          grebe_connectivity_name(state), index_of(watcher));
    if (client->is_closed)
        fail("nothing happens after the end", "client %u hears a state", client->index);
    if (!watcher->is_on)
        fail("a watcher that was taken off hears nothing", "client %u, watcher %u",
             client->index, index_of(watcher));
    if (client->world->sim.env.depth != 0)
        fail("callbacks come between turns", "a state comes inside one");
    if (watcher->has_state && watcher->state == state)
        fail("no state is told twice", "%s is", grebe_connectivity_name(state));
    if (watcher->has_state && watcher->state == GREBE_SHUTDOWN)
        fail("SHUTDOWN is the last state", "%s follows it",
             grebe_connectivity_name(state));
    if (state == GREBE_SHUTDOWN && !client->is_closing)
        fail("SHUTDOWN is for closed channels", "client %u", client->index);
    watcher->has_state = true;
    watcher->state = state;
    world_moment(client->world, MOMENT_STATE);
}

/* ---- On and off ------------------------------------------------------------------------ */

static void begin(struct watcher *watcher)
{
    struct client *client = watcher->client;
    bool was_on = watcher->is_on;
    int result;

    watcher->is_on = true;
    result = grebe__channel_watch_state(client->channel, on_state, watcher);
    if (result == GREBE_OK)
        return; /* the same one twice is one, and starts nothing anew */
    watcher->is_on = was_on;
    if (result == GREBE_ERR_CLOSED && client->is_closing)
        return;
    if (result != GREBE_ERR_NOMEM || !client_was_starved(client))
        fail("a channel can be watched", "%s", grebe_strerror(result));
}

static void end(struct watcher *watcher)
{
    struct client *client = watcher->client;

    grebe__channel_unwatch_state(client->channel, on_state, watcher);
    watcher->is_on = watcher->has_state = false;
}

void watcher_want(struct client *client, unsigned which, bool is_wanted)
{
    struct watcher *watcher = &client->watchers[which % N_WATCHERS];

    watcher->is_wanted = is_wanted;
    if (client->channel == NULL || client->is_closed)
        return;
    trace("client %u: watcher %u %s", client->index, index_of(watcher),
          is_wanted ? "begins" : "ends");
    if (is_wanted)
        begin(watcher);
    else
        end(watcher);
}

void watcher_toggle(struct client *client, unsigned which)
{
    watcher_want(client, which, !client->watchers[which % N_WATCHERS].is_wanted);
}

void watchers_init(struct client *client)
{
    for (unsigned i = 0; i < N_WATCHERS; i++)
        client->watchers[i].client = client;
    client->watchers[0].is_wanted = true;
}

void watchers_begin(struct client *client)
{
    for (unsigned i = 0; i < N_WATCHERS; i++) {
        struct watcher *watcher = &client->watchers[i];

        watcher->is_on = watcher->has_state = false;
        if (watcher->is_wanted)
            begin(watcher);
    }
}

/* ---- Looking at them ------------------------------------------------------------------- */

static void must_know(const struct watcher *watcher, enum grebe_connectivity state)
{
    const struct client *client = watcher->client;

    if (!watcher->has_state && client->channel->has_changed_state)
        fail("a watcher hears of every state",
             "client %u is %s and watcher %u knows none", client->index,
             grebe_connectivity_name(state), index_of(watcher));
    if (watcher->has_state && watcher->state != state)
        fail("a watcher hears of every state",
             "client %u is %s and watcher %u heard of %s", client->index,
             grebe_connectivity_name(state), index_of(watcher),
             grebe_connectivity_name(watcher->state));
}

void watchers_check(const struct client *client)
{
    for (unsigned i = 0; i < N_WATCHERS; i++)
        if (client->watchers[i].is_on)
            must_know(&client->watchers[i], grebe__channel_get_state(client->channel));
}

void watchers_end(struct client *client)
{
    for (unsigned i = 0; i < N_WATCHERS; i++) {
        if (client->watchers[i].is_on)
            must_know(&client->watchers[i], GREBE_SHUTDOWN);
        client->watchers[i].is_on = false;
    }
}
