/* SPDX-License-Identifier: Apache-2.0 */
#include "h2/session.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <grebe/error.h>

#include "base/assert.h"
#include "base/text.h"
#include "h2/internal.h"
#include "h2/library.h"

enum {
    LAST_STREAM_ID = 1610612735, /* 3/4 of 2^31, as grpc-go has it */
    /* From 1.65.0 on, nghttp2 has no RFC 7540 priorities, and a client's streams are
     * sent one after the other. */
    DRAINS_OLDEST_FIRST = 0x014100,
};

static const char shutdown_text[] = "client transport shutdown";

/* ---- Notes for later --------------------------------------------------------------- */

void grebe__h2_report_later(struct grebe__h2 *h2)
{
    grebe__env_do(h2->env, &h2->report);
}

void grebe__h2_note_capacity(struct grebe__h2 *h2)
{
    h2->has_capacity = true;
    grebe__h2_report_later(h2);
}

void grebe__h2_set_label(struct grebe__h2 *h2, const char *label)
{
    if (h2->transport.label == NULL)
        h2->transport.label = label;
}

void grebe__h2_finish(struct grebe__h2 *h2, const char *label, const char *format, ...)
{
    char raw[GREBE__REASON_MAX + 1];
    struct grebe__text text;
    va_list args;

    if (h2->is_over)
        return;
    text = grebe__text_init(h2->reason, sizeof h2->reason);
    va_start(args, format);
    vsnprintf(raw, sizeof raw, format, args);
    va_end(args);
    grebe__text_append_escaped(&text, raw, strlen(raw));
    grebe__h2_set_label(h2, label);
    h2->is_over = true;
    h2->transport.is_draining = true;
    grebe__keepalive_stop(&h2->keepalive);
    if (h2->pipe != NULL)
        h2->pipe->ops->finish(h2->pipe);
}

void grebe__h2_terminate(struct grebe__h2 *h2, uint32_t error_code, const char *reason)
{
    nghttp2_session_terminate_session(h2->session, error_code);
    grebe__h2_finish(h2, "unknown", "%s", reason);
}

/* A stream that cannot be reset would stay open for ever. */
void grebe__h2_reset_stream(struct grebe__h2 *h2, int32_t id, uint32_t error_code)
{
    if (nghttp2_submit_rst_stream(h2->session, NGHTTP2_FLAG_NONE, id, error_code) != 0)
        grebe__h2_finish(h2, "unknown", "out of memory");
    grebe__h2_wants_write(h2);
}

/* For whoever looks at the connection. */
void grebe__h2_show_windows(struct grebe__h2 *h2)
{
    struct grebe__socket_counts *counts = &h2->transport.socket.counts;

    grebe__count_set(
        &counts->local_window,
        (uint64_t)(int64_t)nghttp2_session_get_local_window_size(h2->session));
    grebe__count_set(
        &counts->remote_window,
        (uint64_t)(int64_t)nghttp2_session_get_remote_window_size(h2->session));
}

struct grebe__stream *grebe__h2_find(struct grebe__h2 *h2, int32_t id)
{
    struct grebe__stream *stream = h2->cached;

    if (stream != NULL && grebe__h2_state(stream)->id == id)
        return stream;
    stream = nghttp2_session_get_stream_user_data(h2->session, id);
    if (stream != NULL)
        h2->cached = stream;
    return stream;
}

/* ---- What the transport's listener hears ------------------------------------------- */

/* "connection to 10.0.0.1:443: read: connection reset by peer; received prior goaway: ..." */
static void describe(const struct grebe__h2 *h2, const char *why,
                     struct grebe__text *text)
{
    grebe__text_printf(text, "connection to %s: %s", h2->transport.peer, why);
    if (!h2->has_goaway)
        return;
    grebe__text_printf(text, "; received prior goaway: code: %s",
                       grebe__h2_error_name(h2->goaway_code));
    if (h2->n_goaway_debug == 0)
        return;
    grebe__text_printf(text, ", debug data: \"");
    grebe__text_append_escaped(text, h2->goaway_debug, h2->n_goaway_debug);
    grebe__text_printf(text, "\"");
}

static struct grebe__disconnect disconnect_of(const struct grebe__h2 *h2,
                                              const struct grebe__text *text)
{
    return (struct grebe__disconnect){
        .status = grebe_status_of(GREBE_STATUS_UNAVAILABLE, text->buf),
        .label = h2->transport.label == NULL ? "unknown" : h2->transport.label,
        .is_too_many_pings = h2->is_too_many_pings,
    };
}

enum { DESCRIPTION_MAX = 512 + GREBE__REASON_MAX + 4 * GREBE__GOAWAY_DEBUG_MAX };

static void report_draining(struct grebe__h2 *h2, const char *why)
{
    char buf[DESCRIPTION_MAX];
    struct grebe__text text = grebe__text_init(buf, sizeof buf);
    struct grebe__disconnect disconnect;

    if (h2->has_reported_draining || h2->transport.listener == NULL)
        return;
    h2->has_reported_draining = true;
    describe(h2, why, &text);
    disconnect = disconnect_of(h2, &text);
    h2->transport.listener->on_draining(&h2->transport, &disconnect);
}

static void report_closed(struct grebe__h2 *h2)
{
    char buf[DESCRIPTION_MAX];
    struct grebe__text text = grebe__text_init(buf, sizeof buf);
    struct grebe__disconnect disconnect;

    if (h2->transport.listener == NULL)
        return;
    describe(h2, h2->reason, &text);
    disconnect = disconnect_of(h2, &text);
    h2->transport.listener->on_closed(&h2->transport, &disconnect);
}

void grebe__h2_begin_draining(struct grebe__h2 *h2, const char *label)
{
    grebe__h2_set_label(h2, label);
    h2->transport.is_draining = true;
    report_draining(h2, "draining");
    grebe__h2_report_later(h2); /* perhaps nothing is left to wait for */
}

/* ---- Life -------------------------------------------------------------------------- */

static void on_report(struct grebe__effect *effect);

static struct grebe__h2 *of_keepalive(struct grebe__keepalive *keepalive)
{
    return grebe_container_of(keepalive, struct grebe__h2, keepalive);
}

static void on_ping_due(struct grebe__keepalive *keepalive)
{
    struct grebe__h2 *h2 = of_keepalive(keepalive);

    if (nghttp2_submit_ping(h2->session, NGHTTP2_FLAG_NONE, NULL) != 0)
        grebe__h2_finish(h2, "unknown", "out of memory");
    grebe__count_add(&h2->transport.socket.counts.keepalives_sent, 1);
    grebe__h2_wants_write(h2);
}

static void on_peer_dead(struct grebe__keepalive *keepalive)
{
    grebe__h2_finish(of_keepalive(keepalive), "connection timed out",
                     "keepalive ping failed to receive ACK within timeout");
}

static bool has_calls(struct grebe__keepalive *keepalive)
{
    return of_keepalive(keepalive)->transport.n_streams > 0;
}

static const struct grebe__keepalive_ops keepalive_ops = {
    .ping = on_ping_due,
    .dead = on_peer_dead,
    .has_calls = has_calls,
};

/* What the peer has to know of us.  Push is off because nothing here could take one. */
static int submit_preface(struct grebe__h2 *h2)
{
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, h2->options->max_header_list_bytes},
    };

    if (nghttp2_submit_settings(h2->session, NGHTTP2_FLAG_NONE, settings,
                                GREBE_ARRAY_LEN(settings)) != 0)
        return GREBE_ERR_NOMEM;
    if (nghttp2_session_set_local_window_size(h2->session, NGHTTP2_FLAG_NONE, 0,
                                              GREBE__CONNECTION_WINDOW) != 0)
        return GREBE_ERR_NOMEM;
    return GREBE_OK;
}

/* The struct, and behind it the texts it copies. */
static struct grebe__h2 *allocate(const struct grebe__h2_config *config)
{
    const char *local = config->local == NULL ? "" : config->local;
    size_t authority_bytes = strlen(config->authority) + 1;
    size_t peer_bytes = strlen(config->peer) + 1, local_bytes = strlen(local) + 1;
    struct grebe__h2 *h2 = grebe_mem_zalloc(config->mem, sizeof *h2 + authority_bytes +
                                                             peer_bytes + local_bytes);
    char *texts;

    if (h2 == NULL)
        return NULL;
    texts = (char *)(h2 + 1);
    memcpy(texts, config->authority, authority_bytes);
    memcpy(texts + authority_bytes, config->peer, peer_bytes);
    memcpy(texts + authority_bytes + peer_bytes, local, local_bytes);
    h2->base = (struct grebe__request_base){
        .authority = texts,
        .authority_length = authority_bytes - 1,
        .user_agent = config->options->user_agent,
        .user_agent_length = strlen(config->options->user_agent),
        .is_tls = config->is_tls,
    };
    h2->transport.peer = texts + authority_bytes;
    h2->transport.socket.remote.text = h2->transport.peer;
    h2->transport.socket.local.text = texts + authority_bytes + peer_bytes;
    return h2;
}

int grebe__h2_new(const struct grebe__h2_config *config, struct grebe__h2 **out)
{
    const struct grebe__transport_options *options = config->options;
    struct grebe__h2 *h2 = allocate(config);

    if (h2 == NULL)
        return GREBE_ERR_NOMEM;
    h2->env = config->env;
    h2->mem = config->mem;
    h2->pool = config->pool;
    h2->pipe = config->pipe;
    h2->options = options;
    h2->last_stream_id = LAST_STREAM_ID;
    h2->max_header_list = UINT32_MAX;
    h2->yielding_end = &h2->yielding;
    h2->takes_turns = nghttp2_version(0)->version_num >= DRAINS_OLDEST_FIRST;
    h2->transport.ops = &grebe__h2_transport_ops;
    h2->transport.keepalive_time_ns = options->keepalive_time_ns;
    h2->transport.security_level = config->is_tls ? "privacy_and_integrity" : "none";
    grebe__list_init(&h2->transport.link);
    grebe__list_init(&h2->streams);
    grebe__list_init(&h2->reports);
    grebe__effect_init(&h2->report, on_report);
    grebe__guard_init(&h2->guard, h2->env->now_ns);
    grebe__status_init(&h2->closing, h2->mem);
    grebe__keepalive_init(&h2->keepalive, h2->env, &keepalive_ops,
                          options->keepalive_time_ns, options->keepalive_timeout_ns,
                          options->keepalive_without_calls);
    if (grebe__h2_library_open(h2) != GREBE_OK || submit_preface(h2) != GREBE_OK) {
        nghttp2_session_del(h2->session);
        grebe_mem_free(h2->mem, h2);
        return GREBE_ERR_NOMEM;
    }
    *out = h2;
    return GREBE_OK;
}

static void destroy(struct grebe__h2 *h2)
{
    grebe__effect_cancel(&h2->report);
    grebe__status_fini(&h2->closing);
    grebe_mem_free(h2->mem, h2);
}

struct grebe__transport *grebe__h2_transport(struct grebe__h2 *h2)
{
    return &h2->transport;
}

bool grebe__h2_is_ready(const struct grebe__h2 *h2)
{
    return h2->is_ready && !h2->is_over;
}

const char *grebe__h2_reason(const struct grebe__h2 *h2)
{
    return h2->reason;
}

void grebe__h2_set_last_stream_id(struct grebe__h2 *h2, uint32_t id)
{
    h2->last_stream_id = id;
}

void grebe__h2_set_turns(struct grebe__h2 *h2, bool takes_turns)
{
    h2->takes_turns = takes_turns;
}

/* ---- Input ------------------------------------------------------------------------- */

int grebe__h2_receive(struct grebe__h2 *h2, const void *bytes, size_t length)
{
    struct grebe__guard_fault fault;
    ssize_t n;

    if (h2->is_over)
        return GREBE_ERR_CLOSED;
    grebe__keepalive_read(&h2->keepalive);
    if (!grebe__guard_admits(&h2->guard, bytes, length, h2->env->now_ns, &fault)) {
        grebe__h2_terminate(h2, fault.error_code, fault.text);
        grebe__h2_wants_write(h2);
        return GREBE_ERR_CLOSED;
    }
    n = nghttp2_session_mem_recv(h2->session, bytes, length);
    if (n < 0)
        grebe__h2_finish(h2, "unknown", "HTTP/2: %s", nghttp2_strerror((int)n));
    if (nghttp2_session_want_write(h2->session) != 0)
        grebe__h2_wants_write(h2);
    grebe__h2_update_throttle(h2);
    grebe__h2_show_windows(h2);
    return h2->is_over ? GREBE_ERR_CLOSED : GREBE_OK;
}

/* ---- Reports ----------------------------------------------------------------------- */

static struct grebe__stream *stream_of_link(struct grebe__list *link)
{
    return grebe__h2_stream_of(grebe_container_of(link, struct grebe__h2_stream, link));
}

static void report_streams(struct grebe__h2 *h2)
{
    struct grebe__list *link;

    while ((link = grebe__list_shift(&h2->reports)) != NULL)
        grebe__h2_stream_report(h2, grebe__h2_stream_of(grebe_container_of(
                                        link, struct grebe__h2_stream, report)));
}

static void end_streams(struct grebe__h2 *h2, const struct grebe_status *status)
{
    while (!grebe__list_is_empty(&h2->streams)) {
        struct grebe__stream *stream = stream_of_link(h2->streams.next);

        grebe__h2_stream_end(h2, stream, status,
                             grebe__h2_stream_progress(grebe__h2_state(stream)));
    }
}

/* Nothing is left to wait for: say goodbye. */
static void say_goodbye(struct grebe__h2 *h2)
{
    nghttp2_submit_goaway(h2->session, NGHTTP2_FLAG_NONE, 0, NGHTTP2_NO_ERROR,
                          (const uint8_t *)shutdown_text, sizeof shutdown_text - 1);
    grebe__h2_finish(h2, "subchannel shutdown", "closed by this side");
    grebe__h2_wants_write(h2);
}

static void on_report(struct grebe__effect *effect)
{
    struct grebe__h2 *h2 = grebe_container_of(effect, struct grebe__h2, report);
    struct grebe__transport *transport = &h2->transport;

    report_streams(h2);
    if (h2->is_closing)
        end_streams(h2, &h2->closing.view);
    if (h2->session == NULL) {
        if (grebe__list_is_empty(&h2->streams)) {
            report_closed(h2);
            destroy(h2);
        }
        return;
    }
    if (h2->is_over)
        return;
    if (transport->is_draining) {
        report_draining(h2, "out of stream ids");
        if (h2->is_closing || transport->n_streams == 0)
            say_goodbye(h2);
    } else if (h2->has_capacity && transport->listener != NULL) {
        h2->has_capacity = false;
        transport->listener->on_capacity(transport);
    }
}

/* ---- The end ----------------------------------------------------------------------- */

/* All streams end; those with messages that nobody has taken yet stay on the list. */
static void lose_streams(struct grebe__h2 *h2, const struct grebe_status *status)
{
    struct grebe__list lost, *link;

    grebe__list_init(&lost);
    grebe__list_splice(&lost, &h2->streams);
    while ((link = grebe__list_shift(&lost)) != NULL) {
        struct grebe__stream *stream = stream_of_link(link);
        struct grebe__h2_stream *state = grebe__h2_state(stream);

        grebe__list_append(&h2->streams, link);
        state->is_closed = true;
        if (!grebe__h2_stream_is_over(state))
            grebe__h2_stream_conclude(h2, stream, status,
                                      grebe__h2_stream_progress(state));
    }
}

void grebe__h2_lost(struct grebe__h2 *h2, const char *why, const char *label)
{
    char buf[DESCRIPTION_MAX];
    struct grebe__text text = grebe__text_init(buf, sizeof buf);
    struct grebe_status status;

    grebe__h2_finish(h2, label, "%s", why);
    describe(h2, h2->reason, &text);
    status = grebe_status_of(GREBE_STATUS_UNAVAILABLE, buf);
    nghttp2_session_del(h2->session);
    h2->session = NULL;
    h2->pipe = NULL;
    h2->transport.n_streams = 0;
    if (h2->is_closing)
        end_streams(h2, &h2->closing.view);
    lose_streams(h2, &status);
    report_streams(h2);
    if (!grebe__list_is_empty(&h2->streams)) {
        report_draining(h2, h2->reason);
        return;
    }
    report_closed(h2);
    destroy(h2);
}
