/* SPDX-License-Identifier: Apache-2.0 */
/* servers.h -- the backends of a world, and how they treat requests. */
#ifndef TORTURE_SERVERS_H
#define TORTURE_SERVERS_H

#include <stdbool.h>
#include <stdint.h>

#include "plan.h"
#include "sim/sim.h"

struct world;

enum { SERVER_ADDRESS_BYTES = 24 };

struct server {
    struct world *world;
    unsigned index;
    char address[SERVER_ADDRESS_BYTES]; /* "10.0.0.1:443" */
    enum door door;
    bool has_flapped; /* its door did, at some time */
    enum temper temper;
    uint32_t latency_ms, dial_delay_ms, max_streams;
    bool reports;  /* its load, if it is asked: one stream of each connection */
    int health;    /* as it says if it is asked, by number; -1: nobody is there to say */
    uint32_t tags; /* what a resolver knows of it: endpoints.h */
    struct sim_server *sim;
    struct grebe__timer restart;
};

void server_init(struct server *server, struct world *world, unsigned index);

void server_set_door(struct server *server, enum door door);
void server_set_temper(struct server *server, enum temper temper);
void server_set_dial_delay(struct server *server, uint32_t ms);
void server_set_max_streams(struct server *server, uint32_t n);
void server_kill(struct server *server);
void server_crash(struct server *server);
/* It crashes, and takes connections again after so long. */
void server_restart(struct server *server, uint32_t ms);
void server_goaway(struct server *server, uint32_t n_refused, bool is_too_many_pings);

/* What it says of its load from now on. */
void server_set_load(struct server *server, uint32_t dice);

/* Likewise of its health, if that is checked: one stream of each connection. */
void server_set_health(struct server *server, int health);

/* It does from now on. */
void server_heal(struct server *server);

/* It takes connections, and every request that it takes ends soon. */
bool server_is_good(const struct server *server);
/* And it says so. */
bool server_is_well(const struct server *server);

/* By its address; NULL: there is none. */
struct server *server_find(struct world *world, const char *address);

#endif
