/* SPDX-License-Identifier: Apache-2.0 */
/* Streams to the backend of a subconn, as producers open them: there is no backend, so one
 * is open from the moment it is asked for until nobody wants it, and brings what the script
 * says. */
#include <string.h>

#include "core/subconn_stream.h"
#include "lab/internal.h"
#include "messages/health.h"
#include "messages/load_report.h"
#include "sim/orca.h"

static struct grebe__subconn_stream *stream_of(struct grebe__list *link)
{
    return grebe_container_of(link, struct grebe__subconn_stream, link);
}

static bool is_for_load(const struct grebe__subconn_stream *stream)
{
    return strcmp(stream->method, GREBE__LOAD_REPORT_STREAM) == 0;
}

static const char *kind_of(const struct grebe__subconn_stream *stream)
{
    if (is_for_load(stream))
        return "orca";
    return strcmp(stream->method, GREBE__HEALTH_WATCH) == 0 ? "health" : stream->method;
}

static void tell(const struct grebe__subconn_stream *stream, bool is_on)
{
    const struct lab_subconn *subconn = stream->bench;
    struct lab_event event = {
        .kind = LAB_PRODUCER,
        .producer = {.subconn = subconn, .kind = kind_of(stream), .is_on = is_on},
    };

    if (is_on && is_for_load(stream))
        event.producer.interval_ns =
            sim_orca_interval_ns(stream->request, stream->request_length);
    lab__emit(subconn->lab, event);
}

static bool has_another(const struct grebe__subconn_stream *stream)
{
    const struct lab_subconn *subconn = stream->bench;

    grebe__list_foreach (link, &subconn->streams) {
        if (strcmp(stream_of(link)->method, stream->method) == 0)
            return true;
    }
    return false;
}

/* A producer that changes what it asks for opens the next stream before it closes the last:
 * it is on all the time. */
static void on_close(struct grebe__subconn_stream *stream)
{
    grebe__list_remove(&stream->link);
    if (!has_another(stream))
        tell(stream, false);
}

int lab__open_stream(struct grebe_subconn *base, struct grebe__subconn_stream *stream)
{
    struct lab_subconn *subconn = grebe_container_of(base, struct lab_subconn, base);

    if (base->delivered != GREBE_READY)
        return GREBE_ERR_CLOSED;
    stream->bench = subconn;
    stream->on_close = on_close;
    grebe__list_append(&subconn->streams, &stream->link);
    tell(stream, true);
    return GREBE_OK;
}

/* A listener closes its stream, if it does, when the turn goes on: the list stays whole. */
bool lab__deliver_load(struct lab_subconn *subconn, const void *bytes, size_t length)
{
    bool has_listener = false;

    grebe__list_foreach (link, &subconn->streams) {
        struct grebe__subconn_stream *stream = stream_of(link);

        if (!is_for_load(stream))
            continue;
        stream->listener->on_message(stream, bytes, length);
        has_listener = true;
    }
    return has_listener;
}

bool lab_report_load(struct lab_subconn *subconn, const void *bytes, size_t length)
{
    struct lab *lab = subconn->lab;
    bool has_listener;

    grebe__env_enter(&lab->sim.env);
    has_listener = lab__deliver_load(subconn, bytes, length);
    grebe__env_leave(&lab->sim.env);
    lab__settle(lab);
    return has_listener;
}
