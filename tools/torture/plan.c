/* SPDX-License-Identifier: Apache-2.0 */
#include "plan.h"

#include "dice.h"
#include "messages/health.h"
#include "policies.h"
#include "watcher.h"

/* What this seed is about: how often each kind of event comes, zero for most. */
struct swarm {
    struct grebe__rng rng;
    uint32_t weights[N_EVENT_KINDS], sum;
    uint32_t gap_ms; /* between two events, on average */
    uint64_t policies;
    bool has_joined; /* endpoints of several addresses */
    bool has_long_waits;
    bool may_starve;
};

/* ---- The swarm ----------------------------------------------------------------------- */

/* Those that are not here have 2. */
static const uint8_t usual_weights[N_EVENT_KINDS] = {
    [RESOLVE] = 4,
    [CALL] = 12,
    [CLIENT_CLOSE] = 1,
    [CALM] = 1,
};

/* Without these a run would show nothing. */
static bool is_always_on(enum event_kind kind)
{
    return kind == CALL || kind == RESOLVE;
}

static bool is_about_memory(enum event_kind kind)
{
    return kind == STARVE || kind == FEED;
}

static void choose_events(struct swarm *swarm)
{
    static const uint32_t factors[] = {1, 1, 1, 4, 12};
    struct grebe__rng *rng = &swarm->rng;
    uint32_t share = between(rng, 15, 70);

    swarm->sum = 0;
    for (unsigned kind = 0; kind < N_EVENT_KINDS; kind++) {
        uint32_t weight = usual_weights[kind] == 0 ? 2 : usual_weights[kind];

        weight *= ONE_OF(rng, factors);
        if (!is_always_on(kind) && !chance(rng, share))
            weight = 0;
        if (is_about_memory(kind))
            weight = swarm->may_starve ? 4 : 0;
        if (kind == AMBUSH && swarm->may_starve)
            weight += 8; /* memory is short where it hurts */
        swarm->weights[kind] = weight;
        swarm->sum += weight;
    }
}

/* A few policies, so that switches between the same two come often; the erratic one in one
 * seed of five, as nothing can be expected of calls that it had a hand in. */
static void choose_policies(struct swarm *swarm)
{
    struct grebe__rng *rng = &swarm->rng;
    bool may_be_erratic = chance(rng, 20);
    uint64_t allowed = 0;

    for (unsigned i = 0; i < n_policies; i++)
        if (may_be_erratic || !(policies[i].traits & POLICY_IS_ERRATIC))
            allowed |= UINT64_C(1) << i;
    swarm->policies = 0;
    for (uint32_t n = between(rng, 1, 4); n > 0; n--)
        swarm->policies |= UINT64_C(1) << policy_draw(rng, allowed);
}

static enum event_kind draw_kind(struct swarm *swarm)
{
    uint32_t at = grebe__rng_below(&swarm->rng, swarm->sum);

    for (unsigned kind = 0; kind < N_EVENT_KINDS; kind++) {
        if (at < swarm->weights[kind])
            return kind;
        at -= swarm->weights[kind];
    }
    return CALL;
}

/* ---- Parts --------------------------------------------------------------------------- */

static listing draw_list(struct swarm *swarm, uint32_t n_servers)
{
    struct grebe__rng *rng = &swarm->rng;
    uint32_t most = chance(rng, 20) ? MAX_LISTED : chance(rng, 40) ? 1 : 4;
    uint32_t n = chance(rng, 8) ? 0 : between(rng, 1, most);
    listing list = 0;

    for (uint32_t i = 0; i < n; i++) {
        uint64_t one = between(rng, 1, n_servers);

        if (i > 0 && swarm->has_joined && chance(rng, 40))
            one |= LISTED_JOINED;
        list |= one << (i * LISTED_BITS);
    }
    return list;
}

static uint32_t draw_timeout_ms(struct grebe__rng *rng)
{
    static const uint32_t choices_ms[] = {0, 0, 1, 10, 100, 1000, 10000};

    return ONE_OF(rng, choices_ms);
}

static uint32_t draw_traits(struct grebe__rng *rng)
{
    static const uint32_t waiting[] = {0, CALL_WAITS, CALL_WAITS, CALL_FAILS_FAST};
    uint32_t traits = ONE_OF(rng, waiting);

    if (chance(rng, 5))
        traits |= CALL_LARGE;
    if (chance(rng, 10))
        traits |= CALL_CONTINUES;
    if (chance(rng, 15))
        traits |= CALL_DIRECT;
    if (chance(rng, 3))
        traits |= CALL_LATE;
    if (chance(rng, 15))
        traits |= CALL_EXPLAINED;
    if (chance(rng, 60))
        traits |= CALL_KEYED;
    return traits;
}

static uint32_t draw_delay_ms(struct grebe__rng *rng)
{
    static const uint32_t choices_ms[] = {0, 0, 1, 20, 150, 700, 4000};

    return ONE_OF(rng, choices_ms);
}

/* What the event says, by what it is. */
static void draw_details(struct swarm *swarm, struct event *event, uint32_t n_servers)
{
    static const uint32_t few_streams[] = {0, 1, 1, 2, 3, 100, UINT32_MAX};
    static const uint32_t strides[] = {1, 2, 3, 5, 7, 11, 17};
    struct grebe__rng *rng = &swarm->rng;

    switch ((enum event_kind)event->kind) {
    case SERVER_DOOR:
        event->x = chance(rng, 40) ? DOOR_OPEN : grebe__rng_below(rng, N_DOORS);
        break;
    case SERVER_DIAL_DELAY:
    case SERVER_LATENCY:
        event->x = draw_delay_ms(rng);
        break;
    case SERVER_LOAD:
    case SERVER_TAGS:
        event->x = (uint32_t)grebe__rng_next(rng);
        break;
    case SERVER_HEALTH:
        event->x =
            chance(rng, 50) ? (uint32_t)GREBE__SERVING_YES : grebe__rng_below(rng, 4);
        break;
    case SERVER_RESTART:
        event->x = 1 + draw_delay_ms(rng);
        break;
    case SERVER_GOAWAY:
        event->x = grebe__rng_below(rng, 4);
        break;
    case SERVER_MAX_STREAMS:
        event->x = ONE_OF(rng, few_streams);
        break;
    case SERVER_TEMPER:
        event->x = chance(rng, 40) ? TEMPER_ECHOES : grebe__rng_below(rng, N_TEMPERS);
        break;
    case RESOLVE:
    case RESOLVE_UNTOLD:
        event->list = draw_list(swarm, n_servers);
        event->config = config_draw(rng, swarm->policies);
        break;
    case RESOLVE_ERROR:
        event->x = grebe__rng_below(rng, 3);
        break;
    case RESOLVER_HABIT:
        event->x = grebe__rng_below(rng, N_HABITS);
        break;
    case CLIENT_WATCH:
        event->x = grebe__rng_below(rng, N_WATCHERS);
        event->y = grebe__rng_below(rng, 2);
        break;
    case CALL:
        event->x = chance(rng, 10) ? between(rng, 2, 30) : 1;
        event->y = draw_traits(rng);
        event->z = draw_timeout_ms(rng);
        break;
    case CANCEL:
        event->x = grebe__rng_below(rng, 8);
        break;
    case AMBUSH:
        event->x = swarm->may_starve && chance(rng, 30)
                       ? MOMENT_SUBCONN
                       : grebe__rng_below(rng, N_MOMENTS);
        event->y = swarm->may_starve && chance(rng, 50)
                       ? between(rng, DEED_STARVE, DEED_STARVE_SOON)
                       : grebe__rng_below(rng, N_DEEDS);
        event->z = between(rng, 1, 6);
        break;
    case STARVE:
        event->x = grebe__rng_below(rng, chance(rng, 50) ? 6 : 60);
        event->y = chance(rng, 30) ? 1 : between(rng, 2, 40);
        event->z = ONE_OF(rng, strides);
        break;
    case POKE:
        event->x = grebe__rng_below(rng, 64);
        break;
    case SERVER_KILL:
    case SERVER_CRASH:
    case SERVER_TOO_MANY_PINGS:
    case CLIENT_CONNECT:
    case CLIENT_IDLE:
    case CLIENT_RESET_BACKOFF:
    case CLIENT_CLOSE:
    case CLIENT_OPEN:
    case FEED:
    case CALM:
    case N_EVENT_KINDS:
        break;
    }
}

static bool takes_memory(const struct event *event)
{
    return event->kind == STARVE || (event->kind == AMBUSH && event->y >= DEED_STARVE);
}

/* What was lost for want of memory shows when nothing else happens. */
static uint32_t draw_gap_ms(struct swarm *swarm, const struct event *last)
{
    struct grebe__rng *rng = &swarm->rng;

    if (last != NULL && swarm->may_starve && takes_memory(last) && chance(rng, 40))
        return between(rng, 1000, 5000);
    if (chance(rng, 25))
        return 0;
    if (swarm->has_long_waits && chance(rng, 5))
        return between(rng, 1000, 60000);
    return grebe__rng_below(rng, 2 * swarm->gap_ms + 1);
}

static void draw_events(struct swarm *swarm, struct plan *plan)
{
    static const uint32_t lengths[] = {12, 40, 80, 160, MAX_EVENTS};
    uint32_t at_ms = 0;

    plan->n_events = between(&swarm->rng, 4, ONE_OF(&swarm->rng, lengths));
    for (uint32_t i = 0; i < plan->n_events; i++) {
        struct event *event = &plan->events[i];

        *event = (struct event){.kind = (uint8_t)draw_kind(swarm)};
        at_ms += draw_gap_ms(swarm, i == 0 ? NULL : event - 1);
        event->at_ms = at_ms;
        event->who = (uint8_t)grebe__rng_below(
            &swarm->rng, event->kind < RESOLVE ? plan->n_servers : plan->n_clients);
        draw_details(swarm, event, plan->n_servers);
    }
}

/* ---- Settings ------------------------------------------------------------------------ */

static struct client_settings draw_client(struct swarm *swarm, uint32_t n_servers)
{
    static const uint32_t idle_ms[] = {0, 0, 0, 200, 3000, 40000};
    static const uint32_t connect_ms[] = {0, 100, 1000, 5000};
    static const uint32_t base_ms[] = {30, 200, 1000};
    static const uint32_t max_ms[] = {500, 1000, 5000};
    static const uint32_t eyeballs_ms[] = {100, 250, 250, 2000};
    static const uint32_t interval_ms[] = {0, 1000, 30000};
    static const uint32_t ttl_ms[] = {0, 500, 20000};
    static const double multipliers[] = {1.6, 1.6, 3.0};
    static const double jitters[] = {0, 0.2, 0.2, 0.9};
    struct grebe__rng *rng = &swarm->rng;
    struct client_settings client = {
        .target =
            chance(rng, 75) ? TARGET_SCRIPTED : grebe__rng_below(rng, N_TARGET_KINDS),
        .list = draw_list(swarm, n_servers),
        .config = config_draw(rng, swarm->policies),
        .has_default_config = chance(rng, 40),
        .default_config = config_draw(rng, swarm->policies),
        .ignores_resolver_config = chance(rng, 5),
        .idle_timeout_ms = ONE_OF(rng, idle_ms),
        .min_connect_ms = ONE_OF(rng, connect_ms),
        .backoff_base_ms = ONE_OF(rng, base_ms),
        .backoff_max_ms = ONE_OF(rng, max_ms),
        .backoff_multiplier = ONE_OF(rng, multipliers),
        .backoff_jitter = ONE_OF(rng, jitters),
        .happy_eyeballs_ms = ONE_OF(rng, eyeballs_ms),
        .max_connections = chance(rng, 60) ? 10 : between(rng, 0, 3),
        .dns_interval_ms = ONE_OF(rng, interval_ms),
        .dns_ttl_ms = ONE_OF(rng, ttl_ms),
        .ignores_ttl = chance(rng, 15),
        .max_send_bytes = chance(rng, 5) ? 200 : 0,
    };

    if (chance(rng, 10)) {
        client.backoff_multiplier = 1.0;
        client.backoff_base_ms = 1000; /* a run shall not consist of attempts */
    }
    client.default_config.flaw = CONFIG_SOUND;
    if (client.target != TARGET_SCRIPTED)
        client.has_default_config = true; /* or it would always be pick_first */
    if (client.target == TARGET_FIXED && client.list == 0)
        client.list = 1;
    return client;
}

void plan_draw(struct plan *plan, uint64_t seed)
{
    static const uint32_t gaps_ms[] = {0, 1, 10, 100, 1500};
    struct swarm swarm = {0};
    struct grebe__rng *rng = &swarm.rng;

    /* Seeds are small numbers in a row: the first draw tells them apart. */
    grebe__rng_seed(rng, seed);
    grebe__rng_seed(rng, grebe__rng_next(rng));
    *plan = (struct plan){
        .seed = seed,
        .n_servers = between(rng, 1, MAX_SERVERS),
        .n_clients = chance(rng, 80) ? 1 : between(rng, 2, MAX_CLIENTS),
        .may_starve = chance(rng, 25),
    };
    swarm.gap_ms = ONE_OF(rng, gaps_ms);
    swarm.has_joined = chance(rng, 40);
    swarm.has_long_waits = chance(rng, 40);
    swarm.may_starve = plan->may_starve;
    choose_events(&swarm);
    choose_policies(&swarm);
    for (uint32_t i = 0; i < plan->n_clients; i++)
        plan->clients[i] = draw_client(&swarm, plan->n_servers);
    draw_events(&swarm, plan);
}
