/* SPDX-License-Identifier: Apache-2.0 */
/* Plans, for people.  Servers are called a to h. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "endpoints.h"
#include "plan.h"

const char *listing_text(listing list, char *buf, size_t size)
{
    size_t used = 0;

    buf[0] = '\0';
    for (unsigned i = 0; i < MAX_LISTED && listed_at(list, i) != 0; i++) {
        const char *gap = i == 0 ? "" : listed_at(list, i) & LISTED_JOINED ? "+" : " ";

        if (used + 4 < size)
            used += (size_t)snprintf(buf + used, size - used, "%s%c", gap,
                                     'a' + listed_server(list, i));
    }
    return buf;
}

static const char *const doors[N_DOORS] = {
    [DOOR_OPEN] = "takes connections",
    [DOOR_REFUSES] = "refuses connections",
    [DOOR_HANGS] = "does not answer dials",
    [DOOR_FLAPS] = "takes connections and says GOAWAY at once",
};

static const char *const tempers[N_TEMPERS] = {
    [TEMPER_ECHOES] = "echoes",
    [TEMPER_FAILS] = "answers with errors",
    [TEMPER_STALLS] = "does not answer",
    [TEMPER_BABBLES] = "answers with none or too many messages",
    [TEMPER_REFUSES] = "refuses streams",
    [TEMPER_BOUNCES] = "loses requests before they leave the client",
    [TEMPER_MOODY] = "answers in all kinds of ways",
};

static const char *const healths[] = {"UNKNOWN", "SERVING", "NOT_SERVING",
                                      "SERVICE_UNKNOWN"};

static const char *const habits[N_HABITS] = {
    [HABIT_SILENT] = "says nothing when asked again",
    [HABIT_TELLS] = "answers at once when asked again",
    [HABIT_TELLS_LATER] = "answers after 50 ms when asked again",
    [HABIT_FAILS] = "fails when asked again",
    [HABIT_CANNOT_BE_BUILT] = "cannot be built",
};

static const char *const moments[N_MOMENTS] = {
    [MOMENT_CALL_DONE] = "call's on_done()",
    [MOMENT_STATE] = "state that a watcher hears",
    [MOMENT_UPDATE] = "update of a policy",
    [MOMENT_SUBCONN] = "state of a subconn",
    [MOMENT_PICK] = "pick",
    [MOMENT_PICK_DONE] = "on_done() of a pick",
    [MOMENT_RESOLVE_NOW] = "resolve_now",
    [MOMENT_REQUEST] = "request at a server",
    [MOMENT_LOG] = "line of the log",
};

static const char *const deeds[N_DEEDS] = {
    [DEED_CALL] = "start a call",
    [DEED_CANCEL_OLDEST] = "cancel its oldest call",
    [DEED_CANCEL_NEWEST] = "cancel its newest call",
    [DEED_CONNECT] = "connect",
    [DEED_IDLE] = "enter idle mode",
    [DEED_RESET_BACKOFF] = "reset the backoff",
    [DEED_RESOLVE] = "tell the backends again",
    [DEED_CLOSE] = "close the channel",
    [DEED_WATCH] = "have its first watcher begin, or end",
    [DEED_STARVE] = "have the next allocation fail",
    [DEED_STARVE_SOON] = "have an allocation fail soon",
};

static size_t server_text(const struct event *event, char *buf, size_t size)
{
    char name = (char)('a' + event->who);
    char tags[80];

    switch ((enum event_kind)event->kind) {
    case SERVER_DOOR:
        return (size_t)snprintf(buf, size, "server %c: %s", name, doors[event->x]);
    case SERVER_DIAL_DELAY:
        return (size_t)snprintf(buf, size, "server %c: dials take %u ms", name, event->x);
    case SERVER_KILL:
        return (size_t)snprintf(buf, size, "server %c: connections break", name);
    case SERVER_CRASH:
        return (size_t)snprintf(buf, size, "server %c: crashes", name);
    case SERVER_RESTART:
        return (size_t)snprintf(buf, size, "server %c: is gone for %u ms", name,
                                event->x);
    case SERVER_GOAWAY:
        return (size_t)snprintf(buf, size, "server %c: GOAWAY, %u requests refused", name,
                                event->x);
    case SERVER_TOO_MANY_PINGS:
        return (size_t)snprintf(buf, size, "server %c: GOAWAY too_many_pings", name);
    case SERVER_MAX_STREAMS:
        return (size_t)snprintf(buf, size, "server %c: %u streams at most", name,
                                event->x);
    case SERVER_TEMPER:
        return (size_t)snprintf(buf, size, "server %c: %s", name, tempers[event->x]);
    case SERVER_LATENCY:
        return (size_t)snprintf(buf, size, "server %c: answers take %u ms", name,
                                event->x);
    case SERVER_LOAD:
        return (size_t)snprintf(buf, size, "server %c: another load (%u)", name,
                                event->x);
    case SERVER_HEALTH:
        return (size_t)snprintf(buf, size, "server %c: says %s of its health", name,
                                healths[event->x]);
    case SERVER_TAGS:
        return (size_t)snprintf(buf, size, "server %c: %s", name,
                                tags_text(event->x, tags, sizeof tags));
    default:
        return 0;
    }
}

static size_t call_text(const struct event *event, char *buf, size_t size)
{
    const char *waiting = event->y & CALL_WAITS        ? ", waits for ready"
                          : event->y & CALL_FAILS_FAST ? ", fails fast"
                                                       : "";
    char timeout[32] = "";

    if (event->z != 0)
        snprintf(timeout, sizeof timeout, ", times out after %u ms", event->z);
    return (size_t)snprintf(buf, size, "client %u: %u call%s%s%s%s%s%s%s%s%s", event->who,
                            event->x, event->x == 1 ? "" : "s", waiting, timeout,
                            event->y & CALL_LARGE ? ", large" : "",
                            event->y & CALL_CONTINUES ? ", and another when done" : "",
                            event->y & CALL_DIRECT ? ", not kept" : "",
                            event->y & CALL_LATE ? ", too late" : "",
                            event->y & CALL_EXPLAINED ? ", explained" : "",
                            event->y & CALL_KEYED ? ", with a user" : "");
}

static size_t own_text(const struct event *event, char *buf, size_t size)
{
    unsigned who = event->who;
    char list[64], config[CONFIG_BYTES];

    switch ((enum event_kind)event->kind) {
    case RESOLVE:
    case RESOLVE_UNTOLD:
        return (size_t)snprintf(buf, size, "client %u: %s [%s] with %s", who,
                                event->kind == RESOLVE ? "resolves to"
                                                       : "would resolve to",
                                listing_text(event->list, list, sizeof list),
                                config_text(&event->config, config, sizeof config));
    case RESOLVE_ERROR:
        return (size_t)snprintf(buf, size, "client %u: resolution fails (%u)", who,
                                event->x);
    case RESOLVER_HABIT:
        return (size_t)snprintf(buf, size, "client %u: its resolver %s", who,
                                habits[event->x]);
    case CLIENT_CONNECT:
        return (size_t)snprintf(buf, size, "client %u: connect", who);
    case CLIENT_IDLE:
        return (size_t)snprintf(buf, size, "client %u: enter idle mode", who);
    case CLIENT_RESET_BACKOFF:
        return (size_t)snprintf(buf, size, "client %u: reset the backoff", who);
    case CLIENT_WATCH:
        return (size_t)snprintf(buf, size, "client %u: watcher %u %s", who, event->x,
                                event->y ? "begins" : "ends");
    case CLIENT_CLOSE:
        return (size_t)snprintf(buf, size, "client %u: close the channel", who);
    case CLIENT_OPEN:
        return (size_t)snprintf(buf, size, "client %u: open the channel", who);
    case CALL:
        return call_text(event, buf, size);
    case CANCEL:
        return (size_t)snprintf(buf, size, "client %u: cancel call %u of those not done",
                                who, event->x);
    case AMBUSH:
        return (size_t)snprintf(buf, size, "client %u: from inside %s %u from now, %s",
                                who, moments[event->x], event->z, deeds[event->y]);
    case STARVE:
        return (size_t)snprintf(buf, size,
                                "client %u: after %u allocations, %u fail, one in %u",
                                who, event->x, event->y, event->z);
    case FEED:
        return (size_t)snprintf(buf, size, "client %u: no allocation fails", who);
    case POKE:
        return (size_t)snprintf(buf, size, "client %u: poke the policy (%u)", who,
                                event->x);
    case CALM:
        return (size_t)snprintf(buf, size, "calm");
    default:
        return 0;
    }
}

const char *event_text(const struct event *event, char *buf, size_t size)
{
    size_t used = (size_t)snprintf(buf, size, "%6u ms  ", event->at_ms);

    if (event->kind < RESOLVE)
        server_text(event, buf + used, size - used);
    else
        own_text(event, buf + used, size - used);
    return buf;
}

static const char *default_text(const struct client_settings *client, char *buf,
                                size_t size)
{
    return client->has_default_config ? config_text(&client->default_config, buf, size)
                                      : "none";
}

const char *client_text(const struct client_settings *client, char *buf, size_t size)
{
    static const char *const targets[N_TARGET_KINDS] = {
        [TARGET_SCRIPTED] = "a scripted resolver",
        [TARGET_DNS] = "dns:///",
        [TARGET_FIXED] = "ipv4:",
    };
    char list[64], config[CONFIG_BYTES], by_default[CONFIG_BYTES];

    snprintf(buf, size,
             "%s, at first [%s] with %s; default config: %s%s; idle after %u ms, "
             "connect %u ms, backoff %u ms * %.1f up to %u ms +- %.0f %%, next address "
             "after %u ms, %u connections, dns every %u ms, TTL %u ms%s",
             targets[client->target], listing_text(client->list, list, sizeof list),
             config_text(&client->config, config, sizeof config),
             default_text(client, by_default, sizeof by_default),
             client->ignores_resolver_config ? ", and no other" : "",
             client->idle_timeout_ms, client->min_connect_ms, client->backoff_base_ms,
             client->backoff_multiplier, client->backoff_max_ms,
             client->backoff_jitter * 100, client->happy_eyeballs_ms,
             client->max_connections, client->dns_interval_ms, client->dns_ttl_ms,
             client->ignores_ttl ? " ignored" : "");
    return buf;
}
