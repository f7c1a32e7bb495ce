/* SPDX-License-Identifier: Apache-2.0 */
#include "channelz/snapshot.h"

#include <string.h>

#include <grebe/error.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/utf8.h"

/* ---- A block that is filled from its start ------------------------------------------------ */

struct block {
    char *at;
    size_t left;
};

/* What was measured is there. */
static void *take(struct block *block, size_t size)
{
    void *taken = block->at;

    GREBE_ASSERT(size <= block->left);
    block->at += size;
    block->left -= size;
    return taken;
}

static const char *take_text(struct block *block, const char *text, size_t length)
{
    char *copy = take(block, length + 1);

    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

static const char *take_copy(struct block *block, const char *text)
{
    return take_text(block, text, strlen(text));
}

/* ---- Descriptions --------------------------------------------------------------------------- */

enum { REPLACEMENT_BYTES = 3 }; /* of U+FFFD */

/* An event in words: UTF-8, and no longer than a description may be. */
static size_t describe(const struct grebe__happening *what,
                       char out[GREBE__DESCRIPTION_MAX])
{
    char raw[GREBE__DESCRIPTION_MAX];
    struct grebe__text text = grebe__text_init(raw, sizeof raw);
    const unsigned char *at = (const unsigned char *)raw;
    size_t left, n_out = 0;

    grebe__happening_append(&text, what);
    left = text.length < sizeof raw ? text.length : sizeof raw - 1;
    while (left > 0) {
        size_t n = grebe__utf8_length(at, left);
        bool is_cut = n == 0 && text.length >= sizeof raw && left < 4;
        size_t n_new = n == 0 ? (size_t)REPLACEMENT_BYTES : n;

        if (is_cut || n_out + n_new >= GREBE__DESCRIPTION_MAX)
            break;
        memcpy(out + n_out, n == 0 ? "\xef\xbf\xbd" : (const char *)at, n_new);
        n_out += n_new;
        n = n == 0 ? 1 : n;
        at += n;
        left -= n;
    }
    return n_out;
}

/* ---- References ------------------------------------------------------------------------------- */

static const char *name_of(struct grebe__entity *entity)
{
    const char *name = NULL;

    if (entity->kind == GREBE_CHANNELZ_CHANNEL)
        name = grebe_container_of(entity, struct grebe__channel_entity, base)->target;
    else if (entity->kind == GREBE_CHANNELZ_SOCKET)
        name = grebe_container_of(entity, struct grebe__socket_entity, base)
                   ->socket->remote.text;
    return name == NULL ? "" : name;
}

static struct grebe_channelz_ref ref_to(struct block *block, struct grebe__entity *entity)
{
    return (struct grebe_channelz_ref){
        .kind = entity->kind,
        .id = entity->id,
        .name = take_copy(block, name_of(entity)),
    };
}

static size_t size_of_refs(const struct grebe__list *list, size_t *n)
{
    size_t size = 0;

    *n = 0;
    grebe__list_foreach (link, list) {
        size += strlen(name_of(grebe__entity_of_link(link))) + 1;
        (*n)++;
    }
    return size + *n * sizeof(struct grebe_channelz_ref);
}

/* ---- Channels: what it takes ------------------------------------------------------------------ */

static const char *target_of(const struct grebe__channel_entity *entity)
{
    if (entity->base.kind == GREBE_CHANNELZ_CHANNEL)
        return entity->target;
    return entity->address == NULL ? "" : grebe_address_text(entity->address);
}

static size_t size_of_events(const struct grebe__trace *trace)
{
    size_t size = trace->n * sizeof(struct grebe_channelz_event);
    char text[GREBE__DESCRIPTION_MAX];

    for (uint32_t i = 0; i < trace->n; i++) {
        const struct grebe__happening *what = &grebe__trace_at(trace, i)->what;

        size += describe(what, text) + 1;
        if (grebe__happening_about(what) != NULL)
            size += strlen(name_of(grebe__happening_about(what))) + 1;
    }
    return size;
}

/* Of a subchannel that is not gone, or NULL. */
static const struct grebe__channel_entity *subchannel_of(struct grebe__list *link)
{
    struct grebe__entity *entity = grebe__entity_of_link(link);

    if (entity->kind != GREBE_CHANNELZ_SUBCHANNEL || entity->is_removed)
        return NULL;
    return grebe__channel_of_entity(entity);
}

static size_t size_of_endpoints(const struct grebe__channel_entity *entity, size_t *n)
{
    const char *address = NULL;
    struct grebe__call_counts counts;
    size_t size = 0;

    *n = 0;
    grebe__list_foreach (link, &entity->base.children) {
        const struct grebe__channel_entity *subchannel = subchannel_of(link);

        if (subchannel == NULL || subchannel->address == NULL)
            continue;
        size += strlen(target_of(subchannel)) + 1;
        (*n)++;
    }
    while ((address = grebe__departed_next(entity, address, &counts)) != NULL) {
        size += strlen(address) + 1;
        (*n)++;
    }
    return size + *n * sizeof(struct grebe_channelz_endpoint);
}

static size_t size_of(const struct grebe__channel_entity *entity, size_t *n_children,
                      size_t *n_endpoints)
{
    return sizeof(struct grebe__channel_snapshot) + strlen(target_of(entity)) + 1 +
           size_of_events(&entity->trace) +
           size_of_refs(&entity->base.children, n_children) +
           size_of_endpoints(entity, n_endpoints);
}

/* ---- Channels: the copy ------------------------------------------------------------------------ */

static void copy_events(struct block *block, const struct grebe__trace *trace,
                        struct grebe_channelz_event *out)
{
    char text[GREBE__DESCRIPTION_MAX];

    for (uint32_t i = 0; i < trace->n; i++) {
        const struct grebe__event *event = grebe__trace_at(trace, i);
        size_t length = describe(&event->what, text);

        out[i] = (struct grebe_channelz_event){
            .severity = (enum grebe_channelz_severity)event->what.severity,
            .description = take_text(block, text, length),
            .at_ns = event->at_ns,
            .about.name = "",
        };
        if (grebe__happening_about(&event->what) != NULL)
            out[i].about = ref_to(block, grebe__happening_about(&event->what));
    }
}

static void copy_children(struct block *block, const struct grebe__list *children,
                          struct grebe_channelz_ref *out)
{
    grebe__list_foreach (link, children) {
        *out++ = ref_to(block, grebe__entity_of_link(link));
    }
}

static struct grebe_channelz_endpoint endpoint(struct block *block, const char *address,
                                               const struct grebe__call_counts *counts)
{
    return (struct grebe_channelz_endpoint){
        .address = take_copy(block, address),
        .calls_started = counts->n_started,
        .calls_succeeded = counts->n_succeeded,
        .calls_failed = counts->n_failed,
        .latency_ns = counts->latency_ns,
        .state = GREBE_SHUTDOWN,
    };
}

static void copy_endpoints(struct block *block,
                           const struct grebe__channel_entity *entity,
                           struct grebe_channelz_endpoint *out)
{
    const char *address = NULL;
    struct grebe__call_counts counts;

    grebe__list_foreach (link, &entity->base.children) {
        const struct grebe__channel_entity *subchannel = subchannel_of(link);

        if (subchannel == NULL || subchannel->address == NULL)
            continue;
        counts = grebe__book_counts(subchannel);
        *out = endpoint(block, target_of(subchannel), &counts);
        out->n_subchannels = 1;
        out->state = (enum grebe_connectivity)grebe__count_get(&subchannel->state);
        out->health = (enum grebe_channelz_health)grebe__count_get(&subchannel->health);
        out++;
    }
    while ((address = grebe__departed_next(entity, address, &counts)) != NULL)
        *out++ = endpoint(block, address, &counts);
}

static void copy_numbers(const struct grebe__channel_entity *entity,
                         struct grebe_channelz_channel *out)
{
    const struct grebe__call_counts counts = grebe__book_counts(entity);

    out->kind = entity->base.kind;
    out->id = entity->base.id;
    out->state = (enum grebe_connectivity)grebe__count_get(&entity->state);
    out->calls_started = counts.n_started;
    out->calls_succeeded = counts.n_succeeded;
    out->calls_failed = counts.n_failed;
    out->last_call_started_ns = counts.n_started == 0 ? 0 : counts.last_started_ns;
    out->latency_ns = counts.latency_ns;
    out->max_connections = (uint32_t)grebe__count_get(&entity->max_connections);
    out->created_ns = entity->trace.created_ns;
    out->n_events_logged = entity->trace.n_logged;
    out->health = (enum grebe_channelz_health)grebe__count_get(&entity->health);
}

/* Structs come first, for their alignment; then texts. */
static void fill(struct grebe__channel_snapshot *snapshot, size_t size,
                 const struct grebe__channel_entity *entity)
{
    struct block block = {(char *)(snapshot + 1), size - sizeof *snapshot};
    struct grebe_channelz_channel *view = &snapshot->view;

    copy_numbers(entity, view);
    view->n_events = entity->trace.n;
    snapshot->endpoints =
        take(&block, view->n_endpoints * sizeof(struct grebe_channelz_endpoint));
    snapshot->events = take(&block, view->n_events * sizeof(struct grebe_channelz_event));
    snapshot->children =
        take(&block, view->n_children * sizeof(struct grebe_channelz_ref));
    view->target = take_copy(&block, target_of(entity));
    copy_events(&block, &entity->trace, snapshot->events);
    copy_children(&block, &entity->base.children, snapshot->children);
    copy_endpoints(&block, entity, snapshot->endpoints);
}

/* ---- Endpoints of one address -------------------------------------------------------------------- */

static uint64_t hash(const void *key)
{
    return grebe__hash64_text(((const struct grebe_channelz_endpoint *)key)->address);
}

static bool equal(const void *a, const void *b)
{
    return strcmp(((const struct grebe_channelz_endpoint *)a)->address,
                  ((const struct grebe_channelz_endpoint *)b)->address) == 0;
}

static const struct grebe__map_ops map_ops = {.hash = hash, .equal = equal};

/* READY, CONNECTING, IDLE, TRANSIENT_FAILURE, SHUTDOWN: the better one. */
static enum grebe_connectivity better(enum grebe_connectivity a,
                                      enum grebe_connectivity b)
{
    static const uint8_t ranks[] = {
        [GREBE_READY] = 0,    [GREBE_CONNECTING] = 1,
        [GREBE_IDLE] = 2,     [GREBE_TRANSIENT_FAILURE] = 3,
        [GREBE_SHUTDOWN] = 4,
    };

    return ranks[a] < ranks[b] ? a : b;
}

static void add_up(struct grebe_channelz_endpoint *sum,
                   const struct grebe_channelz_endpoint *more)
{
    sum->calls_started += more->calls_started;
    sum->calls_succeeded += more->calls_succeeded;
    sum->calls_failed += more->calls_failed;
    sum->latency_ns += more->latency_ns;
    sum->n_subchannels += more->n_subchannels;
    sum->state = better(sum->state, more->state);
    if (more->health > sum->health) /* their order is from bad to good */
        sum->health = more->health;
}

/* Without the lock: it may allocate. */
static int merge_endpoints(struct grebe__channel_snapshot *snapshot)
{
    struct grebe_channelz_endpoint *all = snapshot->endpoints;
    struct grebe__map map;
    size_t n = 0;
    int result = GREBE_OK;

    grebe__map_init(&map, snapshot->mem, &map_ops);
    for (size_t i = 0; i < snapshot->view.n_endpoints && result == GREBE_OK; i++) {
        struct grebe_channelz_endpoint *first = grebe__map_get(&map, &all[i]);

        if (first != NULL) {
            add_up(first, &all[i]);
            continue;
        }
        all[n] = all[i];
        result = grebe__map_put(&map, &all[n], &all[n]);
        n++;
    }
    grebe__map_fini(&map);
    snapshot->view.n_endpoints = n;
    return result;
}

/* ---- Channels ------------------------------------------------------------------------------------ */

/* *size is what the snapshot has, and afterwards what it ought to have.  GREBE_OK with less
 * than that: nothing was copied. */
static int try_channel(struct grebe__book *book, enum grebe_channelz_kind kind,
                       int64_t id, struct grebe__channel_snapshot *snapshot, size_t *size)
{
    struct grebe__entity *entity;
    size_t n_children, n_endpoints, wanted;

    grebe__book_acquire(book);
    entity = grebe__book_find(book, kind, id);
    if (entity == NULL) {
        grebe__book_release(book);
        return GREBE_ERR_NOT_FOUND;
    }
    wanted = size_of(grebe__channel_of_entity(entity), &n_children, &n_endpoints);
    if (wanted <= *size) {
        snapshot->view.n_children = n_children;
        snapshot->view.n_endpoints = n_endpoints;
        fill(snapshot, *size, grebe__channel_of_entity(entity));
    }
    grebe__book_release(book);
    *size = wanted;
    return GREBE_OK;
}

int grebe__snapshot_channel(struct grebe__book *book, enum grebe_channelz_kind kind,
                            int64_t id, const struct grebe_mem *mem,
                            struct grebe__channel_snapshot **out)
{
    struct grebe__channel_snapshot *snapshot = NULL;
    size_t size = 0, wanted = 0;
    int result;

    while ((result = try_channel(book, kind, id, snapshot, &wanted)) == GREBE_OK &&
           wanted > size) {
        grebe_mem_free(mem, snapshot);
        size = wanted;
        snapshot = grebe_mem_zalloc(mem, size);
        if (snapshot == NULL)
            return GREBE_ERR_NOMEM;
        wanted = size;
    }
    if (result == GREBE_OK) {
        snapshot->mem = mem;
        result = merge_endpoints(snapshot);
    }
    if (result != GREBE_OK) {
        grebe_mem_free(mem, snapshot);
        return result;
    }
    *out = snapshot;
    return GREBE_OK;
}

/* ---- Sockets ------------------------------------------------------------------------------------- */

/* As they come: the writer may be in the middle of something. */
static void copy_counts(const struct grebe__socket_counts *counts,
                        struct grebe_channelz_socket *out)
{
    uint64_t goaway = grebe__count_get(&counts->goaway);

    out->streams_started = grebe__count_get(&counts->streams_started);
    out->streams_succeeded = grebe__count_get(&counts->streams_succeeded);
    out->streams_failed = grebe__count_get(&counts->streams_failed);
    out->messages_sent = grebe__count_get(&counts->messages_sent);
    out->messages_received = grebe__count_get(&counts->messages_received);
    out->keepalives_sent = grebe__count_get(&counts->keepalives_sent);
    out->last_stream_ns = grebe__count_get(&counts->last_stream_ns);
    out->last_sent_ns = grebe__count_get(&counts->last_sent_ns);
    out->last_received_ns = grebe__count_get(&counts->last_received_ns);
    out->local_window = (int64_t)grebe__count_get(&counts->local_window);
    out->remote_window = (int64_t)grebe__count_get(&counts->remote_window);
    out->peer_max_streams = (uint32_t)grebe__count_get(&counts->max_streams);
    out->has_goaway = goaway != 0;
    out->goaway = goaway == 0 ? 0 : (uint32_t)(goaway - 1);
}

static const char *text_of(const struct grebe__socket_end *end)
{
    return end->text == NULL ? "" : end->text;
}

static size_t size_of_socket(const struct grebe__socket *socket)
{
    return sizeof(struct grebe__socket_snapshot) + strlen(text_of(&socket->local)) + 1 +
           strlen(text_of(&socket->remote)) + 1;
}

static void fill_socket(struct grebe__socket_snapshot *snapshot, size_t size, int64_t id,
                        const struct grebe__socket *socket)
{
    struct block block = {(char *)(snapshot + 1), size - sizeof *snapshot};

    snapshot->view.id = id;
    copy_counts(&socket->counts, &snapshot->view);
    snapshot->local = socket->local;
    snapshot->remote = socket->remote;
    snapshot->local.text = take_copy(&block, text_of(&socket->local));
    snapshot->remote.text = take_copy(&block, text_of(&socket->remote));
    snapshot->view.local = snapshot->local.text;
    snapshot->view.remote = snapshot->remote.text;
    snapshot->view.cipher = socket->cipher;
}

/* As try_channel(). */
static int try_socket(struct grebe__book *book, int64_t id,
                      struct grebe__socket_snapshot *snapshot, size_t *size)
{
    struct grebe__entity *entity;
    const struct grebe__socket *socket;
    size_t wanted;

    grebe__book_acquire(book);
    entity = grebe__book_find(book, GREBE_CHANNELZ_SOCKET, id);
    if (entity == NULL) {
        grebe__book_release(book);
        return GREBE_ERR_NOT_FOUND;
    }
    socket = grebe_container_of(entity, struct grebe__socket_entity, base)->socket;
    wanted = size_of_socket(socket);
    if (wanted <= *size)
        fill_socket(snapshot, *size, id, socket);
    grebe__book_release(book);
    *size = wanted;
    return GREBE_OK;
}

int grebe__snapshot_socket(struct grebe__book *book, int64_t id,
                           const struct grebe_mem *mem,
                           struct grebe__socket_snapshot **out)
{
    struct grebe__socket_snapshot *snapshot = NULL;
    size_t size = 0;
    int result = try_socket(book, id, NULL, &size);

    if (result != GREBE_OK)
        return result;
    snapshot = grebe_mem_zalloc(mem, size);
    if (snapshot == NULL)
        return GREBE_ERR_NOMEM;
    snapshot->mem = mem;
    result = try_socket(book, id, snapshot, &size); /* its texts never change */
    if (result != GREBE_OK) {
        grebe_mem_free(mem, snapshot);
        return result;
    }
    *out = snapshot;
    return GREBE_OK;
}

/* ---- Pages --------------------------------------------------------------------------------------- */

/* The channels of a page: *n of them, and whether any come after. */
static size_t size_of_page(const struct grebe__book *book, int64_t start_id, size_t n_max,
                           size_t *n, bool *is_end)
{
    size_t size = sizeof(struct grebe__page_snapshot);

    *n = 0;
    *is_end = true;
    grebe__list_foreach (link, &book->channels) {
        struct grebe__entity *entity = grebe__entity_of_link(link);

        if (entity->id < start_id)
            continue;
        if (*n == n_max) {
            *is_end = false;
            break;
        }
        size += sizeof(struct grebe_channelz_ref) + strlen(name_of(entity)) + 1;
        (*n)++;
    }
    return size;
}

static void fill_page(struct grebe__page_snapshot *snapshot, size_t size,
                      const struct grebe__book *book, int64_t start_id)
{
    struct block block = {(char *)(snapshot + 1), size - sizeof *snapshot};
    size_t i = 0;

    snapshot->channels =
        take(&block, snapshot->view.n * sizeof(struct grebe_channelz_ref));
    grebe__list_foreach (link, &book->channels) {
        if (i == snapshot->view.n)
            break;
        if (grebe__entity_of_link(link)->id >= start_id)
            snapshot->channels[i++] = ref_to(&block, grebe__entity_of_link(link));
    }
}

int grebe__snapshot_page(struct grebe__book *book, int64_t start_id, size_t n_max,
                         const struct grebe_mem *mem, struct grebe__page_snapshot **out)
{
    struct grebe__page_snapshot *snapshot = NULL;
    size_t size = 0, wanted, n;
    bool is_end;

    if (n_max == 0)
        n_max = GREBE_CHANNELZ_PAGE;
    for (;;) {
        grebe__book_acquire(book);
        wanted = size_of_page(book, start_id, n_max, &n, &is_end);
        if (wanted <= size) {
            snapshot->view.n = n;
            snapshot->view.is_end = is_end;
            fill_page(snapshot, size, book, start_id);
        }
        grebe__book_release(book);
        if (wanted <= size)
            break;
        grebe_mem_free(mem, snapshot);
        size = wanted;
        snapshot = grebe_mem_zalloc(mem, size);
        if (snapshot == NULL)
            return GREBE_ERR_NOMEM;
        snapshot->mem = mem;
    }
    *out = snapshot;
    return GREBE_OK;
}

/* ---- grebe/channelz.h ------------------------------------------------------------------------------ */

static const struct grebe__channel_snapshot *
of(const struct grebe_channelz_channel *channel)
{
    /* The first member. */
    return (const struct grebe__channel_snapshot *)channel;
}

const struct grebe_channelz_event *
grebe_channelz_channel_event(const struct grebe_channelz_channel *channel, size_t i)
{
    return i < channel->n_events ? &of(channel)->events[i] : NULL;
}

const struct grebe_channelz_ref *
grebe_channelz_channel_child(const struct grebe_channelz_channel *channel, size_t i)
{
    return i < channel->n_children ? &of(channel)->children[i] : NULL;
}

const struct grebe_channelz_endpoint *
grebe_channelz_channel_endpoint(const struct grebe_channelz_channel *channel, size_t i)
{
    return i < channel->n_endpoints ? &of(channel)->endpoints[i] : NULL;
}

void grebe_channelz_channel_free(struct grebe_channelz_channel *channel)
{
    if (channel != NULL)
        grebe_mem_free(of(channel)->mem, channel);
}

void grebe_channelz_socket_free(struct grebe_channelz_socket *socket)
{
    if (socket != NULL)
        grebe_mem_free(((const struct grebe__socket_snapshot *)socket)->mem, socket);
}

const struct grebe_channelz_ref *
grebe_channelz_page_channel(const struct grebe_channelz_page *page, size_t i)
{
    return i < page->n ? &((const struct grebe__page_snapshot *)page)->channels[i] : NULL;
}

void grebe_channelz_page_free(struct grebe_channelz_page *page)
{
    if (page != NULL)
        grebe_mem_free(((const struct grebe__page_snapshot *)page)->mem, page);
}
