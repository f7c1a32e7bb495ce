/* SPDX-License-Identifier: Apache-2.0 */
#include "servers.h"

#include <stdio.h>
#include <string.h>

#include "calls.h"
#include "dice.h"
#include "messages/health.h"
#include "sim/services.h"
#include "trace.h"
#include "world.h"

static const uint64_t ms_ns = UINT64_C(1000000);

/* What becomes of a request: sim_request.step once it is decided, 0 before. */
enum outcome {
    OUTCOME_ECHO = 1,
    OUTCOME_FAIL,
    OUTCOME_NOTHING, /* OK without a message */
    OUTCOME_TWICE,   /* two messages, then OK */
    OUTCOME_HALF,    /* a message, then an error */
    OUTCOME_REFUSE,
    OUTCOME_BOUNCE,
    OUTCOME_STALL,
};

/* ---- Deciding ------------------------------------------------------------------------ */

static enum outcome draw_babble(struct grebe__rng *rng)
{
    static const uint8_t choices[] = {OUTCOME_NOTHING, OUTCOME_TWICE, OUTCOME_HALF};

    return ONE_OF(rng, choices);
}

static enum outcome draw_outcome(const struct server *server)
{
    static const uint8_t moods[] = {OUTCOME_ECHO,   OUTCOME_ECHO,  OUTCOME_FAIL,
                                    OUTCOME_REFUSE, OUTCOME_TWICE, OUTCOME_BOUNCE,
                                    OUTCOME_HALF};
    struct grebe__rng *rng = &server->world->rng;

    switch (server->temper) {
    case TEMPER_FAILS:
        return OUTCOME_FAIL;
    case TEMPER_STALLS:
        return OUTCOME_STALL;
    case TEMPER_BABBLES:
        return draw_babble(rng);
    case TEMPER_REFUSES:
        return OUTCOME_REFUSE;
    case TEMPER_BOUNCES:
        return OUTCOME_BOUNCE;
    case TEMPER_MOODY:
        return ONE_OF(rng, moods);
    case TEMPER_ECHOES:
    case N_TEMPERS:
        break;
    }
    return OUTCOME_ECHO;
}

/* ---- Answering ----------------------------------------------------------------------- */

static struct server *server_of(const struct sim_request *request)
{
    return request->server->script_arg;
}

static struct call *call_of(const struct sim_request *request)
{
    return call_by_path(server_of(request)->world, request->path);
}

static void send_error(struct sim_request *request, struct call *call)
{
    static const int codes[] = {
        GREBE_STATUS_CANCELLED,
        GREBE_STATUS_UNKNOWN,
        GREBE_STATUS_INVALID_ARGUMENT,
        GREBE_STATUS_DEADLINE_EXCEEDED,
        GREBE_STATUS_RESOURCE_EXHAUSTED,
        GREBE_STATUS_INTERNAL,
        GREBE_STATUS_UNAVAILABLE,
        GREBE_STATUS_UNAUTHENTICATED,
        99,
    };
    int code = ONE_OF(&server_of(request)->world->rng, codes);

    call_answered(call, code);
    sim_end(request, code, "the server's own words");
}

static void answer(struct sim_request *request, struct call *call)
{
    switch ((enum outcome)request->step) {
    case OUTCOME_ECHO:
        call_answered(call, GREBE_STATUS_OK);
        sim_services_add_trailer(request);
        sim_answer(request, request->bytes, request->length);
        return;
    case OUTCOME_FAIL:
        send_error(request, call);
        return;
    case OUTCOME_NOTHING:
        call_answered_badly(call);
        sim_end(request, GREBE_STATUS_OK, "");
        return;
    case OUTCOME_TWICE:
        call_answered_badly(call);
        if (sim_respond(request, "one", 3) && sim_respond(request, "two", 3))
            sim_end(request, GREBE_STATUS_OK, "");
        return;
    case OUTCOME_HALF:
        call_answered_badly(call);
        if (sim_respond(request, request->bytes, request->length))
            send_error(request, call);
        return;
    case OUTCOME_REFUSE:
        sim_refuse(request);
        return;
    case OUTCOME_BOUNCE:
        sim_bounce(request);
        return;
    case OUTCOME_STALL:
        return;
    }
}

/* A request that the client's memory was too short for is not worth an answer of its own
 * kind. */
static bool is_whole(struct sim_request *request, struct call *call)
{
    if (call_is_request(call, request->bytes, request->length))
        return true;
    call_answered_badly(call);
    request->step = OUTCOME_FAIL;
    sim_end(request, GREBE_STATUS_RESOURCE_EXHAUSTED, "the request is not whole");
    return false;
}

/* A stream of the library's own, for a service that nobody told the server of. */
static void refuse_service(struct sim_request *request)
{
    if (server_of(request)->temper == TEMPER_STALLS)
        request->step = OUTCOME_STALL;
    else
        sim_end(request, GREBE_STATUS_UNIMPLEMENTED, "no such service");
}

static void on_request(struct sim_request *request)
{
    struct server *server = server_of(request);
    struct call *call = call_of(request);
    uint64_t delay_ns = server->latency_ms * ms_ns;

    if (call == NULL) {
        refuse_service(request);
        return;
    }
    if (request->step != 0) {
        answer(request, call);
        return;
    }
    call_arrived(call, server);
    if (!is_whole(request, call))
        return;
    request->step = (uint32_t)draw_outcome(server);
    if (request->step == OUTCOME_BOUNCE && !call_may_bounce(call))
        request->step = OUTCOME_ECHO;
    if (delay_ns > 0)
        delay_ns += grebe__rng_below(&server->world->rng, (uint32_t)(ms_ns / 2));
    if (request->step != OUTCOME_STALL)
        sim_request_later(request, delay_ns);
    world_moment(server->world, MOMENT_REQUEST); /* the request may be gone now */
}

static void on_end(struct sim_request *request, enum grebe__progress progress)
{
    struct call *call = call_of(request);

    if (call == NULL)
        return;
    if (request->step == 0)
        call_arrived(call, server_of(request));
    call_attempt_over(call, progress);
}

static const struct sim_script script = {
    .on_request = on_request,
    .on_end = on_end,
};

/* ---- Servers ------------------------------------------------------------------------- */

static void on_restart(struct grebe__timer *timer);

void server_init(struct server *server, struct world *world, unsigned index)
{
    *server = (struct server){
        .world = world,
        .index = index,
        .max_streams = UINT32_MAX,
        .health = -1,
        .tags = (uint32_t)grebe__rng_next(&world->rng),
    };
    snprintf(server->address, sizeof server->address, "10.0.0.%u:443", index + 1);
    server->sim = sim_server_new(&world->sim, server->address);
    server->sim->script = &script;
    server->sim->script_arg = server;
    grebe__timer_init(&server->restart, on_restart);
}

void server_set_door(struct server *server, enum door door)
{
    static const enum sim_behaviour behaviours[N_DOORS] = {
        [DOOR_OPEN] = SIM_ACCEPTS,
        [DOOR_REFUSES] = SIM_REFUSES,
        [DOOR_HANGS] = SIM_HANGS,
        [DOOR_FLAPS] = SIM_ACCEPTS,
    };

    server->door = door;
    server->has_flapped |= door == DOOR_FLAPS;
    server->sim->behaviour = behaviours[door];
    server->sim->drains_at_once = door == DOOR_FLAPS;
}

/* Requests that were left lying are answered as well, now in the new way. */
void server_set_temper(struct server *server, enum temper temper)
{
    server->temper = temper;
    grebe__list_foreach (link, &server->sim->requests) {
        struct sim_request *request = grebe_container_of(link, struct sim_request, link);

        if (request->step != OUTCOME_STALL || temper == TEMPER_STALLS)
            continue;
        request->step = OUTCOME_ECHO;
        sim_request_later(request, server->latency_ms * ms_ns);
    }
}

void server_set_dial_delay(struct server *server, uint32_t ms)
{
    server->dial_delay_ms = ms;
    server->sim->connect_delay_ns = ms * ms_ns;
}

void server_set_max_streams(struct server *server, uint32_t n)
{
    server->max_streams = n;
    sim_server_set_max_streams(server->sim, n);
}

void server_kill(struct server *server)
{
    sim_server_kill(server->sim, "connection reset by peer");
}

void server_crash(struct server *server)
{
    grebe__timer_cancel(&server->restart);
    server_set_door(server, DOOR_REFUSES);
    server_kill(server);
}

static void on_restart(struct grebe__timer *timer)
{
    struct server *server = grebe_container_of(timer, struct server, restart);

    trace("server %c: is back", 'a' + server->index);
    server_set_door(server, DOOR_OPEN);
}

void server_restart(struct server *server, uint32_t ms)
{
    struct grebe__env *env = &server->world->sim.env;

    server_crash(server);
    grebe__env_start_timer(env, &server->restart, env->now_ns + ms * ms_ns);
}

void server_goaway(struct server *server, uint32_t n_refused, bool is_too_many_pings)
{
    sim_server_goaway(server->sim, n_refused, is_too_many_pings);
}

/* A report of a machine that is idle, busy or more than that; now and then no report at
 * all, but bytes. */
void server_set_load(struct server *server, uint32_t dice)
{
    struct grebe_load_report report = {
        .cpu_utilization = (dice >> 8) % 14 * 0.1,
        .application_utilization = (dice >> 12) % 2 * 0.5,
        .rps = (dice >> 16) % 200,
        .eps = (dice >> 24) % 8,
    };

    server->reports = true;
    if (dice % 8 == 0)
        sim_server_set_load_bytes(server->sim, &dice, sizeof dice, 1000 * ms_ns);
    else
        sim_server_set_load(server->sim, &report, 1000 * ms_ns);
}

void server_set_health(struct server *server, int health)
{
    server->health = health;
    sim_server_set_health(server->sim, config_health_service, health);
}

void server_heal(struct server *server)
{
    grebe__timer_cancel(&server->restart);
    server_set_door(server, DOOR_OPEN);
    server_set_dial_delay(server, 1);
    server_set_max_streams(server, UINT32_MAX);
    server->latency_ms = 1;
    server_set_temper(server, TEMPER_ECHOES);
    if (server->health >= 0)
        server_set_health(server, GREBE__SERVING_YES);
}

bool server_is_good(const struct server *server)
{
    uint32_t n_services = (server->reports ? 1 : 0) + (server->health >= 0 ? 1 : 0);

    return server->door == DOOR_OPEN && server->temper != TEMPER_STALLS &&
           server->max_streams > n_services;
}

bool server_is_well(const struct server *server)
{
    return server_is_good(server) &&
           (server->health < 0 || server->health == GREBE__SERVING_YES);
}

struct server *server_find(struct world *world, const char *address)
{
    for (unsigned i = 0; i < world->plan->n_servers; i++)
        if (strcmp(world->servers[i].address, address) == 0)
            return &world->servers[i];
    return NULL;
}
