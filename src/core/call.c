/* SPDX-License-Identifier: Apache-2.0 */
#include "core/call.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/ref.h"
#include "base/text.h"
#include "core/call_meter.h"
#include "core/explanation.h"
#include "core/server_load.h"
#include "core/subconn.h"

/* What is kept for repeating an attempt, five bytes of framing for each message
 * included.  A call that has sent more is committed to its attempt. */
enum { REPLAY_BYTES = 262144 };

/* ---- Life -------------------------------------------------------------------------- */

static void on_deadline(struct grebe__timer *timer);

/* "/service/method": both parts there (gRPC over HTTP/2, Path). */
static bool is_method(const char *method)
{
    const char *slash = method[0] == '/' ? strchr(method + 1, '/') : NULL;

    return slash != NULL && slash > method + 1 && slash[1] != '\0';
}

static bool is_header_text(const char *text)
{
    return text == NULL || grebe__text_is_from(text, '!');
}

static int copy_options(struct grebe_call *call, const struct grebe_call_options *options)
{
    if (!is_header_text(options->content_subtype) ||
        !is_header_text(options->authority) ||
        (options->authority != NULL && options->authority[0] == '\0'))
        return GREBE_ERR_INVALID;
    if (options->authority != NULL) {
        call->authority = grebe_mem_strdup(call->mem, options->authority);
        if (call->authority == NULL)
            return GREBE_ERR_NOMEM;
    }
    if (options->content_subtype != NULL && options->content_subtype[0] != '\0') {
        call->content_subtype = grebe_mem_strdup(call->mem, options->content_subtype);
        if (call->content_subtype == NULL)
            return GREBE_ERR_NOMEM;
    }
    if (options->custom_label != NULL) {
        call->custom_label = grebe_mem_strdup(call->mem, options->custom_label);
        if (call->custom_label == NULL)
            return GREBE_ERR_NOMEM;
    }
    if (options->metadata != NULL)
        call->metadata = grebe_metadata_ref(options->metadata);
    call->labels_method = options->labels_method;
    call->wait_for_ready = options->wait_for_ready;
    call->max_receive_bytes = options->max_receive_bytes;
    call->max_send_bytes = options->max_send_bytes;
    if (options->wants_explanation)
        call->explanation = grebe__explanation_new(call->mem, call->times.started_ns);
    return GREBE_OK;
}

/* A timeout counts from now; one that is over leaves a deadline that has passed. */
static uint64_t deadline_of(int64_t timeout_ns, uint64_t now_ns)
{
    if (timeout_ns == 0)
        return UINT64_MAX;
    if (timeout_ns < 0)
        return now_ns;
    return now_ns + (uint64_t)timeout_ns; /* both are below 2^63 */
}

int grebe__call_new(struct grebe_channel *channel, const char *method,
                    const struct grebe_call_options *options, uint64_t now_ns,
                    const struct grebe__call_handler *handler, struct grebe_call **out)
{
    const struct grebe_mem *mem = channel->host.mem;
    size_t length = strlen(method);
    struct grebe_call *call;
    int result = GREBE_OK;
    char *copy;

    if (!is_method(method))
        return GREBE_ERR_INVALID;
    call = grebe_mem_zalloc(mem, sizeof *call + length + 1);
    if (call == NULL)
        return GREBE_ERR_NOMEM;
    call->refs = 1;
    call->mem = mem;
    call->env = channel->host.env;
    call->handler = handler;
    copy = (char *)(call + 1);
    memcpy(copy, method, length + 1);
    call->method = copy;
    call->deadline_ns = UINT64_MAX;
    call->sends_end = &call->sends;
    grebe__list_init(&call->link);
    grebe__list_init(&call->active);
    grebe__timer_init(&call->timer, on_deadline);
    grebe__metadata_init(&call->headers, mem);
    grebe__metadata_init(&call->trailers, mem);
    grebe__status_init(&call->status, mem);
    grebe__status_init(&call->pick_error, mem);
    call->times.started_ns = now_ns;
    call->channel = grebe__channel_ref(channel);
    if (options != NULL)
        result = copy_options(call, options);
    if (result != GREBE_OK) {
        grebe_call_unref(call);
        return result;
    }
    if (options != NULL)
        call->deadline_ns = deadline_of(options->timeout_ns, now_ns);
    *out = call;
    return GREBE_OK;
}

struct grebe_call *grebe_call_ref(struct grebe_call *call)
{
    grebe__ref_get(&call->refs);
    return call;
}

void grebe_call_unref(struct grebe_call *call)
{
    if (call == NULL || !grebe__ref_put(&call->refs))
        return;
    GREBE_ASSERT(call->state == GREBE__CALL_CREATED || call->state == GREBE__CALL_DONE);
    if (call->channel != NULL)
        grebe__channel_unref(call->channel);
    grebe__metadata_fini(&call->headers);
    grebe__metadata_fini(&call->trailers);
    grebe__status_fini(&call->status);
    grebe__status_fini(&call->pick_error);
    grebe__failure_free(call->mem, call->failure);
    grebe__explanation_free(call->explanation);
    grebe_metadata_unref(call->metadata);
    grebe_address_unref(call->peer);
    grebe_mem_free(call->mem, call->unary.response);
    grebe_mem_free(call->mem, call->content_subtype);
    grebe_mem_free(call->mem, call->custom_label);
    grebe_mem_free(call->mem, call->authority);
    grebe_mem_free(call->mem, call);
}

/* ---- What is measured ----------------------------------------------------------------- */

static void begin_attempt(struct grebe_call *call)
{
    call->attempt = (struct grebe__call_attempt){
        .began_ns = call->channel->host.env->now_ns,
        .n_begun = call->attempt.n_begun + 1,
        .is_running = true,
    };
    if (call->meter != NULL)
        grebe__method_meter_attempt_begins(call->meter);
}

static void end_attempt(struct grebe_call *call, int code)
{
    if (!call->attempt.is_running)
        return;
    call->attempt.is_running = false;
    if (call->meter != NULL)
        grebe__method_meter_attempt_ends(call->meter, call, code);
}

/* ---- The end ------------------------------------------------------------------------ */

/* Whoever listens is in a policy, and starts no other pick of this call meanwhile. */
static void tell(const struct grebe_call *call, const struct grebe__call_pick *pick,
                 const struct grebe_done_info *info)
{
    if (call->channel->host.recording != NULL) {
        grebe__record_tell(call->channel->host.recording,
                           &(struct grebe__recorded_end){
                               .call = call->number,
                               .on_done = pick->on_done,
                               .arg = pick->on_done_arg,
                               .listeners = call->listeners,
                               .n_listeners = pick->n_listeners,
                           },
                           info);
        return;
    }
    if (pick->on_done != NULL)
        pick->on_done(pick->on_done_arg, info);
    for (uint32_t i = 0; i < pick->n_listeners; i++)
        call->listeners[i].on_done(call->listeners[i].arg, info);
}

/* With what the backend said of its load, if it did. */
static void tell_with_load(struct grebe_call *call, const struct grebe__call_pick *pick,
                           struct grebe_done_info *info)
{
    struct grebe__load_report report;

    if (!grebe__server_load_read(call->channel, &call->trailers, grebe_call_peer(call),
                                 &report)) {
        tell(call, pick, info);
        return;
    }
    info->server_load = &report.view;
    tell(call, pick, info);
    grebe__load_report_fini(&report);
}

/* No attempt follows one that had headers, so it is this one that had them. */
static uint64_t headers_after(const struct grebe_call *call,
                              const struct grebe__call_pick *pick)
{
    return call->times.headers_ns == 0 ? 0 : call->times.headers_ns - pick->at_ns;
}

static bool is_listened_to(const struct grebe__call_pick *pick)
{
    return pick->on_done != NULL || pick->n_listeners > 0;
}

void grebe__call_pick_done(struct grebe_call *call, const struct grebe_status *status,
                           bool has_sent, bool has_received)
{
    struct grebe__call_pick pick = call->pick;
    uint64_t now_ns;

    if (pick.subconn == NULL)
        return;
    now_ns = call->channel->host.env->now_ns;
    call->pick = (struct grebe__call_pick){0};
    if (is_listened_to(&pick) || call->channel->host.recording != NULL) {
        struct grebe_done_info info = {
            .status = status,
            .trailers = call->trailers.n > 0 ? &call->trailers : NULL,
            .now_ns = now_ns,
            .latency_ns = now_ns - pick.at_ns,
            .bytes_sent = has_sent,
            .bytes_received = has_received,
            .is_discarded = !has_sent && status->code == GREBE_STATUS_OK,
            .headers_ns = headers_after(call, &pick),
            .is_streaming = call->handler != &grebe__unary_handler,
        };

        if (pick.wants_load_report)
            tell_with_load(call, &pick, &info);
        else
            tell(call, &pick, &info);
    }
    grebe__subconn_call_ends(pick.subconn, has_sent && status->code == GREBE_STATUS_OK,
                             now_ns - pick.at_ns);
    grebe_metadata_unref(pick.metadata);
    grebe_subconn_unref(pick.subconn);
}

/* An attempt is over, for whoever asked how the call went. */
static void explain_attempt(struct grebe_call *call, int code)
{
    if (call->explanation != NULL)
        grebe__explanation_attempt_ends(call->explanation, call->times.headers_ns, code,
                                        call->channel->host.env->now_ns);
}

static void enter(struct grebe_call *call, enum grebe__call_state state)
{
    if (call->explanation != NULL)
        grebe__explanation_enter(call->explanation, state,
                                 call->channel->host.env->now_ns);
    call->state = state;
}

/* call->status is set and no attempt runs.  Last: the handler may let go of the call. */
static void complete(struct grebe_call *call)
{
    struct grebe_channel *channel = call->channel;

    if (call->handler->on_ending != NULL)
        call->handler->on_ending(call);
    end_attempt(call, call->status.view.code);
    enter(call, GREBE__CALL_DONE);
    grebe__list_remove(&call->link);
    grebe__list_remove(&call->active);
    grebe__timer_cancel(&call->timer);
    call->sends = NULL;
    call->times.done_ns = channel->host.env->now_ns;
    grebe__call_counts_end(&channel->counts, call->status.view.code == GREBE_STATUS_OK,
                           call->times.done_ns - call->times.started_ns);
    if (call->meter != NULL)
        grebe__method_meter_call_ends(call->meter, call);
    call->handler->on_status(call);
    grebe__channel_call_ends(channel);
}

/* Whatever the call was doing, it does no longer. */
static void stop_attempt(struct grebe_call *call)
{
    bool is_streaming = call->state == GREBE__CALL_STREAMING;
    bool has_received = call->headers.n > 0;

    if (is_streaming && call->stream.transport != NULL)
        call->stream.transport->ops->cancel(&call->stream);
    if (is_streaming)
        explain_attempt(call, call->status.view.code);
    grebe__call_pick_done(call, &call->status.view, is_streaming, has_received);
}

void grebe__call_finish(struct grebe_call *call, int code, const char *format, ...)
{
    char text[1024];
    struct grebe_status view;
    va_list args;

    if (call->state == GREBE__CALL_DONE)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    view = grebe_status_of(code, text);
    grebe__status_copy(&call->status, &view);
    stop_attempt(call);
    complete(call);
}

/* A code from the control plane that only a server may use says that something is wrong
 * with the control plane (gRFC A54). */
static void set_control_plane_status(struct grebe_call *call,
                                     const struct grebe_status *status)
{
    char name[24];

    if (grebe__status_code_is_control_plane(status->code))
        grebe__status_copy(&call->status, status);
    else
        grebe__status_set(&call->status, GREBE_STATUS_INTERNAL,
                          "received picker error with illegal status: %s: %s",
                          grebe_status_code_name(status->code, name), status->message);
}

static void attach_failure(struct grebe_call *call)
{
    call->failure = grebe__failure_new(call->channel);
    call->status.view.failure = call->failure;
}

void grebe__call_fail_unavailable(struct grebe_call *call,
                                  const struct grebe_status *status)
{
    set_control_plane_status(call, status);
    attach_failure(call);
    complete(call);
}

/* Where the time, or the caller's patience, went. */
static void finish_interrupted(struct grebe_call *call, int code, const char *what)
{
    const char *pick_error = call->pick_error.view.message;
    enum grebe__call_state state = call->state;

    if (state == GREBE__CALL_RESOLVING)
        grebe__status_set(&call->status, code, "%s while waiting for name resolution",
                          what);
    else if (state == GREBE__CALL_PICKING && pick_error[0] != '\0')
        grebe__status_set(&call->status, code, "%s, latest balancer error: %s", what,
                          pick_error);
    else if (state == GREBE__CALL_PICKING)
        grebe__status_set(&call->status, code,
                          "%s while waiting for connections to become ready", what);
    else if (state == GREBE__CALL_WAITING)
        grebe__status_set(&call->status, code,
                          "%s while waiting for a stream: %s takes no more than it has",
                          what, grebe_address_text(call->peer));
    else
        grebe__status_set(&call->status, code, "%s while waiting for %s", what,
                          grebe_address_text(call->peer));
    stop_attempt(call);
    if (state == GREBE__CALL_RESOLVING || state == GREBE__CALL_PICKING)
        attach_failure(call);
    complete(call);
}

static void on_deadline(struct grebe__timer *timer)
{
    finish_interrupted(grebe_container_of(timer, struct grebe_call, timer),
                       GREBE_STATUS_DEADLINE_EXCEEDED, "context deadline exceeded");
}

void grebe__call_cancel(struct grebe_call *call)
{
    if (call->state == GREBE__CALL_CREATED || call->state == GREBE__CALL_DONE)
        return;
    finish_interrupted(call, GREBE_STATUS_CANCELLED, "context canceled");
}

/* ---- Sending ------------------------------------------------------------------------ */

static void give_back(struct grebe_call *call, struct grebe__outgoing_entry *entry)
{
    struct grebe__outgoing_entry **at = &call->sends;

    while (*at != entry)
        at = &(*at)->next;
    *at = entry->next;
    if (call->sends_end == &entry->next)
        call->sends_end = at;
    call->handler->on_sent(call, &entry->outgoing);
}

/* No retries any more: nothing needs to be kept for one. */
static void commit(struct grebe_call *call)
{
    if (call->is_committed)
        return;
    call->is_committed = true;
    for (struct grebe__outgoing_entry *entry = call->sends, *next; entry != NULL;
         entry = next) {
        next = entry->next;
        if (entry->is_sent)
            give_back(call, entry);
    }
}

static void hand_over(struct grebe_call *call, struct grebe__outgoing_entry *entry)
{
    entry->is_handed = true;
    entry->is_sent = false;
    call->attempt.sent_bytes += entry->outgoing.length;
    call->n_replay_bytes += 5 + entry->outgoing.length;
    if (call->n_replay_bytes > REPLAY_BYTES)
        commit(call);
    call->stream.transport->ops->send(&call->stream, &entry->outgoing);
}

static bool is_too_large(struct grebe_call *call,
                         const struct grebe__outgoing_entry *entry)
{
    if (entry->outgoing.length <= call->max_send_bytes)
        return false;
    grebe__call_finish(call, GREBE_STATUS_RESOURCE_EXHAUSTED,
                       "trying to send message larger than max (%zu vs. %u)",
                       entry->outgoing.length, call->max_send_bytes);
    return true;
}

void grebe__call_send(struct grebe_call *call, struct grebe__outgoing_entry *entry)
{
    GREBE_ASSERT(!call->is_half_closed);
    entry->next = NULL;
    entry->is_handed = false;
    *call->sends_end = entry;
    call->sends_end = &entry->next;
    call->is_half_closed = entry->outgoing.is_last;
    if (call->state < GREBE__CALL_PICKING)
        return; /* the limit is not known yet: grebe__call_resolved() looks */
    if (!is_too_large(call, entry) && call->state == GREBE__CALL_STREAMING)
        hand_over(call, entry);
}

void grebe__call_receive(struct grebe_call *call)
{
    call->n_receives++;
    if (call->state == GREBE__CALL_STREAMING)
        call->stream.transport->ops->receive(&call->stream);
}

/* ---- Attempts ------------------------------------------------------------------------ */

static struct grebe_call *call_of(struct grebe__stream *stream)
{
    return grebe_container_of(stream, struct grebe_call, stream);
}

static void on_headers(struct grebe__stream *stream)
{
    struct grebe_call *call = call_of(stream);

    call->times.headers_ns = call->channel->host.env->now_ns;
    commit(call);
    call->handler->on_headers(call);
}

static void on_message(struct grebe__stream *stream, void *bytes, size_t length)
{
    struct grebe_call *call = call_of(stream);

    GREBE_ASSERT(call->n_receives > 0);
    call->n_receives--;
    call->attempt.received_bytes += length;
    call->handler->on_message(call, bytes, length);
}

static void on_sent(struct grebe__stream *stream, struct grebe__outgoing *outgoing)
{
    struct grebe__outgoing_entry *entry =
        grebe_container_of(outgoing, struct grebe__outgoing_entry, outgoing);
    struct grebe_call *call = call_of(stream);

    entry->is_sent = true;
    if (call->is_committed)
        give_back(call, entry);
}

/* What the server never saw may be sent again, whatever the service config says (gRFC A6,
 * transparent retries): without limit if it did not leave this host, once if the server
 * refused it. */
static bool may_repeat(struct grebe_call *call, const struct grebe__stream_end *end)
{
    if (call->is_committed || end->status.code == GREBE_STATUS_OK)
        return false;
    if (end->progress == GREBE__NEVER_SENT)
        return true;
    if (end->progress != GREBE__UNPROCESSED || call->has_retried_unprocessed)
        return false;
    call->has_retried_unprocessed = true;
    return true;
}

static void repeat(struct grebe_call *call)
{
    grebe__metadata_clear(&call->headers);
    grebe__metadata_clear(&call->trailers);
    for (struct grebe__outgoing_entry *e = call->sends; e != NULL; e = e->next)
        e->is_handed = e->is_sent = false;
    call->n_replay_bytes = 0;
    begin_attempt(call);
    grebe__channel_pick(call->channel, call);
}

static void on_end(struct grebe__stream *stream, const struct grebe__stream_end *end)
{
    struct grebe_call *call = call_of(stream);

    grebe__call_pick_done(call, &end->status, end->progress != GREBE__NEVER_SENT,
                          end->has_bytes);
    explain_attempt(call, end->status.code);
    if (may_repeat(call, end)) {
        end_attempt(call, end->status.code);
        repeat(call);
        return;
    }
    grebe__status_copy(&call->status, &end->status);
    complete(call);
}

static const struct grebe__stream_listener listener = {
    .on_headers = on_headers,
    .on_message = on_message,
    .on_sent = on_sent,
    .on_end = on_end,
};

/* The stream is open: what the application already said goes out. */
static void feed(struct grebe_call *call)
{
    for (struct grebe__outgoing_entry *entry = call->sends; entry != NULL;
         entry = entry->next)
        if (!entry->is_handed)
            hand_over(call, entry);
    for (uint32_t i = 0; i < call->n_receives; i++)
        call->stream.transport->ops->receive(&call->stream);
}

void grebe__call_set_peer(struct grebe_call *call, struct grebe_address *peer)
{
    if (call->peer == peer)
        return;
    grebe_address_unref(call->peer);
    call->peer = grebe_address_ref(peer);
}

static void count_attempt(struct grebe_call *call,
                          const struct grebe__transport *transport)
{
    call->times.n_attempts = ++call->n_attempts;
    if (call->explanation != NULL)
        grebe__explanation_attempt_begins(call->explanation, transport->address,
                                          call->times.picked_ns);
}

/* No other connection of this backend would have it, either. */
static void fail_unstarted(struct grebe_call *call,
                           const struct grebe__transport *transport, int error)
{
    int code = error == GREBE_ERR_TOO_LARGE ? GREBE_STATUS_INTERNAL
               : error == GREBE_ERR_TLS     ? GREBE_STATUS_UNAVAILABLE
                                            : GREBE_STATUS_RESOURCE_EXHAUSTED;

    enter(call, GREBE__CALL_WAITING); /* there is no stream to cancel */
    explain_attempt(call, code);
    if (error == GREBE_ERR_TOO_LARGE)
        grebe__call_finish(call, code,
                           "header list size to send violates the maximum size set by %s",
                           transport->peer);
    else if (error == GREBE_ERR_TLS)
        grebe__call_finish(call, code,
                           "the certificate of %s is not for the call's authority, %s",
                           transport->peer, grebe__stream_authority(&call->stream));
    else
        grebe__call_finish(call, code, "out of memory");
}

void grebe__call_start_stream(struct grebe_call *call, struct grebe__transport *transport)
{
    struct grebe__stream *stream = &call->stream;
    int result;

    grebe__call_wait_on(call, GREBE__CALL_STREAMING, NULL);
    grebe__call_set_peer(call, transport->address);
    stream->listener = &listener;
    stream->mem = call->mem;
    stream->path = call->method;
    stream->authority = call->authority;
    stream->content_subtype = call->content_subtype;
    stream->metadata = call->metadata;
    stream->additional = call->pick.metadata;
    stream->of_address = grebe_attributes_get(
        grebe_address_attributes(transport->address), &GREBE_ATTRIBUTE_METADATA);
    stream->headers = &call->headers;
    stream->trailers = &call->trailers;
    stream->deadline_ns = call->deadline_ns;
    stream->max_receive_bytes = call->max_receive_bytes;
    call->times.picked_ns = call->channel->host.env->now_ns;
    result = transport->ops->start(transport, stream);
    if (result == GREBE_ERR_CLOSED) {
        grebe__subconn_refused(transport, call);
        return;
    }
    count_attempt(call, transport);
    if (result == GREBE_OK)
        feed(call);
    else
        fail_unstarted(call, transport, result);
}

void grebe__call_bounce(struct grebe_call *call)
{
    struct grebe_status none = grebe_status_of(GREBE_STATUS_OK, "");

    /* The picker that chose this subconn would choose it again. */
    grebe__call_pick_done(call, &none, false, false);
    end_attempt(call, GREBE_STATUS_UNAVAILABLE);
    begin_attempt(call);
    grebe__channel_pick_again(call->channel, call);
}

/* ---- The way there ------------------------------------------------------------------ */

void grebe__call_wait_on(struct grebe_call *call, enum grebe__call_state state,
                         struct grebe__list *list)
{
    enter(call, state);
    grebe__list_remove(&call->link);
    if (list != NULL)
        grebe__list_append(list, &call->link);
}

static uint32_t smaller_if_set(uint32_t limit, bool is_set, uint32_t other)
{
    return is_set && other < limit ? other : limit;
}

/* Of the limits that are set the smallest, else the default. */
static uint32_t limit_of(uint32_t of_call, uint32_t of_channel, const uint32_t *of_config,
                         uint32_t by_default)
{
    bool is_any_set = of_call != 0 || of_channel != 0 || of_config != NULL;
    uint32_t limit = is_any_set ? UINT32_MAX : by_default;

    limit = smaller_if_set(limit, of_call != 0, of_call);
    limit = smaller_if_set(limit, of_call == 0 && of_channel != 0, of_channel);
    return of_config == NULL ? limit : smaller_if_set(limit, true, *of_config);
}

static void apply_config(struct grebe_call *call)
{
    const struct grebe_channel *channel = call->channel;
    const struct grebe__method_config *config =
        channel->config == NULL
            ? NULL
            : grebe__service_config_method(channel->config, call->method);

    call->max_receive_bytes = limit_of(
        call->max_receive_bytes, channel->max_receive_bytes,
        config != NULL && config->has_max_response_bytes ? &config->max_response_bytes
                                                         : NULL,
        4194304);
    call->max_send_bytes = limit_of(call->max_send_bytes, channel->max_send_bytes,
                                    config != NULL && config->has_max_request_bytes
                                        ? &config->max_request_bytes
                                        : NULL,
                                    2147483647);
    if (config == NULL)
        return;
    if (call->wait_for_ready == GREBE_DEFAULT && config->has_wait_for_ready)
        call->wait_for_ready = config->wait_for_ready ? GREBE_YES : GREBE_NO;
    if (config->has_timeout) {
        uint64_t deadline_ns = (uint64_t)config->timeout_ns + call->times.started_ns;

        if (deadline_ns < call->deadline_ns)
            call->deadline_ns = deadline_ns;
    }
}

/* True if the call ended for it. */
static bool check_deadline(struct grebe_call *call)
{
    struct grebe__env *env = call->channel->host.env;

    if (call->deadline_ns == UINT64_MAX)
        return false;
    if (call->deadline_ns <= env->now_ns) {
        finish_interrupted(call, GREBE_STATUS_DEADLINE_EXCEEDED,
                           "context deadline exceeded");
        return true;
    }
    if (call->timer.deadline_ns != call->deadline_ns ||
        !grebe__timer_is_running(&call->timer))
        grebe__env_start_timer(env, &call->timer, call->deadline_ns);
    return false;
}

void grebe__call_resolved(struct grebe_call *call)
{
    apply_config(call);
    if (check_deadline(call))
        return;
    for (struct grebe__outgoing_entry *entry = call->sends; entry != NULL;
         entry = entry->next)
        if (is_too_large(call, entry))
            return;
    begin_attempt(call);
    grebe__channel_pick(call->channel, call);
}

void grebe__call_start(struct grebe_call *call)
{
    struct grebe_channel *channel = call->channel;

    GREBE_ASSERT(call->state == GREBE__CALL_CREATED);
    grebe_call_ref(call); /* until its completion has run */
    enter(call, GREBE__CALL_RESOLVING);
    grebe__list_append(&channel->calls, &call->active);
    grebe__channel_call_begins(channel);
    if (channel->call_meter != NULL)
        call->meter = grebe__call_meter_method(channel->call_meter, call);
    if (channel->is_closed) {
        grebe__call_finish(call, GREBE_STATUS_CANCELLED,
                           "grpc: the client connection is closing");
        return;
    }
    if (channel->has_resolved) {
        grebe__call_resolved(call);
        return;
    }
    grebe__call_wait_on(call, GREBE__CALL_RESOLVING, &channel->resolving);
    check_deadline(call);
}

/* ---- From any thread ------------------------------------------------------------------ */

static void run_start(struct grebe__task *task)
{
    struct grebe_call *call = grebe_container_of(task, struct grebe_call, start_task);

    grebe__call_start(call);
    grebe_call_unref(call);
}

static void run_cancel(struct grebe__task *task)
{
    struct grebe_call *call = grebe_container_of(task, struct grebe_call, cancel_task);

    grebe__call_cancel(call);
    grebe_call_unref(call);
}

void grebe__call_submit_start(struct grebe_call *call)
{
    call->start_task.run = run_start;
    grebe__env_submit(call->env, &grebe_call_ref(call)->start_task);
}

void grebe__call_submit_cancel(struct grebe_call *call)
{
    if (grebe_call_is_done(call) ||
        __atomic_exchange_n(&call->is_cancel_posted, true, __ATOMIC_ACQ_REL))
        return;
    call->cancel_task.run = run_cancel;
    grebe__env_submit(call->env, &grebe_call_ref(call)->cancel_task);
}

/* ---- Results -------------------------------------------------------------------------- */

bool grebe_call_is_done(const struct grebe_call *call)
{
    return __atomic_load_n(&call->is_done, __ATOMIC_ACQUIRE);
}

const struct grebe_status *grebe_call_status(const struct grebe_call *call)
{
    static const struct grebe_status nothing = {
        GREBE_STATUS_UNKNOWN, "", 0, NULL, 0, NULL};

    return call == NULL ? &nothing : &call->status.view;
}

const void *grebe_call_response(const struct grebe_call *call, size_t *length)
{
    bool has_response = call != NULL && call->status.view.code == GREBE_STATUS_OK;

    if (length != NULL)
        *length = has_response ? call->unary.response_length : 0;
    return has_response ? call->unary.response : NULL;
}

const struct grebe_metadata *grebe_call_headers(const struct grebe_call *call)
{
    return call == NULL ? NULL : &call->headers;
}

const struct grebe_metadata *grebe_call_trailers(const struct grebe_call *call)
{
    return call == NULL ? NULL : &call->trailers;
}

const char *grebe_call_peer(const struct grebe_call *call)
{
    return call == NULL || call->peer == NULL ? "" : grebe_address_text(call->peer);
}

const struct grebe_explanation *grebe_call_explain(const struct grebe_call *call)
{
    return call->explanation;
}

struct grebe_call_times grebe_call_times(const struct grebe_call *call)
{
    return call->times;
}
