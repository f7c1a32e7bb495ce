/* SPDX-License-Identifier: Apache-2.0 */
#include "calls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "dice.h"
#include "explained.h"
#include "trace.h"
#include "world.h"

static const uint64_t ms_ns = UINT64_C(1000000);

enum { LARGE_BYTES = 3000, MAX_BOUNCES = 3 };

static uint64_t now_ns(const struct call *call)
{
    return call->client->world->sim.env.now_ns;
}

/* ---- Configs that it may have --------------------------------------------------------- */

static void note_config(struct call *call, const struct config_spec *config)
{
    uint64_t deadline_ns = UINT64_MAX;
    uint32_t limit = call->client->settings->max_send_bytes;

    if (config->wait_for_ready == 2 && !(call->traits & CALL_FAILS_FAST))
        call->may_wait = true;
    if (config->wait_for_ready != 2 && !(call->traits & CALL_WAITS))
        call->may_fail_fast = true;
    if (config->timeout_ms != 0)
        deadline_ns = call->started_ns + config->timeout_ms * ms_ns;
    if (deadline_ns > call->deadline_ns)
        deadline_ns = call->deadline_ns;
    if (deadline_ns < call->earliest_ns)
        call->earliest_ns = deadline_ns;
    if (deadline_ns > call->last_ns)
        call->last_ns = deadline_ns;
    if (config->max_send_bytes != 0 && call->request_length > config->max_send_bytes)
        call->may_be_too_large = true;
    if (limit != 0 && call->request_length > limit)
        call->may_be_too_large = true;
}

/* One that was resolved keeps what it has. */
void calls_note_config(struct client *client)
{
    grebe__list_foreach (link, &client->calls) {
        struct call *call = call_of_link(link);

        if (call->looked_at->state <= GREBE__CALL_RESOLVING)
            note_config(call, &client->config);
    }
}

/* Nothing is known yet, or not for sure: anything may be. */
static void note_anything(struct call *call)
{
    call->may_wait = !(call->traits & CALL_FAILS_FAST);
    call->may_fail_fast = !(call->traits & CALL_WAITS);
    call->may_be_too_large = true;
    call->earliest_ns = call->started_ns;
    call->last_ns = call->deadline_ns;
}

void calls_note_doubt(struct client *client)
{
    grebe__list_foreach (link, &client->calls)
        note_anything(call_of_link(link));
}

static const struct config_spec no_config;

static void note_first_config(struct call *call)
{
    const struct client *client = call->client;

    if (call->traits & CALL_WAITS)
        call->may_wait = true;
    if (call->traits & CALL_FAILS_FAST)
        call->may_fail_fast = true;
    call->earliest_ns = call->deadline_ns;
    call->last_ns = 0;
    if (client->may_be_other_config)
        note_anything(call);
    else if (client->has_config)
        note_config(call, &client->config);
    else
        note_config(call, &no_config);
}

/* ---- The end --------------------------------------------------------------------------- */

static bool was_starved(const struct call *call)
{
    return call->client->memory.n_failed != call->n_failed_before;
}

/* The last moment at which it may still go on.  Without memory for a service config, and
 * before there is one, only its own deadline counts. */
static uint64_t end_ns(const struct call *call)
{
    bool has_config =
        call->looked_at->state != GREBE__CALL_RESOLVING && !was_starved(call);

    return has_config ? call->last_ns : call->deadline_ns;
}

static bool may_be_cancelled(const struct call *call)
{
    return call->is_cancelled || call->client->is_closing;
}

/* A code that a picker gave, after what gRFC A54 makes of it. */
static bool is_of_pick(const struct call *call, int code)
{
    static const uint32_t forbidden =
        1u << GREBE_STATUS_OK | 1u << GREBE_STATUS_INVALID_ARGUMENT |
        1u << GREBE_STATUS_NOT_FOUND | 1u << GREBE_STATUS_ALREADY_EXISTS |
        1u << GREBE_STATUS_FAILED_PRECONDITION | 1u << GREBE_STATUS_ABORTED |
        1u << GREBE_STATUS_OUT_OF_RANGE | 1u << GREBE_STATUS_DATA_LOSS;
    bool may_be = call->was_dropped || (call->was_failed && call->may_fail_fast);

    if (!may_be || code < 0 || code > 31)
        return false;
    if (code == GREBE_STATUS_INTERNAL && (call->pick_codes & forbidden) != 0)
        return true;
    return (call->pick_codes & ~forbidden) >> code & 1;
}

/* Whether something has happened that this status may come from. */
static bool is_explained(const struct call *call, int code, uint64_t done_ns)
{
    if (call->is_answered)
        return call->is_answered_badly ? code != GREBE_STATUS_OK : code == call->answer;
    switch (code) {
    case GREBE_STATUS_CANCELLED:
        return may_be_cancelled(call) || is_of_pick(call, code);
    case GREBE_STATUS_DEADLINE_EXCEEDED:
        return done_ns >= call->earliest_ns || is_of_pick(call, code);
    case GREBE_STATUS_UNAVAILABLE:
        /* A policy that is not there yet lets resolver errors through, and a channel that
         * never had a usable config drops calls. */
        return call->is_broken || call->n_refused > 0 || is_of_pick(call, code) ||
               call->client->had_trouble;
    case GREBE_STATUS_RESOURCE_EXHAUSTED:
        return call->may_be_too_large || is_of_pick(call, code);
    default:
        return is_of_pick(call, code);
    }
}

/* What failed before the call was started may be why there is no backend now. */
static bool is_for_want_of_memory(const struct call *call, int code)
{
    return (was_starved(call) && code != GREBE_STATUS_OK) ||
           (client_was_starved(call->client) && code == GREBE_STATUS_UNAVAILABLE);
}

static void check_response(const struct call *call, const struct grebe_call *done)
{
    bool is_ok = grebe_call_status(done)->code == GREBE_STATUS_OK;
    size_t length;
    const void *response = grebe_call_response(done, &length);

    if (!is_ok && response != NULL)
        fail("a failed call has no response", "call %u has one", call->id);
    if (!is_ok)
        return;
    if (response == NULL || !call_is_request(call, response, length))
        fail("a response is that of its call", "call %u got %zu bytes that are not its",
             call->id, length);
    if (strcmp(grebe_call_peer(done), call->server->address) != 0)
        fail("the peer is who answered", "call %u says \"%s\", it was %s", call->id,
             grebe_call_peer(done), call->server->address);
}

/* Whatever a failed call has to tell can be read. */
static void read_failure(const struct grebe_status *status)
{
    char text[512];

    if (status->failure != NULL)
        (void)grebe_failure_format(status->failure, text, sizeof text);
    if (status->message == NULL || strlen(status->message) > status->message_length)
        fail("a status has a message", "code %d has none", status->code);
}

static void judge(const struct call *call, const struct grebe_call *done)
{
    const struct grebe_status *status = grebe_call_status(done);
    struct grebe_call_times times = grebe_call_times(done);
    char name[24];

    if (call->n_picks_open != 0)
        fail("a pick is over before its call", "call %u is done with %u picks open",
             call->id, call->n_picks_open);
    if (!is_explained(call, status->code, times.done_ns) &&
        !is_for_want_of_memory(call, status->code))
        fail("a status has a cause", "call %u ends with %s: %s", call->id,
             grebe_status_code_name(status->code, name), status->message);
    check_response(call, done);
    if (call->traits & CALL_EXPLAINED)
        explained_check(call, done);
    read_failure(status);
}

static void free_call(struct call *call)
{
    grebe__list_remove(&call->link);
    grebe_call_unref(call->call);
    call->call = NULL;
    free(call->request);
    call->request = NULL;
}

static void on_done(void *arg, struct grebe_call *done)
{
    struct call *call = arg;
    struct client *client = call->client;
    const struct grebe_status *status = grebe_call_status(done);
    char name[24];

    trace("client %u: call %u ends: %s %s (%s)", client->index, call->id,
          grebe_status_code_name(status->code, name), status->message,
          grebe_call_peer(done));
    if (call->is_done)
        fail("a call ends once", "call %u ends again", call->id);
    if (client->world->sim.env.depth != 0)
        fail("callbacks come between turns", "on_done() of call %u comes inside one",
             call->id);
    call->is_done = true;
    call->looked_at = NULL;
    judge(call, done);
    grebe__list_remove(&call->link);
    grebe__list_append(&client->done, &call->link);
    if ((call->traits & CALL_CONTINUES) && client_is_open(client))
        call_start(client, call->traits & ~(uint32_t)CALL_CONTINUES, call->timeout_ms);
    world_moment(client->world, MOMENT_CALL_DONE);
}

void calls_release(struct client *client)
{
    while (!grebe__list_is_empty(&client->done)) {
        struct call *call = call_of_link(client->done.next);

        if (call->call != NULL && grebe_call_status(call->call)->message != NULL)
            check_response(call, call->call);
        free_call(call);
    }
}

/* ---- Starting and cancelling ------------------------------------------------------------ */

static void fill_request(struct call *call)
{
    struct grebe__rng *rng = &call->client->world->rng;

    call->request_length = call->traits & CALL_LARGE ? LARGE_BYTES : between(rng, 4, 40);
    call->request = malloc(call->request_length);
    GREBE_ASSERT(call->request != NULL);
    memcpy(call->request, &call->id, sizeof call->id);
    for (size_t i = sizeof call->id; i < call->request_length; i++)
        call->request[i] = (unsigned char)grebe__rng_next(rng);
}

/* One of a few users, who may each have a backend of their own. */
static struct grebe_metadata *new_metadata(const struct call *call)
{
    struct grebe_metadata *metadata = grebe_metadata_new(NULL);
    char user = (char)('a' + call->id % 7);

    GREBE_ASSERT(metadata != NULL);
    if (grebe_metadata_add(metadata, "x-user", &user, 1) != GREBE_OK)
        GREBE_ASSERT(false);
    return metadata;
}

/* The metadata is the caller's. */
static struct grebe_call_options options_of(const struct call *call)
{
    struct grebe_call_options options = GREBE_CALL_OPTIONS_INIT;

    options.timeout_ns =
        call->traits & CALL_LATE ? -1 : (int64_t)(call->timeout_ms * ms_ns);
    if (call->traits & CALL_KEYED)
        options.metadata = new_metadata(call);
    options.wants_explanation = (call->traits & CALL_EXPLAINED) != 0;
    if (call->traits & CALL_WAITS)
        options.wait_for_ready = GREBE_YES;
    else if (call->traits & CALL_FAILS_FAST)
        options.wait_for_ready = GREBE_NO;
    return options;
}

static struct call *new_record(struct client *client, uint32_t traits,
                               uint32_t timeout_ms)
{
    struct world *world = client->world;
    struct call *call = world_keep(world, sizeof *call);

    call->client = client;
    call->id = world->n_calls++;
    call->channel_number = client->n_open;
    call->traits = traits;
    call->timeout_ms = timeout_ms;
    call->started_ns = world->sim.env.now_ns;
    call->n_failed_before = client->memory.n_failed;
    call->deadline_ns = traits & CALL_LATE ? call->started_ns
                        : timeout_ms == 0  ? UINT64_MAX
                                           : call->started_ns + timeout_ms * ms_ns;
    snprintf(call->method, sizeof call->method, "/s/m%u", call->id);
    grebe__list_init(&call->link);
    fill_request(call);
    return call;
}

void call_start(struct client *client, uint32_t traits, uint32_t timeout_ms)
{
    struct grebe_call_options options;
    struct grebe_call *made;
    struct call *call;
    int result;

    if (!client_is_open(client))
        return;
    call = new_record(client, traits, timeout_ms);
    options = options_of(call);
    trace("client %u: call %u%s%s", client->index, call->id,
          traits & CALL_WAITS        ? " waits for ready"
          : traits & CALL_FAILS_FAST ? " fails fast"
                                     : "",
          call->deadline_ns != UINT64_MAX ? " and has a deadline" : "");
    result = grebe__call_new(client->channel, call->method, &options, now_ns(call),
                             &grebe__unary_handler, &made);
    grebe_metadata_unref(options.metadata);
    if (result != GREBE_OK) {
        if (result != GREBE_ERR_NOMEM || !was_starved(call))
            fail("a call can be made", "%s", grebe_strerror(result));
        free_call(call);
        return;
    }
    note_first_config(call);
    grebe__list_append(&client->calls, &call->link);
    grebe__unary_init(made, call->request, call->request_length, on_done, call);
    call->looked_at = made;
    if (!(traits & CALL_DIRECT))
        call->call = grebe_call_ref(made);
    grebe__call_submit_start(made);
    grebe_call_unref(made);
}

void call_cancel(struct call *call)
{
    if (call->call == NULL || call->is_done || call->is_cancelled)
        return;
    trace("client %u: call %u is cancelled", call->client->index, call->id);
    call->is_cancelled = true;
    grebe__call_submit_cancel(call->call);
}

/* ---- What happens to it ------------------------------------------------------------------ */

struct call *call_by_path(struct world *world, const char *path)
{
    static const char prefix[] = "/s/m";
    unsigned long id;

    if (strncmp(path, prefix, sizeof prefix - 1) != 0)
        return NULL;
    id = strtoul(path + sizeof prefix - 1, NULL, 10);
    for (unsigned i = 0; i < world->plan->n_clients; i++)
        grebe__list_foreach (link, &world->clients[i].calls) {
            if (call_of_link(link)->id == id)
                return call_of_link(link);
        }
    fail("only calls that run are heard of", "%s does not", path);
}

void call_arrived(struct call *call, struct server *server)
{
    trace("server %c: call %u arrives", 'a' + server->index, call->id);
    if (call->is_at_server)
        fail("a call is at one server", "call %u arrives at %c while it is at %c",
             call->id, 'a' + server->index, 'a' + call->server->index);
    if (call->is_broken || call->is_answered)
        fail("no server sees a call again that another may have acted on",
             "call %u arrives at %c, it was at %c", call->id, 'a' + server->index,
             'a' + call->server->index);
    if (now_ns(call) >= end_ns(call))
        fail("no request leaves after its deadline", "call %u arrives at %c", call->id,
             'a' + server->index);
    if (call->n_refused > 1)
        fail("a refused call is sent again once", "call %u was refused %u times",
             call->id, call->n_refused);
    call->n_arrivals++;
    call->is_at_server = true;
    call->server = server;
}

bool call_is_request(const struct call *call, const void *bytes, size_t length)
{
    return length == call->request_length && memcmp(bytes, call->request, length) == 0;
}

bool call_may_bounce(const struct call *call)
{
    return call->n_bounced < MAX_BOUNCES;
}

void call_answered(struct call *call, int code)
{
    char name[24];

    trace("server %c: call %u is answered with %s", 'a' + call->server->index, call->id,
          grebe_status_code_name(code, name));
    call->is_answered = true;
    call->answer = code;
}

void call_answered_badly(struct call *call)
{
    call->is_answered = call->is_answered_badly = true;
}

void call_attempt_over(struct call *call, enum grebe__progress progress)
{
    call->is_at_server = false;
    if (progress == GREBE__NEVER_SENT)
        call->n_bounced++;
    else if (progress == GREBE__UNPROCESSED)
        call->n_refused++;
    else if (!call->is_answered)
        call->is_broken = true;
}

void call_pick_failed(struct call *call, bool is_dropped, int code)
{
    call->was_failed |= !is_dropped;
    call->was_dropped |= is_dropped;
    if (code >= 0 && code < 32)
        call->pick_codes |= 1u << code;
}

/* ---- Looking at them --------------------------------------------------------------------- */

void calls_check(struct client *client)
{
    grebe__list_foreach (link, &client->calls) {
        const struct call *call = call_of_link(link);

        if (now_ns(call) > end_ns(call))
            fail("no call outlives its deadline", "call %u does", call->id);
        if (call->is_cancelled)
            fail("a cancelled call ends", "call %u does not", call->id);
    }
}
