/* SPDX-License-Identifier: Apache-2.0 */
/* What the core asks of the connection: core/transport.h's functions.  Nothing here tells
 * a listener anything; what has to be told is reported at the end of the turn. */
#include <grebe/error.h>

#include "base/assert.h"
#include "h2/internal.h"

/* Beyond this a header list is refused here, whatever the peer allows. */
enum { REQUEST_LIST_MAX = 1024 * 1024 };

static int submit(struct grebe__h2 *h2, struct grebe__stream *stream,
                  const struct grebe__request *request)
{
    nghttp2_data_provider provider = grebe__h2_data_provider();
    int32_t id;

    if (request->list_bytes > h2->max_header_list ||
        request->list_bytes > REQUEST_LIST_MAX)
        return GREBE_ERR_TOO_LARGE;
    grebe__keepalive_call(&h2->keepalive);
    id = nghttp2_submit_request(h2->session, NULL, request->fields, request->n_fields,
                                &provider, stream);
    if (id < 0)
        return id == NGHTTP2_ERR_NOMEM ? GREBE_ERR_NOMEM : GREBE_ERR_CLOSED;
    grebe__h2_state(stream)->id = id;
    return GREBE_OK;
}

static void attach(struct grebe__h2 *h2, struct grebe__stream *stream)
{
    struct grebe__socket_counts *counts = &h2->transport.socket.counts;

    grebe__list_append(&h2->streams, &grebe__h2_state(stream)->link);
    stream->transport = &h2->transport;
    grebe__count_add(&counts->streams_started, 1);
    grebe__count_set(&counts->last_stream_ns, h2->env->now_ns);
}

static uint64_t left_of(uint64_t deadline_ns, uint64_t now_ns)
{
    if (deadline_ns == UINT64_MAX)
        return UINT64_MAX;
    return deadline_ns > now_ns ? deadline_ns - now_ns : 0;
}

static bool may_go_here(struct grebe__h2 *h2, const struct grebe__stream *stream)
{
    const char *authority = grebe__stream_authority(stream);

    return authority == NULL || h2->pipe->ops->covers == NULL ||
           h2->pipe->ops->covers(h2->pipe, authority);
}

static int start(struct grebe__transport *transport, struct grebe__stream *stream)
{
    struct grebe__h2 *h2 = grebe__h2_of(transport);
    struct grebe__h2_stream *state = grebe__h2_state(stream);
    uint64_t left_ns = left_of(stream->deadline_ns, h2->env->now_ns);
    struct grebe__request request;
    int result;

    if (!h2->is_ready || !grebe__transport_has_room(transport))
        return GREBE_ERR_CLOSED;
    if (!may_go_here(h2, stream))
        return GREBE_ERR_TLS;
    grebe__h2_stream_init(stream);
    if (left_ns == 0) {
        attach(h2, stream);
        state->is_closed = true; /* nghttp2 has never heard of it */
        grebe__h2_stream_end_later(h2, stream, GREBE__LOCAL_END_EXPIRED);
        return GREBE_OK;
    }
    result = grebe__request_init(&request, h2->pool, &h2->base, stream, left_ns);
    if (result != GREBE_OK)
        return result;
    result = submit(h2, stream, &request);
    grebe__request_fini(&request);
    if (result != GREBE_OK)
        return result;
    attach(h2, stream);
    transport->n_streams++;
    h2->n_unsent++;
    if ((uint32_t)state->id >= h2->last_stream_id) {
        transport->is_draining = true;
        grebe__h2_report_later(h2);
    }
    grebe__h2_wants_write(h2);
    return GREBE_OK;
}

/* There is something to send, or to end, again. */
static void resume(struct grebe__h2 *h2, struct grebe__h2_stream *state)
{
    if (h2->session == NULL || state->is_closed)
        return;
    if (state->is_deferred) {
        state->is_deferred = false;
        if (nghttp2_session_resume_data(h2->session, state->id) == NGHTTP2_ERR_NOMEM)
            grebe__h2_finish(h2, "unknown", "out of memory");
    }
    grebe__h2_wants_write(h2);
}

static void send(struct grebe__stream *stream, struct grebe__outgoing *outgoing)
{
    struct grebe__h2_stream *state = grebe__h2_state(stream);

    GREBE_ASSERT(!state->is_half_closed);
    GREBE_ASSERT(outgoing->length <= UINT32_MAX);
    outgoing->next = NULL;
    *state->outgoing_end = outgoing;
    state->outgoing_end = &outgoing->next;
    if (state->next == NULL)
        state->next = outgoing;
    state->n_unsent += GREBE__PREFIX_BYTES + outgoing->length;
    state->is_half_closed = outgoing->is_last;
    resume(grebe__h2_of(stream->transport), state);
}

static void half_close(struct grebe__stream *stream)
{
    struct grebe__h2_stream *state = grebe__h2_state(stream);

    if (state->is_half_closed)
        return;
    state->is_half_closed = true;
    resume(grebe__h2_of(stream->transport), state);
}

static void receive(struct grebe__stream *stream)
{
    struct grebe__h2_stream *state = grebe__h2_state(stream);

    state->n_permits++;
    if (grebe__deframer_n_bytes(&state->deframer) > 0)
        grebe__h2_stream_report_later(grebe__h2_of(stream->transport), stream);
}

static void cancel(struct grebe__stream *stream)
{
    struct grebe__h2 *h2 = grebe__h2_of(stream->transport);
    const struct grebe__h2_stream *state = grebe__h2_state(stream);

    if (h2->session != NULL && !state->is_closed && state->is_on_wire &&
        !(state->is_remote_done && state->is_send_done))
        grebe__h2_reset_stream(h2, state->id, NGHTTP2_CANCEL);
    grebe__h2_stream_detach(h2, stream);
    if (h2->session == NULL)
        grebe__h2_report_later(h2); /* it may have been the last one */
}

static void drain(struct grebe__transport *transport)
{
    struct grebe__h2 *h2 = grebe__h2_of(transport);

    grebe__h2_set_label(h2, "subchannel shutdown");
    transport->is_draining = true;
    h2->has_reported_draining = true; /* its owner knows */
    grebe__h2_report_later(h2);
}

static void close(struct grebe__transport *transport, const struct grebe_status *status)
{
    struct grebe__h2 *h2 = grebe__h2_of(transport);

    if (h2->is_closing)
        return;
    h2->is_closing = true;
    grebe__status_copy(&h2->closing, status);
    drain(transport);
}

const struct grebe__transport_ops grebe__h2_transport_ops = {
    .start = start,
    .send = send,
    .half_close = half_close,
    .receive = receive,
    .cancel = cancel,
    .drain = drain,
    .close = close,
};
