/* SPDX-License-Identifier: Apache-2.0 */
/* plan.h -- everything that will be done to the channels of one run: a seed, drawn out.
 *
 * A plan is settings and a list of events.  Events name what they are about by number, and
 * are carried out on whatever has that number then: any part of a list is a list that can
 * be run, which is what lets a failing one be made small.
 *
 * Swarm       Each seed leaves most kinds of events out, and makes some of those it keeps
 *             frequent: runs of many kinds at once would all be alike (Groce et al.,
 *             "Swarm Testing").
 */
#ifndef TORTURE_PLAN_H
#define TORTURE_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "configs.h"

enum { MAX_SERVERS = 8, MAX_CLIENTS = 3, MAX_EVENTS = 320, MAX_LISTED = 10 };

/* ---- Events -------------------------------------------------------------------------- */

enum event_kind {
    /* `who` is a server. */
    SERVER_DOOR,       /* x: enum door */
    SERVER_DIAL_DELAY, /* x ms until a dial is answered */
    SERVER_KILL,       /* its connections break */
    SERVER_CRASH,      /* they do, and it refuses new ones */
    SERVER_RESTART,    /* the same, but for x ms */
    SERVER_GOAWAY,     /* the newest x requests of each connection are refused */
    SERVER_TOO_MANY_PINGS,
    SERVER_MAX_STREAMS, /* x */
    SERVER_TEMPER,      /* x: enum temper */
    SERVER_LATENCY,     /* x ms until a request is answered */
    SERVER_LOAD,        /* x: what it says of its load */
    SERVER_HEALTH,      /* x: what it says of its health, by number (grpc.health.v1) */
    SERVER_TAGS,        /* x: what a resolver knows of it (endpoints.h) */
    /* `who` is a client: a channel and its calls. */
    RESOLVE,        /* its backends are `list` now, its service config is `config` */
    RESOLVE_UNTOLD, /* they are, but the resolver says so only when it is asked */
    RESOLVE_ERROR,  /* x: how, if the resolver has more than one way */
    RESOLVER_HABIT, /* x: enum habit */
    CLIENT_CONNECT,
    CLIENT_IDLE, /* enter idle mode */
    CLIENT_RESET_BACKOFF,
    CLIENT_WATCH, /* y: its x-th watcher begins, or ends */
    CLIENT_CLOSE,
    CLIENT_OPEN, /* anew, if it was closed */
    CALL,        /* x: of them; y: bits of enum call_trait; z ms until they time out */
    CANCEL,      /* the call that is x-th of those that are not done */
    AMBUSH,      /* at the z-th enum moment x from now: enum deed y */
    STARVE,      /* after x allocations more, y fail, each z-th */
    FEED,        /* no more of them does */
    POKE,        /* a policy that listens does something odd: x */
    /* Nobody. */
    CALM, /* nothing happens for so long that everything has to come right */
    N_EVENT_KINDS
};

enum door {
    DOOR_OPEN,
    DOOR_REFUSES,
    DOOR_HANGS,
    DOOR_FLAPS, /* GOAWAY comes with the first SETTINGS */
    N_DOORS
};

/* How a server answers a request. */
enum temper {
    TEMPER_ECHOES,
    TEMPER_FAILS,   /* some status */
    TEMPER_STALLS,  /* never */
    TEMPER_BABBLES, /* no message, two, or a message and an error */
    TEMPER_REFUSES, /* without having looked at it */
    TEMPER_BOUNCES, /* as if it had never been sent */
    TEMPER_MOODY,   /* one of the above but stalling, each time */
    N_TEMPERS
};

/* What a resolver does when it is asked to resolve again. */
enum habit {
    HABIT_SILENT,
    HABIT_TELLS,       /* what it knows, at once */
    HABIT_TELLS_LATER, /* 50 ms later */
    HABIT_FAILS,
    HABIT_CANNOT_BE_BUILT, /* and is silent if it is there */
    N_HABITS
};

enum call_trait {
    CALL_WAITS = 1,      /* wait_for_ready: yes */
    CALL_FAILS_FAST = 2, /* wait_for_ready: no.  Neither: as the service config says */
    CALL_LARGE = 4,      /* a long request */
    CALL_CONTINUES = 8,  /* as soon as it is done, from its callback, another */
    CALL_DIRECT = 16,    /* the reference is given up at once */
    CALL_LATE = 32,      /* its time is over before it begins */
    CALL_EXPLAINED = 64, /* wants_explanation */
    CALL_KEYED = 128,    /* it has an x-user, by which it may be hashed */
};

enum moment {
    MOMENT_CALL_DONE,
    MOMENT_STATE,   /* the channel's, seen by its watcher */
    MOMENT_UPDATE,  /* of a policy */
    MOMENT_SUBCONN, /* changes its state */
    MOMENT_PICK,
    MOMENT_PICK_DONE,
    MOMENT_RESOLVE_NOW,
    MOMENT_REQUEST, /* reaches a server */
    MOMENT_LOG,
    N_MOMENTS
};

enum deed {
    DEED_CALL,
    DEED_CANCEL_OLDEST,
    DEED_CANCEL_NEWEST,
    DEED_CONNECT,
    DEED_IDLE,
    DEED_RESET_BACKOFF,
    DEED_RESOLVE, /* tell again what is known */
    DEED_CLOSE,
    DEED_WATCH,       /* the first watcher begins, or ends */
    DEED_STARVE,      /* the next allocation fails */
    DEED_STARVE_SOON, /* one of the eight after it does */
    N_DEEDS
};

/* Backends of a resolver's answer, five bits each from the lowest on; 0 ends. */
typedef uint64_t listing;
enum {
    LISTED_SERVER = 15, /* its number, from 1 */
    LISTED_JOINED = 16, /* another address of the endpoint before */
    LISTED_BITS = 5,
};

struct event {
    uint32_t at_ms;
    uint8_t kind; /* enum event_kind */
    uint8_t who;
    uint32_t x, y, z;
    listing list;
    struct config_spec config;
};

/* ---- Settings ------------------------------------------------------------------------ */

enum target_kind {
    TARGET_SCRIPTED, /* a resolver of ours */
    TARGET_DNS,
    TARGET_FIXED, /* ipv4:, the first list */
    N_TARGET_KINDS
};

struct client_settings {
    enum target_kind target;
    listing list; /* what it resolves to at first */
    struct config_spec config;
    bool has_default_config;
    struct config_spec default_config;
    bool ignores_resolver_config;
    uint32_t idle_timeout_ms;
    uint32_t min_connect_ms;
    uint32_t backoff_base_ms, backoff_max_ms;
    double backoff_multiplier, backoff_jitter;
    uint32_t happy_eyeballs_ms;
    uint32_t max_connections;
    uint32_t dns_interval_ms, dns_ttl_ms;
    bool ignores_ttl;
    uint32_t max_send_bytes; /* 0: the default */
};

struct plan {
    uint64_t seed;
    uint32_t n_servers, n_clients;
    bool may_starve; /* there are events that make allocations fail */
    struct client_settings clients[MAX_CLIENTS];
    uint32_t n_events;
    struct event events[MAX_EVENTS];
};

void plan_draw(struct plan *plan, uint64_t seed);

/* In words, without a line's end.  Returns `buf`. */
enum { PLAN_TEXT_BYTES = 3 * CONFIG_BYTES };
const char *event_text(const struct event *event, char *buf, size_t size);
const char *client_text(const struct client_settings *client, char *buf, size_t size);
const char *listing_text(listing list, char *buf, size_t size);

static inline unsigned listed_at(listing list, unsigned i)
{
    return (unsigned)(list >> (i * LISTED_BITS)) & (LISTED_SERVER | LISTED_JOINED);
}

static inline unsigned listed_server(listing list, unsigned i)
{
    return (listed_at(list, i) & LISTED_SERVER) - 1;
}

#endif
