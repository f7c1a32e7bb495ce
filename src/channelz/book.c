/* SPDX-License-Identifier: Apache-2.0 */
#include "channelz/book.h"

#include <string.h>

#include "base/assert.h"

/* ---- Identity ---------------------------------------------------------------------------- */

void grebe__book_init(struct grebe__book *book)
{
    *book = (struct grebe__book){.last_id = 0};
    grebe__list_init(&book->channels);
}

static struct grebe__entity **bucket_of(struct grebe__book *book, int64_t id)
{
    return &book->buckets[(uint64_t)id % GREBE__BOOK_BUCKETS];
}

static struct grebe__entity *find(struct grebe__book *book, int64_t id)
{
    struct grebe__entity *entity = *bucket_of(book, id);

    while (entity != NULL && entity->id != id)
        entity = entity->next;
    return entity;
}

struct grebe__entity *grebe__book_find(struct grebe__book *book,
                                       enum grebe_channelz_kind kind, int64_t id)
{
    struct grebe__entity *entity = find(book, id);

    return entity != NULL && entity->kind == kind ? entity : NULL;
}

static void list(struct grebe__entity *entity)
{
    struct grebe__entity **bucket = bucket_of(entity->book, entity->id);

    entity->next = *bucket;
    *bucket = entity;
    entity->is_listed = true;
}

static void unlist(struct grebe__entity *entity)
{
    struct grebe__entity **at = bucket_of(entity->book, entity->id);

    while (*at != entity)
        at = &(*at)->next;
    *at = entity->next;
    entity->is_listed = false;
}

/* ---- Going away --------------------------------------------------------------------------- */

static bool is_traced(const struct grebe__entity *entity)
{
    return entity->kind != GREBE_CHANNELZ_SOCKET;
}

static void free_if_unused(struct grebe__entity *entity)
{
    if (entity->has_object || entity->is_listed)
        return;
    if (is_traced(entity)) {
        struct grebe__channel_entity *channel = grebe__channel_of_entity(entity);

        grebe_address_unref(channel->address);
        grebe_mem_free(entity->mem, channel->target);
        grebe__departed_free(channel);
    }
    grebe_mem_free(entity->mem, entity);
}

static void settle(struct grebe__entity *entity);

/* An event that was about `entity` is gone. */
static void unmention(struct grebe__entity *entity)
{
    if (entity == NULL)
        return;
    GREBE_ASSERT(entity->n_mentions > 0);
    entity->n_mentions--;
    settle(entity);
}

static void clear_trace(struct grebe__entity *entity)
{
    struct grebe__trace *trace = &grebe__channel_of_entity(entity)->trace;
    struct grebe__entity *lost;

    while (grebe__trace_shift(trace, entity->mem, &lost))
        unmention(lost);
    grebe__trace_fini(trace, entity->mem);
}

/* Everything that follows from what has changed: off the parent's list, then perhaps out of
 * the book, and the same for whoever waited for that. */
static void settle(struct grebe__entity *entity)
{
    struct grebe__entity *parent = entity->parent;

    if (!entity->is_removed || !grebe__list_is_empty(&entity->children))
        return;
    if (entity->is_child) {
        entity->is_child = false;
        grebe__list_remove(&entity->link);
        entity->parent = NULL;
    } else {
        parent = NULL; /* it has been told */
    }
    if (entity->n_mentions == 0 && entity->is_listed) {
        unlist(entity);
        if (is_traced(entity))
            clear_trace(entity);
        free_if_unused(entity);
    }
    if (parent != NULL)
        settle(parent);
}

/* ---- Events -------------------------------------------------------------------------------- */

static void add_event(struct grebe__channel_entity *entity, uint64_t now_ns,
                      const struct grebe__happening *what)
{
    struct grebe__entity *lost;
    bool is_kept =
        grebe__trace_add(&entity->trace, entity->base.mem, now_ns, what, &lost);

    if (is_kept && grebe__happening_about(what) != NULL)
        grebe__happening_about(what)->n_mentions++;
    unmention(lost);
}

void grebe__book_tell(struct grebe__channel_entity *entity, uint64_t now_ns,
                      const struct grebe__happening *what)
{
    if (entity == NULL)
        return;
    grebe__book_acquire(entity->base.book);
    if (entity->base.is_listed)
        add_event(entity, now_ns, what);
    grebe__book_release(entity->base.book);
}

static void tell_plainly(struct grebe__channel_entity *entity, uint64_t now_ns,
                         const struct grebe__phrase *phrase)
{
    const struct grebe__happening happening = {
        .phrase = phrase, .of.text = "", .severity = GREBE_CHANNELZ_INFO};

    add_event(entity, now_ns, &happening);
}

/* The parent's trace has it as well, with a way to the child. */
static void tell_parent(struct grebe__channel_entity *entity, uint64_t now_ns,
                        const struct grebe__phrase *phrase)
{
    struct grebe__entity *parent = entity->base.parent;
    const struct grebe__happening happening = {
        .phrase = phrase,
        .of.entity = &entity->base,
        .detail = GREBE__DETAIL_ENTITY,
        .severity = GREBE_CHANNELZ_INFO,
    };

    if (parent != NULL)
        add_event(grebe__channel_of_entity(parent), now_ns, &happening);
}

/* ---- Coming ---------------------------------------------------------------------------------- */

static void init(struct grebe__entity *entity, struct grebe__book *book,
                 const struct grebe_mem *mem, enum grebe_channelz_kind kind)
{
    entity->book = book;
    entity->mem = mem;
    entity->kind = kind;
    entity->has_object = true;
    entity->is_child = true;
    grebe__list_init(&entity->link);
    grebe__list_init(&entity->children);
}

static void enter(struct grebe__entity *entity, int64_t id, struct grebe__entity *parent)
{
    entity->id = id;
    entity->parent = parent;
    grebe__list_append(parent == NULL ? &entity->book->channels : &parent->children,
                       &entity->link);
    list(entity);
}

/* Ids are drawn whether or not anything is kept. */
static int64_t draw_id(struct grebe__book *book)
{
    return ++book->last_id;
}

static struct grebe__channel_entity *new_channel(struct grebe__book *book,
                                                 const struct grebe_mem *mem,
                                                 enum grebe_channelz_kind kind,
                                                 const struct grebe__call_counts *counts,
                                                 uint32_t n_events, uint64_t now_ns)
{
    struct grebe__channel_entity *entity = grebe_mem_zalloc(mem, sizeof *entity);

    if (entity == NULL)
        return NULL;
    init(&entity->base, book, mem, kind);
    entity->counts = counts;
    entity->state = GREBE_IDLE;
    grebe__trace_init(&entity->trace, n_events, now_ns);
    return entity;
}

struct grebe__channel_entity *grebe__book_add_channel(
    struct grebe__book *book, const struct grebe_mem *mem, int64_t parent_id,
    const char *target, const struct grebe__call_counts *counts, uint32_t n_events,
    uint64_t now_ns)
{
    static const struct grebe__phrase phrase = {"Channel created for target \"", "\""};
    static const struct grebe__phrase of_parent = {"Nested channel(id:", ") created"};
    const struct grebe__happening created = {
        .phrase = &phrase,
        .of.text = target,
        .detail = GREBE__DETAIL_COPIED,
        .severity = GREBE_CHANNELZ_INFO,
    };
    struct grebe__channel_entity *entity =
        new_channel(book, mem, GREBE_CHANNELZ_CHANNEL, counts, n_events, now_ns);
    struct grebe__entity *parent;
    int64_t id;
    bool is_off;

    if (entity != NULL)
        entity->target = grebe_mem_strdup(mem, target);
    grebe__book_acquire(book);
    id = draw_id(book);
    is_off = book->is_off || entity == NULL || entity->target == NULL;
    if (!is_off) {
        parent = grebe__book_find(book, GREBE_CHANNELZ_CHANNEL, parent_id);
        enter(&entity->base, id, parent == NULL || parent->is_removed ? NULL : parent);
        add_event(entity, now_ns, &created);
        tell_parent(entity, now_ns, &of_parent);
    }
    grebe__book_release(book);
    if (!is_off || entity == NULL)
        return entity;
    grebe_mem_free(mem, entity->target);
    grebe_mem_free(mem, entity);
    return NULL;
}

struct grebe__channel_entity *
grebe__book_add_subchannel(struct grebe__channel_entity *parent,
                           const struct grebe__call_counts *counts, uint64_t now_ns)
{
    static const struct grebe__phrase created = {"Subchannel created", ""};
    static const struct grebe__phrase of_parent = {"Subchannel(id:", ") created"};
    struct grebe__channel_entity *entity;
    struct grebe__book *book;

    if (parent == NULL)
        return NULL;
    book = parent->base.book;
    entity = new_channel(book, parent->base.mem, GREBE_CHANNELZ_SUBCHANNEL, counts,
                         parent->trace.n_max, now_ns);
    if (entity == NULL)
        return NULL;
    grebe__book_acquire(book);
    enter(&entity->base, draw_id(book), &parent->base);
    tell_plainly(entity, now_ns, &created);
    tell_parent(entity, now_ns, &of_parent);
    grebe__book_release(book);
    return entity;
}

struct grebe__socket_entity *grebe__book_add_socket(struct grebe__channel_entity *parent,
                                                    const struct grebe__socket *socket)
{
    struct grebe__socket_entity *entity;
    struct grebe__book *book;

    if (parent == NULL)
        return NULL;
    book = parent->base.book;
    entity = grebe_mem_zalloc(parent->base.mem, sizeof *entity);
    if (entity == NULL)
        return NULL;
    init(&entity->base, book, parent->base.mem, GREBE_CHANNELZ_SOCKET);
    entity->socket = socket;
    grebe__book_acquire(book);
    enter(&entity->base, draw_id(book), &parent->base);
    grebe__book_release(book);
    return entity;
}

/* ---- Changes --------------------------------------------------------------------------------- */

void grebe__book_set_address(struct grebe__channel_entity *entity,
                             struct grebe_address *address)
{
    struct grebe_address *before;

    if (entity == NULL)
        return;
    grebe_address_ref(address);
    grebe__book_acquire(entity->base.book);
    before = entity->address;
    entity->address = address;
    grebe__book_release(entity->base.book);
    grebe_address_unref(before);
}

struct grebe__call_counts grebe__book_counts(const struct grebe__channel_entity *entity)
{
    const struct grebe__call_counts *counts = entity->counts;

    return (struct grebe__call_counts){
        .n_started = grebe__count_get(&counts->n_started),
        .n_succeeded = grebe__count_get(&counts->n_succeeded),
        .n_failed = grebe__count_get(&counts->n_failed),
        .last_started_ns = grebe__count_get(&counts->last_started_ns),
        .latency_ns = grebe__count_get(&counts->latency_ns),
    };
}

/* What a subchannel has carried since the last time goes to its channel. */
static void hand_over(struct grebe__channel_entity *entity,
                      struct grebe__channel_entity *channel)
{
    const struct grebe__call_counts now = grebe__book_counts(entity);
    const struct grebe__call_counts *before = &entity->last;
    const struct grebe__call_counts more = {
        .n_started = now.n_started - before->n_started,
        .n_succeeded = now.n_succeeded - before->n_succeeded,
        .n_failed = now.n_failed - before->n_failed,
        .latency_ns = now.latency_ns - before->latency_ns,
    };

    entity->last = now;
    grebe__departed_add(channel, entity, &more);
}

void grebe__book_remove(struct grebe__channel_entity *entity, uint64_t now_ns)
{
    static const struct grebe__phrase of_channel = {"Channel deleted", ""};
    static const struct grebe__phrase of_subchannel = {"Subchannel deleted", ""};
    static const struct grebe__phrase of_nested = {"Nested channel(id:", ") deleted"};
    static const struct grebe__phrase of_child = {"Subchannel(id:", ") deleted"};
    struct grebe__entity *parent;
    struct grebe__book *book;
    bool is_channel;

    if (entity == NULL)
        return;
    book = entity->base.book;
    is_channel = entity->base.kind == GREBE_CHANNELZ_CHANNEL;
    grebe__book_set_state(entity, GREBE_SHUTDOWN);
    grebe__book_acquire(book);
    tell_plainly(entity, now_ns, is_channel ? &of_channel : &of_subchannel);
    tell_parent(entity, now_ns, is_channel ? &of_nested : &of_child);
    parent = entity->base.parent;
    if (!is_channel && parent != NULL)
        hand_over(entity, grebe__channel_of_entity(parent));
    entity->base.is_removed = true;
    settle(&entity->base);
    grebe__book_release(book);
}

void grebe__book_forget(struct grebe__channel_entity *entity,
                        struct grebe__channel_entity *channel)
{
    struct grebe__book *book;

    if (entity == NULL)
        return;
    book = entity->base.book;
    grebe__book_acquire(book);
    if (channel != NULL)
        hand_over(entity, channel);
    else
        entity->last = grebe__book_counts(entity);
    entity->counts = &entity->last;
    entity->base.has_object = false;
    free_if_unused(&entity->base);
    grebe__book_release(book);
}

void grebe__book_remove_socket(struct grebe__socket_entity *entity)
{
    struct grebe__book *book;

    if (entity == NULL)
        return;
    book = entity->base.book;
    grebe__book_acquire(book);
    entity->base.has_object = false;
    entity->base.is_removed = true;
    settle(&entity->base);
    grebe__book_release(book);
}
