/* SPDX-License-Identifier: Apache-2.0 */
#include "core/subconn.h"

#include <stdio.h>
#include <string.h>

#include <grebe/producer.h>

#include "base/assert.h"
#include "core/call.h"
#include "core/health.h"
#include "core/subconn_meter.h"
#include "core/subconn_stream.h"
#include "core/tell.h"

static const uint64_t keepalive_ceiling_ns = UINT64_C(7200000000000);

enum event {
    EVENT_CONNECT,
    EVENT_WANTS_MORE,    /* calls wait for a stream */
    EVENT_CONNECTED,     /* data: struct grebe__transport */
    EVENT_DIAL_FAILED,   /* data: text */
    EVENT_TIMER,         /* the deadline of a round, or the end of the backoff */
    EVENT_RESET_BACKOFF, /* by the application */
    EVENT_LOST,          /* data: struct lost */
    EVENT_SHUTDOWN,
};

struct lost {
    struct grebe__transport *transport;
    const struct grebe__disconnect *why;
};

static void step(struct grebe__subconn *subconn, enum event event, const void *data);

static struct grebe__subconn *of(struct grebe_subconn *base)
{
    return grebe_container_of(base, struct grebe__subconn, base);
}

/* ---- Transport -------------------------------------------------------------------- */

static struct grebe__transport *transport_of(struct grebe__list *link)
{
    return grebe_container_of(link, struct grebe__transport, in_subconn);
}

struct grebe__transport *grebe__subconn_room(const struct grebe__subconn *subconn)
{
    grebe__list_foreach (link, &subconn->transports) {
        if (grebe__transport_has_room(transport_of(link)))
            return transport_of(link);
    }
    return NULL;
}

struct grebe__transport *grebe__subconn_transport(const struct grebe__subconn *subconn)
{
    return grebe__list_is_empty(&subconn->waiting) ? grebe__subconn_room(subconn) : NULL;
}

void grebe__subconn_call_ends(struct grebe_subconn *base, bool is_success,
                              uint64_t latency_ns)
{
    grebe__call_counts_end(&of(base)->counts, is_success, latency_ns);
}

struct grebe__transport *grebe__subconn_oldest(const struct grebe__subconn *subconn)
{
    return transport_of(subconn->transports.next);
}

/* Calls that wait for a stream take what there is, first come, first served, after feeds:
 * those are few, and tell whether the calls are welcome. */
static void serve_waiting(struct grebe__subconn *subconn)
{
    struct grebe__transport *transport;

    grebe__subconn_streams_serve(subconn);
    while (!grebe__list_is_empty(&subconn->waiting) &&
           (transport = grebe__subconn_room(subconn)) != NULL)
        grebe__call_start_stream(
            grebe__call_of_link(grebe__list_shift(&subconn->waiting)), transport);
}

void grebe__subconn_refused(struct grebe__transport *transport, struct grebe_call *call)
{
    struct grebe__subconn *subconn = transport->owner;

    transport->is_draining = true;
    grebe__call_wait_on(call, GREBE__CALL_WAITING, &subconn->waiting);
    serve_waiting(subconn);
    grebe__subconn_wants_more(subconn);
}

/* It is closed. */
static void leave_channel(struct grebe__transport *transport)
{
    grebe__list_remove(&transport->link);
    grebe__book_remove_socket(transport->entity);
    transport->entity = NULL;
}

static void on_capacity(struct grebe__transport *transport)
{
    serve_waiting(transport->owner);
}

static void on_draining(struct grebe__transport *transport,
                        const struct grebe__disconnect *why)
{
    step(transport->owner, EVENT_LOST, &(struct lost){transport, why});
}

static void on_closed(struct grebe__transport *transport,
                      const struct grebe__disconnect *why)
{
    leave_channel(transport);
    step(transport->owner, EVENT_LOST, &(struct lost){transport, why});
}

static const struct grebe__transport_listener attached = {
    .on_capacity = on_capacity,
    .on_draining = on_draining,
    .on_closed = on_closed,
};

/* A transport that nobody gives new streams: all that matters is when it is gone. */
static void ignore_capacity(struct grebe__transport *transport)
{
    (void)transport;
}

static void ignore_draining(struct grebe__transport *transport,
                            const struct grebe__disconnect *why)
{
    (void)transport;
    (void)why;
}

static void on_orphan_closed(struct grebe__transport *transport,
                             const struct grebe__disconnect *why)
{
    struct grebe_channel *channel = transport->owner;

    (void)why;
    leave_channel(transport);
    grebe__channel_part_closed(channel);
}

static const struct grebe__transport_listener orphaned = {
    .on_capacity = ignore_capacity,
    .on_draining = ignore_draining,
    .on_closed = on_orphan_closed,
};

static void attach(struct grebe__subconn *subconn, struct grebe__transport *transport)
{
    transport->listener = &attached;
    transport->owner = subconn;
    transport->address = grebe_address_ref(subconn->addresses[subconn->at]);
    transport->labels = subconn->labels;
    grebe__list_init(&transport->in_subconn);
    grebe__list_append(&subconn->transports, &transport->in_subconn);
    subconn->n_transports++;
    grebe__list_append(&subconn->channel->transports, &transport->link);
    transport->entity = grebe__book_add_socket(subconn->entity, &transport->socket);
    grebe__subconn_meter_connected(subconn, transport);
}

/* With the last connection the calls that wait for a stream go elsewhere. */
static void bounce_waiting(struct grebe__subconn *subconn)
{
    struct grebe__list waiting, *link;

    grebe__list_init(&waiting);
    grebe__list_splice(&waiting, &subconn->waiting);
    while ((link = grebe__list_shift(&waiting)) != NULL)
        grebe__call_bounce(grebe__call_of_link(link));
}

/* The streams it has may finish; the subconn has nothing to do with it any more. */
static void detach(struct grebe__subconn *subconn, struct grebe__transport *transport)
{
    grebe__subconn_meter_disconnected(subconn, transport);
    grebe__list_remove(&transport->in_subconn);
    subconn->n_transports--;
    grebe_address_unref(transport->address);
    transport->address = NULL;
    transport->listener = &orphaned;
    transport->owner = subconn->channel;
    grebe__subconn_streams_lose(subconn, transport);
    if (subconn->n_transports == 0) {
        grebe__health_free(subconn->own_health);
        subconn->own_health = NULL;
        bounce_waiting(subconn);
    }
}

static void drain(struct grebe__subconn *subconn, struct grebe__transport *transport)
{
    transport->ops->drain(transport);
    detach(subconn, transport);
}

/* ---- Connecting ------------------------------------------------------------------- */

static void dial(struct grebe__subconn *subconn)
{
    struct grebe__env *env = subconn->channel->host.env;
    struct grebe_address *address = subconn->addresses[subconn->at];
    static const struct grebe__phrase picks = {"Subchannel picks a new address \"",
                                               "\" to connect"};
    const struct grebe__happening what = {
        .phrase = &picks, .of.address = address, .detail = GREBE__DETAIL_ADDRESS};

    grebe__book_set_address(subconn->entity, address);
    grebe__tell(&subconn->channel->host, subconn->entity, GREBE_LOG_DEBUG, &what);
    subconn->dial.address = address;
    subconn->dial.authority = grebe__channel_authority_of(subconn->channel, address);
    subconn->dial.credentials = subconn->credentials != NULL
                                    ? subconn->credentials
                                    : subconn->channel->transport_options.credentials;
    subconn->dial.deadline_ns = subconn->timer.deadline_ns;
    env->connector->dial(env, &subconn->dial);
}

static void on_dial_done(struct grebe__dial *done, struct grebe__transport *transport,
                         const char *error)
{
    struct grebe__subconn *subconn =
        grebe_container_of(done, struct grebe__subconn, dial);

    if (transport != NULL)
        step(subconn, EVENT_CONNECTED, transport);
    else
        step(subconn, EVENT_DIAL_FAILED, error);
}

/* One address of the round failed.  The first error is the one to report. */
static void note_error(struct grebe__subconn *subconn, const char *error)
{
    const char *address = grebe_address_text(subconn->addresses[subconn->at]);
    struct grebe__status *last = &subconn->last_error;

    grebe__status_set(last, GREBE_STATUS_UNAVAILABLE, "connection error: %s: %s", address,
                      error);
    subconn->last_error_ns = subconn->channel->host.env->now_ns;
    if (subconn->round_error.view.code == GREBE_STATUS_OK)
        grebe__status_copy(&subconn->round_error, &last->view);
}

/* The time is up; what it was spent on tells most. */
static void note_timeout(struct grebe__subconn *subconn)
{
    struct grebe__env *env = subconn->channel->host.env;
    char stage[256], text[256 + sizeof ": timed out"];

    env->connector->stage(env, &subconn->dial, stage, sizeof stage);
    snprintf(text, sizeof text, "%s: timed out", stage);
    note_error(subconn, text);
}

/* ---- Transitions ------------------------------------------------------------------ */

static void tell_state(struct grebe__subconn *subconn, enum grebe_connectivity state,
                       const struct grebe_status *error)
{
    static const struct grebe__phrase changes = {"Subchannel Connectivity change to ",
                                                 ""};
    static const struct grebe__phrase fails = {
        "Subchannel Connectivity change to TRANSIENT_FAILURE, last error: ", ""};
    struct grebe__lb_host *host = &subconn->channel->host;

    grebe__book_set_state(subconn->entity, state);
    grebe__tell_change(host, subconn->entity, &changes, &fails, state, error);
    if (state == GREBE_SHUTDOWN)
        grebe__book_remove(subconn->entity, host->env->now_ns);
}

/* `error` goes with TRANSIENT_FAILURE. */
static void enter_with(struct grebe__subconn *subconn, enum grebe_connectivity state,
                       const struct grebe_status *error)
{
    subconn->state = state;
    tell_state(subconn, state, error);
    grebe__subconn_deliver(&subconn->base, state, error);
}

static void enter(struct grebe__subconn *subconn, enum grebe_connectivity state)
{
    enter_with(subconn, state,
               state == GREBE_TRANSIENT_FAILURE ? &subconn->round_error.view : NULL);
}

static void enter_ready(struct grebe__subconn *subconn)
{
    enter(subconn, GREBE_READY);
    grebe__health_expect(subconn->channel);
}

static void on_verdict(struct grebe__subconn *subconn, enum grebe_connectivity verdict,
                       const struct grebe_status *error)
{
    if (verdict != subconn->state)
        enter_with(subconn, verdict, error);
}

/* Connected.  If the backend has to say that it is well, nothing is told before. */
static void enter_connected(struct grebe__subconn *subconn)
{
    if (!subconn->wants_health_check || grebe__health_service(subconn->channel) == NULL)
        enter_ready(subconn);
    else if (grebe__health_new(subconn, on_verdict, &subconn->own_health) != GREBE_OK) {
        grebe__health_is_not_checked(subconn);
        enter_ready(subconn);
    }
}

/* What the state is without a connection. */
static enum grebe_connectivity state_of(enum grebe__attempt attempt)
{
    static const enum grebe_connectivity states[] = {
        [GREBE__ATTEMPT_NONE] = GREBE_IDLE,
        [GREBE__ATTEMPT_DIALLING] = GREBE_CONNECTING,
        [GREBE__ATTEMPT_BACKOFF] = GREBE_TRANSIENT_FAILURE,
    };

    return states[attempt];
}

/* Tell, unless there is a connection: then the attempt is for one more. */
static void set_attempt(struct grebe__subconn *subconn, enum grebe__attempt attempt)
{
    subconn->attempt = attempt;
    if (subconn->n_transports == 0)
        enter(subconn, state_of(attempt));
}

/* One backoff is drawn for the whole round and all its addresses share one deadline. */
static void start_round(struct grebe__subconn *subconn)
{
    struct grebe_channel *channel = subconn->channel;
    struct grebe__env *env = channel->host.env;
    uint64_t allowed = channel->min_connect_timeout_ns;

    subconn->backoff_ns = grebe__backoff_delay_ns(&channel->backoff, subconn->n_failures,
                                                  grebe__rng_unit(&env->rng));
    if (subconn->backoff_ns > allowed)
        allowed = subconn->backoff_ns;
    grebe__env_start_timer(env, &subconn->timer, grebe__env_after(env, allowed));
    grebe__status_set_static(&subconn->round_error, GREBE_STATUS_OK, "");
    subconn->at = 0;
    set_attempt(subconn, GREBE__ATTEMPT_DIALLING);
    dial(subconn);
}

/* One more connection, if calls wait for one and it is allowed. */
static void start_another(struct grebe__subconn *subconn)
{
    if (subconn->attempt == GREBE__ATTEMPT_NONE && subconn->n_transports > 0 &&
        subconn->n_transports < subconn->channel->max_connections &&
        !grebe__list_is_empty(&subconn->waiting))
        start_round(subconn);
}

static void cancel_round(struct grebe__subconn *subconn)
{
    struct grebe__env *env = subconn->channel->host.env;

    if (subconn->dial.pending != NULL)
        env->connector->cancel(env, &subconn->dial);
    grebe__timer_cancel(&subconn->timer);
}

/* The resolver is asked before the policy acts: there may be better addresses. */
static void fail_round(struct grebe__subconn *subconn)
{
    struct grebe__env *env = subconn->channel->host.env;

    cancel_round(subconn);
    grebe__env_start_timer(env, &subconn->timer,
                           grebe__env_after(env, subconn->backoff_ns));
    grebe__channel_resolve_now(subconn->channel);
    set_attempt(subconn, GREBE__ATTEMPT_BACKOFF);
}

/* No address led to a connection. */
static void give_up_round(struct grebe__subconn *subconn)
{
    grebe__subconn_meter_failed(subconn);
    fail_round(subconn);
}

static void end_backoff(struct grebe__subconn *subconn)
{
    grebe__timer_cancel(&subconn->timer);
    set_attempt(subconn, GREBE__ATTEMPT_NONE);
    start_another(subconn);
}

/* Half as often, down to once in two hours. */
static uint64_t slower(uint64_t time_ns)
{
    if (time_ns <= keepalive_ceiling_ns / 2)
        return 2 * time_ns;
    return time_ns < keepalive_ceiling_ns ? keepalive_ceiling_ns : time_ns;
}

/* gRPC keepalive: the server says that this connection pings too often, so every later one
 * of the channel pings half as often as it did.  Many connections that are told the same
 * at the same time are one complaint, not many. */
static void slow_keepalive(struct grebe_channel *channel,
                           const struct grebe__transport *transport)
{
    uint64_t *time_ns = &channel->transport_options.keepalive_time_ns;
    uint64_t used_ns = transport->keepalive_time_ns, wanted_ns;

    if (used_ns == UINT64_MAX) {
        grebe__channel_log(channel, GREBE_LOG_ERROR,
                           "GOAWAY \"too_many_pings\", but there are no keepalive pings");
        return;
    }
    wanted_ns = slower(used_ns);
    if (*time_ns < wanted_ns)
        *time_ns = wanted_ns;
    grebe__channel_log(
        channel, GREBE_LOG_ERROR,
        "GOAWAY \"too_many_pings\": the server wants fewer keepalive pings "
        "than one in %llu s; from now on one in %llu s",
        (unsigned long long)(used_ns / 1000000000),
        (unsigned long long)(*time_ns / 1000000000));
}

static void lose(struct grebe__subconn *subconn, const struct lost *lost)
{
    const struct grebe__disconnect *why = lost->why;
    struct grebe_channel *channel = subconn->channel;
    uint64_t now_ns = channel->host.env->now_ns;
    bool is_churn = grebe__churn_lost(&channel->churn, lost->transport->address,
                                      lost->transport->has_answered, now_ns);

    if (why->is_too_many_pings)
        slow_keepalive(channel, lost->transport);
    grebe__status_copy(&subconn->last_error, &why->status);
    subconn->last_error_ns = now_ns;
    detach(subconn, lost->transport);
    if (subconn->n_transports > 0 && !is_churn) {
        start_another(subconn);
        return;
    }
    if (subconn->attempt == GREBE__ATTEMPT_NONE && is_churn) {
        grebe__status_copy(&subconn->round_error, &why->status);
        fail_round(subconn);
        return;
    }
    if (subconn->n_transports > 0)
        return;
    grebe__channel_resolve_now(channel);
    enter(subconn, state_of(subconn->attempt));
}

static void add_transport(struct grebe__subconn *subconn,
                          struct grebe__transport *transport)
{
    struct grebe__disconnect gone = {
        .status = grebe_status_of(GREBE_STATUS_UNAVAILABLE,
                                  "the server said goodbye as soon as it was ready"),
        .label = "unknown",
    };

    grebe__timer_cancel(&subconn->timer);
    subconn->n_failures = 0;
    subconn->attempt = GREBE__ATTEMPT_NONE;
    attach(subconn, transport);
    if (transport->is_draining) {
        /* A success and a loss, and no READY in between. */
        lose(subconn, &(struct lost){transport, &gone});
        return;
    }
    if (subconn->n_transports == 1)
        enter_connected(subconn);
    serve_waiting(subconn);
    start_another(subconn);
}

static void shut_down(struct grebe__subconn *subconn)
{
    struct grebe_channel *channel = subconn->channel;

    cancel_round(subconn);
    grebe__list_foreach_safe (link, &subconn->transports) {
        drain(subconn, transport_of(link));
    }
    grebe__list_remove(&subconn->link);
    enter(subconn, GREBE_SHUTDOWN); /* gives up our reference: do not touch subconn */
    grebe__channel_part_closed(channel);
}

/* Every transition of an attempt to connect. */
static void step_attempt(struct grebe__subconn *subconn, enum event event,
                         const void *data)
{
    switch (subconn->attempt) {
    case GREBE__ATTEMPT_NONE:
        if (event == EVENT_CONNECT && subconn->state == GREBE_IDLE &&
            subconn->n_addresses > 0)
            start_round(subconn);
        else if (event == EVENT_WANTS_MORE)
            start_another(subconn);
        return;
    case GREBE__ATTEMPT_DIALLING:
        if (event == EVENT_CONNECTED) {
            add_transport(subconn, (struct grebe__transport *)(uintptr_t)data);
        } else if (event == EVENT_DIAL_FAILED) {
            note_error(subconn, data);
            if (++subconn->at < subconn->n_addresses)
                dial(subconn);
            else
                give_up_round(subconn);
        } else if (event == EVENT_TIMER) {
            note_timeout(subconn);
            give_up_round(subconn);
        }
        return;
    case GREBE__ATTEMPT_BACKOFF:
        if (event == EVENT_TIMER)
            subconn->n_failures++;
        if (event == EVENT_TIMER || event == EVENT_RESET_BACKOFF)
            end_backoff(subconn);
        return;
    }
}

/* What is not here or above is ignored: connect() outside of IDLE, a wish for more when
 * one more is on its way. */
static void step(struct grebe__subconn *subconn, enum event event, const void *data)
{
    if (subconn->state == GREBE_SHUTDOWN)
        return;
    if (event == EVENT_RESET_BACKOFF)
        subconn->n_failures = 0;
    if (event == EVENT_SHUTDOWN)
        shut_down(subconn);
    else if (event == EVENT_LOST)
        lose(subconn, data);
    else
        step_attempt(subconn, event, data);
}

static void on_timer(struct grebe__timer *timer)
{
    step(grebe_container_of(timer, struct grebe__subconn, timer), EVENT_TIMER, NULL);
}

static void run_connect(struct grebe_subconn *base)
{
    step(of(base), EVENT_CONNECT, NULL);
}

static void run_shutdown(struct grebe_subconn *base)
{
    step(of(base), EVENT_SHUTDOWN, NULL);
}

void grebe__subconn_wants_more(struct grebe__subconn *subconn)
{
    step(subconn, EVENT_WANTS_MORE, NULL);
}

void grebe__subconn_reset_backoff(struct grebe__subconn *subconn)
{
    step(subconn, EVENT_RESET_BACKOFF, NULL);
}

/* ---- Addresses --------------------------------------------------------------------- */

static bool are_same(const struct grebe__subconn *subconn,
                     struct grebe_address *const *addresses, size_t n)
{
    if (n != subconn->n_addresses)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!grebe_address_equal(subconn->addresses[i], addresses[i]))
            return false;
    return true;
}

static void drop_addresses(struct grebe__subconn *subconn)
{
    for (uint32_t i = 0; i < subconn->n_addresses; i++)
        grebe_address_unref(subconn->addresses[i]);
    grebe_mem_free(subconn->channel->host.mem, subconn->addresses);
    subconn->addresses = NULL;
    subconn->n_addresses = 0;
}

static int keep_addresses(struct grebe__subconn *subconn,
                          struct grebe_address *const *addresses, size_t n)
{
    struct grebe_address **copy =
        grebe_mem_alloc(subconn->channel->host.mem, n * sizeof *copy);

    if (copy == NULL)
        return GREBE_ERR_NOMEM;
    for (size_t i = 0; i < n; i++)
        copy[i] = grebe_address_ref(addresses[i]);
    drop_addresses(subconn);
    subconn->addresses = copy;
    subconn->n_addresses = (uint32_t)n;
    subconn->labels = n == 0 || subconn->channel->host.meter == NULL
                          ? NULL
                          : grebe__meter_labels(subconn->channel->host.meter, copy[0]);
    return GREBE_OK;
}

static bool is_listed(const struct grebe__subconn *subconn,
                      const struct grebe_address *address)
{
    for (uint32_t i = 0; i < subconn->n_addresses; i++)
        if (grebe_address_equal(subconn->addresses[i], address))
            return true;
    return false;
}

/* Connections to addresses still listed are kept.  An attempt under way starts over; a
 * backoff goes on. */
static void update_addresses(struct grebe_subconn *base,
                             struct grebe_address *const *addresses, size_t n)
{
    struct grebe__subconn *subconn = of(base);
    bool was_active =
        subconn->attempt == GREBE__ATTEMPT_DIALLING || subconn->n_transports > 0;

    if (subconn->state == GREBE_SHUTDOWN || are_same(subconn, addresses, n))
        return;
    if (keep_addresses(subconn, addresses, n) != GREBE_OK) {
        grebe__channel_log(subconn->channel, GREBE_LOG_ERROR,
                           "out of memory: a subconn keeps its old addresses");
        return;
    }
    grebe__list_foreach_safe (link, &subconn->transports) {
        if (!is_listed(subconn, transport_of(link)->address))
            drain(subconn, transport_of(link));
    }
    if (subconn->attempt == GREBE__ATTEMPT_DIALLING) {
        cancel_round(subconn);
        subconn->attempt = GREBE__ATTEMPT_NONE;
    }
    if (subconn->n_transports > 0)
        start_another(subconn);
    else if (was_active && subconn->attempt == GREBE__ATTEMPT_NONE && n > 0)
        start_round(subconn);
    else if (was_active)
        enter(subconn, state_of(subconn->attempt));
}

/* ---- Life --------------------------------------------------------------------------- */

static void destroy(struct grebe_subconn *base)
{
    struct grebe__subconn *subconn = of(base);

    grebe__book_forget(subconn->entity, subconn->channel->host.entity);
    grebe__status_fini(&subconn->round_error);
    grebe__status_fini(&subconn->last_error);
    grebe_credentials_unref(subconn->credentials);
    grebe_producer_release(&subconn->health_hold); /* empty: SHUTDOWN was delivered */
    drop_addresses(subconn);
    grebe_mem_free(subconn->channel->host.mem, subconn);
}

static int open_stream(struct grebe_subconn *base, struct grebe__subconn_stream *stream)
{
    return grebe__subconn_stream_open(stream, of(base));
}

static const struct grebe__subconn_ops subconn_ops = {
    .connect = run_connect,
    .update_addresses = update_addresses,
    .shutdown = run_shutdown,
    .destroy = destroy,
    .open_stream = open_stream,
    .listen_for_health = grebe__health_listen,
};

struct grebe__subconn *grebe__subconn_of(struct grebe_channel *channel,
                                         struct grebe_subconn *subconn)
{
    if (subconn == NULL || subconn->ops != &subconn_ops ||
        of(subconn)->channel != channel)
        return NULL;
    return of(subconn);
}

int grebe__subconn_new(struct grebe_channel *channel,
                       const struct grebe_subconn_options *options,
                       struct grebe_subconn **out)
{
    const struct grebe_mem *mem = channel->host.mem;
    struct grebe__subconn *subconn = grebe_mem_zalloc(mem, sizeof *subconn);

    if (subconn == NULL)
        return GREBE_ERR_NOMEM;
    subconn->channel = channel;
    if (keep_addresses(subconn, options->addresses, options->n_addresses) != GREBE_OK) {
        grebe_mem_free(mem, subconn);
        return GREBE_ERR_NOMEM;
    }
    grebe__subconn_init(&subconn->base, &subconn_ops, options);
    subconn->state = GREBE_IDLE;
    subconn->wants_health_check = options->wants_health_check;
    subconn->dial.options = &channel->transport_options;
    subconn->dial.mem = mem;
    subconn->dial.on_done = on_dial_done;
    subconn->credentials =
        options->credentials == NULL ? NULL : grebe_credentials_ref(options->credentials);
    grebe__list_init(&subconn->transports);
    grebe__list_init(&subconn->waiting);
    grebe__list_init(&subconn->streams);
    grebe__timer_init(&subconn->timer, on_timer);
    grebe__status_init(&subconn->round_error, mem);
    grebe__status_init(&subconn->last_error, mem);
    grebe__list_append(&channel->subconns, &subconn->link);
    subconn->entity = grebe__book_add_subchannel(channel->host.entity, &subconn->counts,
                                                 channel->host.env->now_ns);
    *out = &subconn->base;
    return GREBE_OK;
}
