/* SPDX-License-Identifier: Apache-2.0 */
#include "core/subconn_stream.h"

#include <grebe/endpoint.h>
#include <grebe/error.h>

#include "base/assert.h"
#include "core/subconn.h"

static struct grebe__subconn_stream *of(struct grebe__stream *stream)
{
    return grebe_container_of(stream, struct grebe__subconn_stream, stream);
}

static struct grebe__subconn_stream *of_link(struct grebe__list *link)
{
    return grebe_container_of(link, struct grebe__subconn_stream, link);
}

static struct grebe__env *env_of(const struct grebe__subconn_stream *stream)
{
    return stream->subconn->channel->host.env;
}

/* ---- The end ------------------------------------------------------------------------ */

static bool is_open(const struct grebe__subconn_stream *stream)
{
    return stream->stream.transport != NULL;
}

static bool has_ended(const struct grebe__subconn_stream *stream)
{
    return grebe__effect_is_queued(&stream->ending);
}

static void count_out(struct grebe__subconn_stream *stream, int code)
{
    /* How long it was open says nothing of the backend. */
    grebe__call_counts_end(&stream->subconn->counts, code == GREBE_STATUS_OK, 0);
}

/* Off its transport, without a word from there. */
static void cancel(struct grebe__subconn_stream *stream, int code)
{
    if (!is_open(stream))
        return;
    stream->transport->ops->cancel(&stream->stream);
    count_out(stream, code);
}

static void end_later(struct grebe__subconn_stream *stream,
                      const struct grebe_status *status)
{
    grebe__status_copy(&stream->end, status);
    grebe__env_do(env_of(stream), &stream->ending);
}

/* Of the subconn's streams it is one no longer. */
static void leave(struct grebe__subconn_stream *stream)
{
    grebe__list_remove(&stream->link);
    grebe__effect_cancel(&stream->ending);
    grebe__metadata_clear(&stream->headers);
    grebe__metadata_clear(&stream->trailers);
    stream->subconn = NULL;
    stream->transport = NULL;
}

static void run_ending(struct grebe__effect *effect)
{
    struct grebe__subconn_stream *stream =
        grebe_container_of(effect, struct grebe__subconn_stream, ending);

    leave(stream);
    stream->listener->on_end(stream);
}

void grebe__subconn_stream_fail(struct grebe__subconn_stream *stream, int code,
                                const char *message)
{
    struct grebe_status status = grebe_status_of(code, message);

    if (stream->subconn == NULL || has_ended(stream))
        return;
    cancel(stream, code);
    end_later(stream, &status);
}

void grebe__subconn_stream_close(struct grebe__subconn_stream *stream)
{
    if (stream->on_close != NULL) {
        stream->on_close(stream);
        stream->on_close = NULL;
    }
    if (stream->subconn == NULL)
        return;
    cancel(stream, GREBE_STATUS_CANCELLED);
    leave(stream);
}

/* ---- On a transport ------------------------------------------------------------------- */

static void ignore_headers(struct grebe__stream *stream)
{
    (void)stream;
}

static void ignore_sent(struct grebe__stream *stream, struct grebe__outgoing *outgoing)
{
    (void)stream;
    (void)outgoing;
}

static void on_message(struct grebe__stream *base, void *bytes, size_t length)
{
    const struct grebe_mem *mem = base->mem;
    struct grebe__subconn_stream *stream = of(base);

    stream->listener->on_message(stream, bytes, length);
    grebe_mem_free(mem, bytes);
}

static void on_end(struct grebe__stream *base, const struct grebe__stream_end *end)
{
    struct grebe__subconn_stream *stream = of(base);

    count_out(stream, end->status.code);
    end_later(stream, &end->status);
}

static const struct grebe__stream_listener listener = {
    .on_headers = ignore_headers,
    .on_message = on_message,
    .on_sent = ignore_sent,
    .on_end = on_end,
};

static void set_peer(struct grebe__subconn_stream *stream, struct grebe_address *peer)
{
    grebe_address_unref(stream->peer);
    stream->peer = peer == NULL ? NULL : grebe_address_ref(peer);
}

static void prepare(struct grebe__subconn_stream *stream,
                    const struct grebe__transport *transport)
{
    struct grebe__stream *base = &stream->stream;

    *base = (struct grebe__stream){
        .listener = &listener,
        .mem = stream->subconn->channel->host.mem,
        .path = stream->method,
        .metadata = stream->request_metadata,
        .of_address = grebe_attributes_get(grebe_address_attributes(transport->address),
                                           &GREBE_ATTRIBUTE_METADATA),
        .headers = &stream->headers,
        .trailers = &stream->trailers,
        .deadline_ns = UINT64_MAX,
        .max_receive_bytes = stream->max_message_bytes,
    };
    stream->outgoing = (struct grebe__outgoing){
        .bytes = stream->request,
        .length = stream->request_length,
        .is_last = true,
    };
    set_peer(stream, transport->address);
}

static void start(struct grebe__subconn_stream *stream,
                  struct grebe__transport *transport)
{
    int result;

    prepare(stream, transport);
    result = transport->ops->start(transport, &stream->stream);
    if (result == GREBE_OK) {
        stream->transport = transport;
        stream->was_open = true;
        grebe__call_counts_begin(&stream->subconn->counts, env_of(stream)->now_ns);
        transport->ops->send(&stream->stream, &stream->outgoing);
        if (stream->wants_message)
            transport->ops->receive(&stream->stream);
        stream->wants_message = false;
    } else if (result == GREBE_ERR_NOMEM) {
        grebe__subconn_stream_fail(stream, GREBE_STATUS_RESOURCE_EXHAUSTED,
                                   "out of memory");
    } else if (result == GREBE_ERR_TOO_LARGE) {
        grebe__subconn_stream_fail(stream, GREBE_STATUS_INTERNAL,
                                   "the request's header list is larger than the "
                                   "backend allows");
    } else {
        transport->is_draining = true; /* it waits for another connection */
    }
}

void grebe__subconn_stream_receive(struct grebe__subconn_stream *stream)
{
    if (is_open(stream))
        stream->transport->ops->receive(&stream->stream);
    else
        stream->wants_message = true;
}

/* ---- Room ------------------------------------------------------------------------------ */

static bool waits(const struct grebe__subconn_stream *stream)
{
    return stream->transport == NULL && !has_ended(stream);
}

void grebe__subconn_streams_serve(struct grebe__subconn *subconn)
{
    grebe__list_foreach_safe (link, &subconn->streams) {
        struct grebe__transport *transport;

        while (waits(of_link(link)) && (transport = grebe__subconn_room(subconn)) != NULL)
            start(of_link(link), transport);
    }
}

int grebe__subconn_stream_open(struct grebe__subconn_stream *stream,
                               struct grebe__subconn *subconn)
{
    GREBE_ASSERT(stream->subconn == NULL);
    if (subconn->n_transports == 0 ||
        (stream->wants_ready && subconn->state != GREBE_READY))
        return GREBE_ERR_CLOSED;
    stream->subconn = subconn;
    stream->was_open = stream->is_lost = false;
    stream->wants_message = false;
    set_peer(stream, NULL);
    grebe__list_append(&subconn->streams, &stream->link);
    grebe__subconn_streams_serve(subconn);
    return GREBE_OK;
}

void grebe__subconn_streams_lose(struct grebe__subconn *subconn,
                                 struct grebe__transport *transport)
{
    grebe__list_foreach_safe (link, &subconn->streams) {
        struct grebe__subconn_stream *stream = of_link(link);

        if (stream->transport != transport &&
            !(waits(stream) && subconn->n_transports == 0))
            continue;
        stream->is_lost = true;
        grebe__subconn_stream_fail(stream, GREBE_STATUS_UNAVAILABLE,
                                   "the subconn gave up its connection");
    }
}

/* ---- Life ------------------------------------------------------------------------------- */

void grebe__subconn_stream_init(struct grebe__subconn_stream *stream,
                                const struct grebe_mem *mem)
{
    *stream = (struct grebe__subconn_stream){.max_message_bytes = UINT32_MAX};
    grebe__list_init(&stream->link);
    grebe__effect_init(&stream->ending, run_ending);
    grebe__status_init(&stream->end, mem);
    grebe__metadata_init(&stream->headers, mem);
    grebe__metadata_init(&stream->trailers, mem);
}

void grebe__subconn_stream_fini(struct grebe__subconn_stream *stream)
{
    grebe__subconn_stream_close(stream);
    set_peer(stream, NULL);
    grebe__status_fini(&stream->end);
    grebe__metadata_fini(&stream->headers);
    grebe__metadata_fini(&stream->trailers);
}
