/* SPDX-License-Identifier: Apache-2.0 */
#include "channelz/json.h"

#include <string.h>

#include <grebe/error.h>

/* ---- Parts --------------------------------------------------------------------------------- */

/* What proto3 leaves out. */
static void int64_unless_zero(struct grebe__json_out *out, const char *key,
                              uint64_t value)
{
    if (value != 0)
        grebe__json_int64(out, key, (int64_t)value);
}

static void text_unless_empty(struct grebe__json_out *out, const char *key,
                              const char *text)
{
    if (text[0] != '\0')
        grebe__json_text(out, key, text);
}

static void timestamp_unless_zero(struct grebe__json_out *out, const char *key,
                                  uint64_t at_ns, int64_t epoch_ns)
{
    if (at_ns != 0)
        grebe__json_timestamp(out, key, (int64_t)at_ns + epoch_ns);
}

static void put_ref(struct grebe__json_out *out, const char *key,
                    enum grebe_channelz_kind kind, int64_t id, const char *name)
{
    static const char *const ids[] = {
        [GREBE_CHANNELZ_CHANNEL] = "channelId",
        [GREBE_CHANNELZ_SUBCHANNEL] = "subchannelId",
        [GREBE_CHANNELZ_SOCKET] = "socketId",
    };

    grebe__json_begin(out, key, '{');
    grebe__json_int64(out, ids[kind], id);
    text_unless_empty(out, "name", name);
    grebe__json_end(out, '}');
}

/* ---- Channels and subchannels --------------------------------------------------------------- */

static void put_event(struct grebe__json_out *out,
                      const struct grebe_channelz_event *event, int64_t epoch_ns)
{
    static const char *const severities[] = {
        [GREBE_CHANNELZ_UNKNOWN] = "CT_UNKNOWN",
        [GREBE_CHANNELZ_INFO] = "CT_INFO",
        [GREBE_CHANNELZ_WARNING] = "CT_WARNING",
        [GREBE_CHANNELZ_ERROR] = "CT_ERROR",
    };
    const struct grebe_channelz_ref *about = &event->about;

    grebe__json_begin(out, NULL, '{');
    text_unless_empty(out, "description", event->description);
    if (event->severity != GREBE_CHANNELZ_UNKNOWN)
        grebe__json_text(out, "severity", severities[event->severity]);
    grebe__json_timestamp(out, "timestamp", (int64_t)event->at_ns + epoch_ns);
    if (about->id != 0)
        put_ref(out,
                about->kind == GREBE_CHANNELZ_CHANNEL ? "channelRef" : "subchannelRef",
                about->kind, about->id, about->name);
    grebe__json_end(out, '}');
}

static void put_trace(struct grebe__json_out *out,
                      const struct grebe_channelz_channel *channel, int64_t epoch_ns)
{
    grebe__json_begin(out, "trace", '{');
    int64_unless_zero(out, "numEventsLogged", channel->n_events_logged);
    grebe__json_timestamp(out, "creationTimestamp",
                          (int64_t)channel->created_ns + epoch_ns);
    if (channel->n_events > 0) {
        grebe__json_begin(out, "events", '[');
        for (size_t i = 0; i < channel->n_events; i++)
            put_event(out, grebe_channelz_channel_event(channel, i), epoch_ns);
        grebe__json_end(out, ']');
    }
    grebe__json_end(out, '}');
}

static void put_data(struct grebe__json_out *out,
                     const struct grebe_channelz_channel *channel, int64_t epoch_ns)
{
    grebe__json_begin(out, "data", '{');
    grebe__json_begin(out, "state", '{');
    grebe__json_text(out, "state", grebe_connectivity_name(channel->state));
    grebe__json_end(out, '}');
    text_unless_empty(out, "target", channel->target);
    put_trace(out, channel, epoch_ns);
    int64_unless_zero(out, "callsStarted", channel->calls_started);
    int64_unless_zero(out, "callsSucceeded", channel->calls_succeeded);
    int64_unless_zero(out, "callsFailed", channel->calls_failed);
    timestamp_unless_zero(out, "lastCallStartedTimestamp", channel->last_call_started_ns,
                          epoch_ns);
    if (channel->max_connections != 0)
        grebe__json_uint32(out, "maxConnectionsPerSubchannel", channel->max_connections);
    grebe__json_end(out, '}');
}

/* Those of one kind: a message has a list for each. */
static void put_children(struct grebe__json_out *out, const char *key,
                         enum grebe_channelz_kind kind,
                         const struct grebe_channelz_channel *channel)
{
    bool has_begun = false;

    for (size_t i = 0; i < channel->n_children; i++) {
        const struct grebe_channelz_ref *child = grebe_channelz_channel_child(channel, i);

        if (child->kind != kind)
            continue;
        if (!has_begun)
            grebe__json_begin(out, key, '[');
        has_begun = true;
        put_ref(out, NULL, kind, child->id, child->name);
    }
    if (has_begun)
        grebe__json_end(out, ']');
}

void grebe__json_channel(struct grebe__json_out *out, const char *key,
                         const struct grebe_channelz_channel *channel, int64_t epoch_ns)
{
    bool is_channel = channel->kind == GREBE_CHANNELZ_CHANNEL;

    grebe__json_begin(out, key, '{');
    put_ref(out, "ref", channel->kind, channel->id, is_channel ? channel->target : "");
    put_data(out, channel, epoch_ns);
    put_children(out, "channelRef", GREBE_CHANNELZ_CHANNEL, channel);
    put_children(out, "subchannelRef", GREBE_CHANNELZ_SUBCHANNEL, channel);
    put_children(out, "socketRef", GREBE_CHANNELZ_SOCKET, channel);
    grebe__json_end(out, '}');
}

/* ---- Sockets -------------------------------------------------------------------------------- */

static void put_end(struct grebe__json_out *out, const char *key,
                    const struct grebe__socket_end *end)
{
    static const char scheme[] = "unix:";
    bool has_scheme = strncmp(end->text, scheme, sizeof scheme - 1) == 0;

    if (end->text[0] == '\0')
        return;
    grebe__json_begin(out, key, '{');
    if (end->n_ip > 0) {
        grebe__json_begin(out, "tcpipAddress", '{');
        grebe__json_bytes(out, "ipAddress", end->ip, end->n_ip);
        grebe__json_uint32(out, "port", end->port);
    } else if (end->is_unix) {
        grebe__json_begin(out, "udsAddress", '{');
        grebe__json_text(out, "filename",
                         end->text + (has_scheme ? sizeof scheme - 1 : 0));
    } else {
        grebe__json_begin(out, "otherAddress", '{');
        grebe__json_text(out, "name", end->text);
    }
    grebe__json_end(out, '}');
    grebe__json_end(out, '}');
}

static void put_socket_data(struct grebe__json_out *out,
                            const struct grebe_channelz_socket *socket, int64_t epoch_ns)
{
    grebe__json_begin(out, "data", '{');
    int64_unless_zero(out, "streamsStarted", socket->streams_started);
    int64_unless_zero(out, "streamsSucceeded", socket->streams_succeeded);
    int64_unless_zero(out, "streamsFailed", socket->streams_failed);
    int64_unless_zero(out, "messagesSent", socket->messages_sent);
    int64_unless_zero(out, "messagesReceived", socket->messages_received);
    int64_unless_zero(out, "keepAlivesSent", socket->keepalives_sent);
    timestamp_unless_zero(out, "lastLocalStreamCreatedTimestamp", socket->last_stream_ns,
                          epoch_ns);
    timestamp_unless_zero(out, "lastMessageSentTimestamp", socket->last_sent_ns,
                          epoch_ns);
    timestamp_unless_zero(out, "lastMessageReceivedTimestamp", socket->last_received_ns,
                          epoch_ns);
    grebe__json_int64(out, "localFlowControlWindow", socket->local_window);
    grebe__json_int64(out, "remoteFlowControlWindow", socket->remote_window);
    if (socket->has_goaway)
        grebe__json_uint32(out, "receivedGoawayError", socket->goaway);
    grebe__json_uint32(out, "peerMaxConcurrentStreams", socket->peer_max_streams);
    grebe__json_end(out, '}');
}

void grebe__json_socket(struct grebe__json_out *out, const char *key,
                        const struct grebe__socket_snapshot *socket, int64_t epoch_ns)
{
    const struct grebe_channelz_socket *view = &socket->view;

    grebe__json_begin(out, key, '{');
    put_ref(out, "ref", GREBE_CHANNELZ_SOCKET, view->id, view->remote);
    put_socket_data(out, view, epoch_ns);
    put_end(out, "local", &socket->local);
    put_end(out, "remote", &socket->remote);
    if (view->cipher != NULL) {
        grebe__json_begin(out, "security", '{');
        grebe__json_begin(out, "tls", '{');
        grebe__json_text(out, "standardName", view->cipher);
        grebe__json_end(out, '}');
        grebe__json_end(out, '}');
    }
    grebe__json_end(out, '}');
}

/* ---- Answers -------------------------------------------------------------------------------- */

/* Looks it up and writes it.  GREBE_ERR_NOT_FOUND, GREBE_ERR_NOMEM: nothing is written. */
static int put_one(struct grebe__json_out *out, const char *key,
                   const struct grebe__json_request *request,
                   enum grebe_channelz_kind kind, int64_t id)
{
    struct grebe__channel_snapshot *channel;
    struct grebe__socket_snapshot *socket;
    int result;

    if (kind == GREBE_CHANNELZ_SOCKET) {
        result = grebe__snapshot_socket(request->book, id, NULL, &socket);
        if (result != GREBE_OK)
            return result;
        grebe__json_socket(out, key, socket, request->epoch_ns);
        grebe_channelz_socket_free(&socket->view);
        return GREBE_OK;
    }
    result = grebe__snapshot_channel(request->book, kind, id, NULL, &channel);
    if (result != GREBE_OK)
        return result;
    grebe__json_channel(out, key, &channel->view, request->epoch_ns);
    grebe_channelz_channel_free(&channel->view);
    return GREBE_OK;
}

int grebe__json_answer_one(const struct grebe__json_request *request,
                           enum grebe_channelz_kind kind, int64_t id)
{
    static const char *const keys[] = {
        [GREBE_CHANNELZ_CHANNEL] = "channel",
        [GREBE_CHANNELZ_SUBCHANNEL] = "subchannel",
        [GREBE_CHANNELZ_SOCKET] = "socket",
    };
    struct grebe__json_out out;
    int result;

    grebe__json_out_init(&out, request->write, request->arg);
    grebe__json_begin(&out, NULL, '{');
    result = put_one(&out, keys[kind], request, kind, id);
    if (result != GREBE_OK)
        return result; /* what was begun is in `out`, and was not written */
    grebe__json_end(&out, '}');
    grebe__json_out_flush(&out);
    return GREBE_OK;
}

/* Channels of a page; those that went away meanwhile are left out. */
static int put_page(struct grebe__json_out *out,
                    const struct grebe__json_request *request,
                    const struct grebe_channelz_page *page)
{
    for (size_t i = 0; i < page->n; i++) {
        int result = put_one(out, NULL, request, GREBE_CHANNELZ_CHANNEL,
                             grebe_channelz_page_channel(page, i)->id);

        if (result == GREBE_ERR_NOMEM)
            return result;
    }
    return GREBE_OK;
}

int grebe__json_answer_top(const struct grebe__json_request *request, int64_t start_id,
                           size_t n_max)
{
    struct grebe__page_snapshot *page;
    struct grebe__json_out out;
    int result = grebe__snapshot_page(request->book, start_id, n_max, NULL, &page);

    if (result != GREBE_OK)
        return result;
    grebe__json_out_init(&out, request->write, request->arg);
    grebe__json_begin(&out, NULL, '{');
    if (page->view.n > 0) {
        grebe__json_begin(&out, "channel", '[');
        result = put_page(&out, request, &page->view);
        grebe__json_end(&out, ']');
    }
    if (page->view.is_end)
        grebe__json_bool(&out, "end", true);
    grebe__json_end(&out, '}');
    if (result == GREBE_OK)
        grebe__json_out_flush(&out);
    grebe_channelz_page_free(&page->view);
    return result;
}

/* ---- Everything ------------------------------------------------------------------------------ */

/* Ids to come back to, in the order in which they were met. */
struct ids {
    int64_t *items;
    size_t n, n_room;
};

static int remember(struct ids *ids, int64_t id)
{
    int64_t *items = ids->items;

    if (ids->n == ids->n_room) {
        size_t n_room = ids->n_room == 0 ? 64 : 2 * ids->n_room;

        items = grebe_mem_realloc(NULL, items, n_room * sizeof *items);
        if (items == NULL)
            return GREBE_ERR_NOMEM;
        ids->items = items;
        ids->n_room = n_room;
    }
    ids->items[ids->n++] = id;
    return GREBE_OK;
}

struct collection {
    struct ids of_kind[GREBE_CHANNELZ_SOCKET + 1];
};

/* Writes `channel` and remembers its children, the nested channels too. */
static int put_and_descend(struct grebe__json_out *out,
                           const struct grebe__json_request *request,
                           enum grebe_channelz_kind kind, int64_t id,
                           struct collection *children)
{
    struct grebe__channel_snapshot *channel;
    int result = grebe__snapshot_channel(request->book, kind, id, NULL, &channel);

    if (result != GREBE_OK)
        return result == GREBE_ERR_NOT_FOUND ? GREBE_OK : result;
    grebe__json_channel(out, NULL, &channel->view, request->epoch_ns);
    for (size_t i = 0; i < channel->view.n_children && result == GREBE_OK; i++) {
        const struct grebe_channelz_ref *child = &channel->children[i];

        result = remember(&children->of_kind[child->kind], child->id);
    }
    grebe_channelz_channel_free(&channel->view);
    return result;
}

static int put_tree(struct grebe__json_out *out,
                    const struct grebe__json_request *request, struct collection *all)
{
    struct ids *channels = &all->of_kind[GREBE_CHANNELZ_CHANNEL];
    struct ids *subchannels = &all->of_kind[GREBE_CHANNELZ_SUBCHANNEL];
    struct ids *sockets = &all->of_kind[GREBE_CHANNELZ_SOCKET];
    int result = GREBE_OK;

    /* The lists grow while they are walked. */
    grebe__json_begin(out, "channel", '[');
    for (size_t i = 0; i < channels->n && result == GREBE_OK; i++)
        result = put_and_descend(out, request, GREBE_CHANNELZ_CHANNEL, channels->items[i],
                                 all);
    grebe__json_end(out, ']');
    grebe__json_begin(out, "subchannel", '[');
    for (size_t i = 0; i < subchannels->n && result == GREBE_OK; i++)
        result = put_and_descend(out, request, GREBE_CHANNELZ_SUBCHANNEL,
                                 subchannels->items[i], all);
    grebe__json_end(out, ']');
    grebe__json_begin(out, "socket", '[');
    for (size_t i = 0; i < sockets->n && result == GREBE_OK; i++) {
        result = put_one(out, NULL, request, GREBE_CHANNELZ_SOCKET, sockets->items[i]);
        if (result == GREBE_ERR_NOT_FOUND)
            result = GREBE_OK;
    }
    grebe__json_end(out, ']');
    return result;
}

static int collect_top(const struct grebe__json_request *request, struct collection *all)
{
    struct grebe__page_snapshot *page;
    int result = grebe__snapshot_page(request->book, 0, SIZE_MAX, NULL, &page);

    if (result != GREBE_OK)
        return result;
    for (size_t i = 0; i < page->view.n && result == GREBE_OK; i++)
        result = remember(&all->of_kind[GREBE_CHANNELZ_CHANNEL], page->channels[i].id);
    grebe_channelz_page_free(&page->view);
    return result;
}

int grebe__json_answer_all(const struct grebe__json_request *request)
{
    struct grebe__json_out out;
    struct collection all = {0};
    int result = collect_top(request, &all);

    if (result == GREBE_OK) {
        grebe__json_out_init(&out, request->write, request->arg);
        grebe__json_begin(&out, NULL, '{');
        result = put_tree(&out, request, &all);
        grebe__json_end(&out, '}');
        grebe__json_out_flush(&out);
    }
    for (int kind = 0; kind <= GREBE_CHANNELZ_SOCKET; kind++)
        grebe_mem_free(NULL, all.of_kind[kind].items);
    return result;
}
