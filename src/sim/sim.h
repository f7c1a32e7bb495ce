/* SPDX-License-Identifier: Apache-2.0 */
/* sim/sim.h -- the other driver: virtual time, virtual servers, one seed.
 *
 * A sim fills the ports of an env the way src/io does, with a clock that moves only when
 * it is told to, a DNS that is a table, and servers that are structs.  Connections are
 * transports made of function calls: a request reaches the server as an object, and a test
 * or a scenario answers it by hand or has the server echo.
 *
 *   sim_advance()  moves the clock, event by event, each at its own time
 *   sim_settle()   runs what is due now
 *
 * The same seed and the same script give the same run, step by step.
 *
 * Threading   One thread.
 */
#ifndef GREBE_SIM_SIM_H
#define GREBE_SIM_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/task.h"
#include "channelz/book.h"
#include "core/dns.h"
#include "core/env.h"
#include "core/transport.h"

struct sim_server;

struct sim {
    struct grebe__env env;
    const struct grebe_mem *mem;
    struct grebe__task_queue tasks;
    struct grebe__list servers;
    struct grebe__list names;
    struct grebe__list dials;      /* those that wait, oldest first */
    struct grebe__list transports; /* those that are open */
    struct grebe__list lookups;
    struct grebe__list files;
    struct grebe__list file_watches;
    uint64_t lookup_delay_ns;
    const char *host_name;   /* of this machine */
    uint32_t n_dials;        /* so far */
    uint32_t n_lookups;      /* of addresses, so far; struct sim_name counts by name */
    bool is_active;          /* what executor.set_active last said */
    struct grebe__book book; /* what channels say of themselves */
};

/* The clock starts at one hour, so that no delay reaches back before zero. */
void sim_init(struct sim *sim, const struct grebe_mem *mem, uint64_t seed);
/* Closes nothing: whatever used the env must be gone. */
void sim_fini(struct sim *sim);

/* Run what is due now: tasks, timers, completions, and all they cause. */
void sim_settle(struct sim *sim);

/* Move the clock, stopping at every deadline on the way. */
void sim_advance(struct sim *sim, uint64_t by_ns);
static inline uint64_t sim_now(const struct sim *sim)
{
    return sim->env.now_ns;
}

/* ---- Servers -------------------------------------------------------------------------- */

enum sim_behaviour {
    SIM_REFUSES, /* connection refused, after connect_delay_ns */
    SIM_ACCEPTS, /* ready, after connect_delay_ns */
    SIM_HANGS,   /* neither, ever */
};

struct sim_request;

/* Answers in place of a test that does so by hand. */
struct sim_script {
    /* A request is complete, or sim_request_later() said so; in a turn of its own. */
    void (*on_request)(struct sim_request *request);
    /* The client is about to hear that this request is over.  Not if it was the client
     * who cancelled it.  May be NULL. */
    void (*on_end)(struct sim_request *request, enum grebe__progress progress);
};

struct sim_server {
    struct grebe__list link;
    struct sim *sim;
    char *address; /* as an address's text */
    enum sim_behaviour behaviour;
    uint64_t connect_delay_ns;
    uint32_t max_streams; /* for new connections; sim_server_set_max_streams for all */
    bool drains_at_once;  /* GOAWAY comes with the first SETTINGS */
    bool echoes;          /* answers each request with its own bytes, */
    uint64_t latency_ns;  /* this long after it was complete */
    const struct sim_script *script; /* NULL: none; goes before echoes */
    void *script_arg;                /* the script's */
    struct sim_services *services; /* what it answers besides: sim/services.h; or NULL */
    const char *refusal;           /* text of the error; NULL: "connection refused" */
    uint32_t n_dials, n_connections, n_requests; /* so far; connections: READY ones */
    struct grebe__list requests;                 /* unanswered, oldest first */
    const char *authority; /* of the last dial; borrowed while it is open */
    const struct grebe_credentials *credentials; /* likewise */
};

/* A server that accepts.  An address without a server refuses.  NULL: out of memory. */
struct sim_server *sim_server_new(struct sim *sim, const char *address);
struct sim_server *sim_server_find(struct sim *sim, const char *address);

/* Connections now open to it. */
uint32_t sim_server_n_open(const struct sim_server *server);

/* GOAWAY: no new streams, those with requests unanswered may finish; `n_unprocessed` of
 * the newest are refused.  `is_too_many_pings`: the other kind. */
void sim_server_goaway(struct sim_server *server, uint32_t n_unprocessed,
                       bool is_too_many_pings);
/* Every connection breaks. */
void sim_server_kill(struct sim_server *server, const char *why);
/* This one alone. */
void sim_break(struct grebe__transport *transport, const char *why);
void sim_server_set_max_streams(struct sim_server *server, uint32_t max_streams);

/* ---- Requests --------------------------------------------------------------------------- */

/* What a server got.  Lives until it is ended, cancelled, or its connection breaks. */
struct sim_request {
    struct grebe__list link; /* on server->requests */
    struct grebe__list open; /* on its transport's list */
    struct sim_server *server;
    struct grebe__stream *stream;
    struct grebe__timer timer; /* for echoes, scripts and services */
    uint32_t step;             /* the script's: 0 when the request is new */
    struct grebe__timer pump;  /* for messages that waited */
    struct grebe__list queue;  /* of those; oldest first */
    const char *path;
    void *bytes; /* of the last message; owned */
    size_t length;
    uint32_t n_messages;
    bool is_half_closed;
    uint32_t n_wanted; /* messages the client has asked for */
    bool has_headers;  /* were sent */
};

/* The oldest unanswered request, of this path if it is not NULL; NULL if there is none. */
struct sim_request *sim_server_request(struct sim_server *server);
struct sim_request *sim_server_request_of(struct sim_server *server, const char *path);

/* Have the script's on_request() called again. */
void sim_request_later(struct sim_request *request, uint64_t delay_ns);

/* A message, as soon as the client asks for it. */
void sim_push(struct sim_request *request, const void *bytes, size_t length);
/* Something for the trailers.  `key` is static. */
void sim_trailer(struct sim_request *request, const char *key, const void *value,
                 size_t length);
/* A message that the client has asked for; response headers go first.  False: the request
 * is gone. */
bool sim_respond(struct sim_request *request, const void *bytes, size_t length);
/* The end, with a status.  The request is gone. */
void sim_end(struct sim_request *request, int code, const char *message);
/* Respond and end with OK. */
void sim_answer(struct sim_request *request, const void *bytes, size_t length);
/* REFUSED_STREAM: the server did not look at it. */
void sim_refuse(struct sim_request *request);
/* As if the request had never left the client. */
void sim_bounce(struct sim_request *request);

/* ---- DNS ---------------------------------------------------------------------------------- */

/* The records of one kind that a name has. */
struct sim_name {
    struct grebe__list link;
    enum grebe__lookup_kind kind;
    char *name;
    enum grebe__lookup_outcome outcome;
    struct grebe__lookup_answer *answers; /* n of them, their text owned */
    size_t n;
    bool hangs;
    uint32_t n_lookups;   /* so far */
    char last_server[64]; /* that was asked; "" for the system's */
};

/* What a name resolves to from now on; `addresses` is "10.0.0.1 10.0.0.2", empty for
 * NOT_FOUND. */
struct sim_name *sim_name_set(struct sim *sim, const char *name, const char *addresses,
                              uint64_t ttl_ns);
/* Likewise; `records` is "priority weight port target", as in a zone file, one after the
 * other: "0 5 8080 a.example. 0 1 8081 b.example.". */
struct sim_name *sim_name_set_srv(struct sim *sim, const char *name, const char *records,
                                  uint64_t ttl_ns);
/* One more TXT record. */
struct sim_name *sim_name_add_txt(struct sim *sim, const char *name, const char *text,
                                  uint64_t ttl_ns);
/* Lookups of it fail. */
struct sim_name *sim_name_fail(struct sim *sim, enum grebe__lookup_kind kind,
                               const char *name);
/* The name is as if it had never been heard of. */
void sim_name_forget(struct sim *sim, enum grebe__lookup_kind kind, const char *name);

/* ---- Files -------------------------------------------------------------------------------- */

/* The file at `path` has these contents from now on, or cannot be read because of `error`:
 * who watches it hears in a later turn.  A path that was never set is an error, "no such
 * file or directory". */
void sim_file_set(struct sim *sim, const char *path, const char *text);
void sim_file_fail(struct sim *sim, const char *path, const char *error);

#endif
