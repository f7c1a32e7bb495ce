/* SPDX-License-Identifier: Apache-2.0 */
/* Dials: from the text of an address to a transport.
 *
 * An address that is a name is looked up first; then its addresses are tried, one after
 * the other, until one connects.  How much time there is for all of this is the core's
 * business: it cancels.  Where the application makes the connections, or a proxy is on the
 * way, there is one socket to go on with, or none.
 */
#include "io/dial.h"

#include <stdio.h>
#include <string.h>

#include <grebe/attr.h>
#include <grebe/endpoint.h>

#include "base/assert.h"
#include "base/endpoint.h"
#include "core/dns.h"
#include "core/hop.h"
#include "core/transport.h"
#include "io/address.h"
#include "io/connection.h"
#include "io/dialing.h"
#include "io/loop.h"
#include "io/tunnel_dial.h"

/* Of a name that is resolved to be dialled: one connection is wanted, not a backend list. */
enum { MAX_CANDIDATES = 64 };

/* An address to try, and how people write it. */
struct candidate {
    struct grebe__socket_address socket;
    char text[64]; /* "10.0.0.1:443"; "" stands for the text of the dial's address */
};

struct attempt {
    struct grebe_loop *loop;
    struct grebe__dial *dial;             /* NULL: cancelled, while `task` is posted */
    struct grebe__connection_owner owner; /* of the connection in the making */
    struct grebe__connection *connection;
    struct grebe__destination destination;
    struct grebe__lookup lookup;
    struct grebe__dialing_owner asker;
    struct grebe_dialing *dialing; /* while the application makes the connection */
    struct grebe__tunnel_owner knocker;
    struct grebe__tunnel_dial *tunnel; /* while a proxy does */
    struct candidate *candidates;
    size_t n_candidates, at;
    struct grebe__task task; /* reports the failure, in a turn of its own */
    char error[GREBE__CONNECTION_ERROR_MAX];
};

static void free_attempt(struct attempt *attempt)
{
    const struct grebe_mem *mem = attempt->loop->mem;

    grebe_mem_free(mem, attempt->candidates);
    grebe_mem_free(mem, attempt);
}

/* ---- Failing ---------------------------------------------------------------------- */

static void report_failure(struct grebe__task *task)
{
    struct attempt *attempt = grebe_container_of(task, struct attempt, task);
    struct grebe__dial *dial = attempt->dial;

    if (dial != NULL) {
        dial->pending = NULL;
        dial->on_done(dial, NULL, attempt->error);
    }
    free_attempt(attempt);
}

/* attempt->error says why. */
static void fail(struct attempt *attempt)
{
    grebe__env_post(&attempt->loop->env, &attempt->task);
}

/* ---- Trying the candidates -------------------------------------------------------- */

static bool is_resolved(const struct attempt *attempt)
{
    return attempt->at < attempt->n_candidates &&
           attempt->candidates[attempt->at].text[0] != '\0';
}

/* A name stands for several addresses: say which one the error is about. */
static void name_candidate(struct attempt *attempt)
{
    char cause[GREBE__CONNECTION_ERROR_MAX];

    if (!is_resolved(attempt))
        return;
    memcpy(cause, attempt->error, sizeof cause);
    snprintf(attempt->error, sizeof attempt->error, "%s (address %zu of %zu): %.380s",
             attempt->candidates[attempt->at].text, attempt->at + 1,
             attempt->n_candidates, cause);
}

static void try_on(struct attempt *attempt)
{
    for (; attempt->at < attempt->n_candidates; attempt->at++) {
        const struct candidate *candidate = &attempt->candidates[attempt->at];
        const struct grebe__connection_request request = {
            .loop = attempt->loop,
            .address = &candidate->socket,
            .fd = -1,
            .dial = attempt->dial,
            .peer = is_resolved(attempt) ? candidate->text
                                         : grebe_address_text(attempt->dial->address),
            .owner = &attempt->owner,
        };

        attempt->connection = grebe__connection_open(&request, attempt->error);
        if (attempt->connection != NULL)
            return;
        name_candidate(attempt);
    }
    fail(attempt);
}

static void on_open(struct grebe__connection_owner *owner,
                    struct grebe__transport *transport)
{
    struct attempt *attempt = grebe_container_of(owner, struct attempt, owner);
    struct grebe__dial *dial = attempt->dial;

    free_attempt(attempt);
    dial->pending = NULL;
    dial->on_done(dial, transport, NULL);
}

/* `place` is "proxy" if it is to blame, else "through proxy". */
static void name_proxy(struct attempt *attempt, const char *place, const char *error)
{
    const struct grebe__hop *hop = grebe__hop_of(attempt->dial->address);

    snprintf(attempt->error, sizeof attempt->error, "%s %.80s: %.400s", place,
             hop->address, error);
}

static void on_failed(struct grebe__connection_owner *owner, const char *error)
{
    struct attempt *attempt = grebe_container_of(owner, struct attempt, owner);

    attempt->connection = NULL;
    snprintf(attempt->error, sizeof attempt->error, "%s", error);
    name_candidate(attempt);
    if (grebe__hop_of(attempt->dial->address) != NULL)
        name_proxy(attempt, "through proxy", error);
    attempt->at++;
    try_on(attempt);
}

/* ---- Names ------------------------------------------------------------------------ */

static bool make_candidates(struct attempt *attempt, size_t n)
{
    attempt->candidates =
        grebe_mem_zalloc(attempt->loop->mem, n * sizeof *attempt->candidates);
    if (attempt->candidates == NULL)
        snprintf(attempt->error, sizeof attempt->error, "out of memory");
    return attempt->candidates != NULL;
}

static void add_answer(struct attempt *attempt, const char *ip)
{
    struct candidate *next = &attempt->candidates[attempt->n_candidates];
    uint16_t port = attempt->destination.port;
    bool is_v6 = strchr(ip, ':') != NULL;

    if (!grebe__socket_address_of_ip(ip, port, &next->socket))
        return;
    snprintf(next->text, sizeof next->text, is_v6 ? "[%s]:%u" : "%s:%u", ip, port);
    attempt->n_candidates++;
}

static void on_looked_up(struct grebe__lookup *lookup,
                         const struct grebe__lookup_result *result)
{
    struct attempt *attempt = grebe_container_of(lookup, struct attempt, lookup);

    if (result->outcome != GREBE__LOOKUP_FOUND) {
        snprintf(attempt->error, sizeof attempt->error, "%s", result->error);
        fail(attempt);
        return;
    }
    if (!make_candidates(attempt, result->n)) {
        fail(attempt);
        return;
    }
    for (size_t i = 0; i < result->n; i++)
        add_answer(attempt, result->answers[i].text);
    snprintf(attempt->error, sizeof attempt->error, "no usable address");
    try_on(attempt);
}

/* ---- Sockets that are connected already ------------------------------------------------ */

static void go_on_with(struct attempt *attempt, int fd)
{
    const struct grebe__connection_request request = {
        .loop = attempt->loop,
        .fd = fd,
        .dial = attempt->dial,
        .peer = grebe_address_text(attempt->dial->address),
        .owner = &attempt->owner,
    };

    attempt->connection = grebe__connection_open(&request, attempt->error);
    if (attempt->connection == NULL)
        fail(attempt);
}

/* ---- The application's dialer ------------------------------------------------------ */

static void on_answer(struct grebe__dialing_owner *asker, int fd, const char *error)
{
    struct attempt *attempt = grebe_container_of(asker, struct attempt, asker);

    attempt->dialing = NULL;
    if (fd >= 0) {
        go_on_with(attempt, fd);
    } else {
        snprintf(attempt->error, sizeof attempt->error, "dial: %s", error);
        fail(attempt);
    }
}

static void ask_dialer(struct attempt *attempt)
{
    attempt->asker.on_answer = on_answer;
    attempt->dialing =
        grebe__dialing_start(attempt->loop, attempt->dial, &attempt->asker);
    if (attempt->dialing != NULL)
        return;
    snprintf(attempt->error, sizeof attempt->error, "out of memory");
    fail(attempt);
}

/* ---- A proxy on the way ------------------------------------------------------------ */

static void on_tunnel(struct grebe__tunnel_owner *knocker, int fd, const char *error)
{
    struct attempt *attempt = grebe_container_of(knocker, struct attempt, knocker);

    attempt->tunnel = NULL;
    if (fd >= 0) {
        go_on_with(attempt, fd);
    } else {
        name_proxy(attempt, "proxy", error);
        fail(attempt);
    }
}

static void ask_proxy(struct attempt *attempt)
{
    const struct grebe__dial *dial = attempt->dial;
    char error[GREBE__TUNNEL_DIAL_ERROR_MAX];

    attempt->knocker.on_tunnel = on_tunnel;
    attempt->tunnel = grebe__tunnel_dial_start(
        attempt->loop, grebe__hop_of(dial->address), grebe_address_text(dial->address),
        dial->options, &attempt->knocker, error);
    if (attempt->tunnel != NULL)
        return;
    name_proxy(attempt, "proxy", error);
    fail(attempt);
}

/* ---- The port --------------------------------------------------------------------- */

static void start(struct attempt *attempt)
{
    struct grebe__env *env = &attempt->loop->env;
    const struct grebe_address *address = attempt->dial->address;
    const char *error =
        grebe__destination_parse(grebe_address_text(address),
                                 grebe__address_is_local(address), &attempt->destination);

    if (error != NULL) {
        snprintf(attempt->error, sizeof attempt->error, "invalid address: %s", error);
        fail(attempt);
    } else if (attempt->destination.is_name) {
        attempt->lookup = (struct grebe__lookup){
            .kind = GREBE__LOOKUP_ADDRESSES,
            .name = attempt->destination.host,
            .max_answers = MAX_CANDIDATES,
            .on_done = on_looked_up,
        };
        env->dns->lookup(env, &attempt->lookup);
    } else if (!make_candidates(attempt, 1)) {
        fail(attempt);
    } else {
        attempt->candidates[0].socket = attempt->destination.socket;
        attempt->n_candidates = 1;
        try_on(attempt);
    }
}

static void dial(struct grebe__env *env, struct grebe__dial *request)
{
    struct grebe_loop *loop = grebe__loop_of_env(env);
    struct attempt *attempt = grebe_mem_zalloc(loop->mem, sizeof *attempt);

    if (attempt == NULL) {
        if (grebe__starved_add(&loop->starved_dials, &request->pending))
            grebe__env_post(env, &loop->starved_dials.task);
        return;
    }
    attempt->loop = loop;
    attempt->dial = request;
    attempt->owner.on_open = on_open;
    attempt->owner.on_failed = on_failed;
    attempt->task.run = report_failure;
    request->pending = attempt;
    if (request->options->dialer != NULL)
        ask_dialer(attempt);
    else if (grebe__hop_of(request->address) != NULL)
        ask_proxy(attempt);
    else
        start(attempt);
}

static void cancel(struct grebe__env *env, struct grebe__dial *request)
{
    struct grebe_loop *loop = grebe__loop_of_env(env);
    struct attempt *attempt = request->pending;

    if (attempt == NULL || grebe__starved_remove(&loop->starved_dials, &request->pending))
        return;
    request->pending = NULL;
    attempt->dial = NULL;
    if (attempt->lookup.pending != NULL)
        env->dns->cancel(env, &attempt->lookup);
    else if (attempt->dialing != NULL)
        grebe__dialing_cancel(attempt->dialing);
    else if (attempt->tunnel != NULL)
        grebe__tunnel_dial_cancel(attempt->tunnel);
    else if (attempt->connection != NULL)
        grebe__connection_abort(attempt->connection);
    else
        return; /* report_failure() is on its way and frees it */
    free_attempt(attempt);
}

/* Where a name has several addresses, the one that it is stuck at; where there is a proxy,
 * which one. */
static void stage(struct grebe__env *env, const struct grebe__dial *request, char *buf,
                  size_t size)
{
    const struct grebe_loop *loop = grebe__loop_of_env(env);
    const struct attempt *attempt = request->pending;
    const struct grebe__hop *hop = grebe__hop_of(request->address);

    if (grebe__starved_has(&loop->starved_dials, &request->pending))
        snprintf(buf, size, "out of memory");
    else if (attempt->dialing != NULL)
        snprintf(buf, size, "dial");
    else if (attempt->tunnel != NULL)
        snprintf(buf, size, "proxy %.80s: %s", hop->address,
                 grebe__tunnel_dial_stage(attempt->tunnel));
    else if (attempt->lookup.pending != NULL)
        snprintf(buf, size, "lookup %.200s", attempt->destination.host);
    else if (attempt->connection == NULL)
        snprintf(buf, size, "connect"); /* it has failed, and will be told so */
    else if (hop != NULL)
        snprintf(buf, size, "through proxy %.80s: %s", hop->address,
                 grebe__connection_stage(attempt->connection));
    else if (is_resolved(attempt))
        snprintf(buf, size, "%s (address %zu of %zu): %s",
                 attempt->candidates[attempt->at].text, attempt->at + 1,
                 attempt->n_candidates, grebe__connection_stage(attempt->connection));
    else
        snprintf(buf, size, "%s", grebe__connection_stage(attempt->connection));
}

const struct grebe__connector_ops grebe__connector = {
    .dial = dial,
    .cancel = cancel,
    .stage = stage,
};

void grebe__dial_answer_starved(struct grebe__task *task)
{
    struct grebe__starved *starved =
        grebe_container_of(task, struct grebe__starved, task);
    void **pending;

    while ((pending = grebe__starved_take(starved)) != NULL) {
        struct grebe__dial *request =
            grebe_container_of(pending, struct grebe__dial, pending);

        request->on_done(request, NULL, "out of memory");
    }
}
