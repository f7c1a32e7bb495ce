/* SPDX-License-Identifier: Apache-2.0 */
/* channelz/book.h -- all channels, subchannels and sockets there are, for whoever looks.
 *
 *   channel -> subchannel -> socket        parent -> child
 *      \-----> channel (nested)
 *
 * An object that is made gets an entity; the object tells what happens to it, readers look
 * entities up by their ids.  Ids are never used twice.
 *
 *   entity      is in the book       until its object is gone, it has no children, and no
 *                                    trace mentions it
 *               is a parent's child  until its object is gone and it has no children
 *
 * So a channel that is closed stays while connections of it drain, and a subchannel that is
 * gone can be looked up while its parent's trace speaks of it.
 *
 * A book is part of an env (core/env.h).  All the functions take NULL for an entity: the
 * book was off, or memory was short, and the object lives without.
 *
 * Threading   Whoever fills in acquire and release makes it safe for any thread; numbers
 *             that calls change are read without (channelz/counts.h), so that no call waits
 *             for a reader.
 * Sources     gRFC A14 (channelz), A3 (channel tracing).
 */
#ifndef GREBE_CHANNELZ_BOOK_H
#define GREBE_CHANNELZ_BOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <grebe/channelz.h>
#include <grebe/connectivity.h>
#include <grebe/endpoint.h>
#include <grebe/mem.h>

#include "base/list.h"
#include "channelz/counts.h"
#include "channelz/trace.h"

enum { GREBE__BOOK_BUCKETS = 1024 };

struct grebe__book {
    /* Around everything below; NULL in a world of one thread. */
    void (*acquire)(struct grebe__book *book);
    void (*release)(struct grebe__book *book);
    bool is_off; /* new objects get no entity; ids go on */
    int64_t last_id;
    struct grebe__list channels;                        /* those without a parent */
    struct grebe__entity *buckets[GREBE__BOOK_BUCKETS]; /* all, by id */
};

/* What all kinds have in common. */
struct grebe__entity {
    struct grebe__book *book;
    const struct grebe_mem *mem;
    enum grebe_channelz_kind kind;
    int64_t id;
    struct grebe__entity *next;   /* in its bucket */
    struct grebe__entity *parent; /* NULL: a channel of its own */
    struct grebe__list link;      /* the parent's children, or book->channels */
    struct grebe__list children;  /* ids ascend */
    uint32_t n_mentions;          /* by events in traces of others */
    bool has_object;              /* which may still refer to it */
    bool is_removed;              /* the object has said that it is gone */
    bool is_child;                /* it is on the parent's list */
    bool is_listed;               /* it can be looked up */
};

/* What subchannels that are gone have carried, by address (departed.c). */
struct grebe__departed;

/* A channel or a subchannel. */
struct grebe__channel_entity {
    struct grebe__entity base;
    char *target; /* of a channel: as the application wrote it; NULL: a subchannel */
    struct grebe_address *address; /* of a subchannel: the one last tried; or NULL */
    uint64_t state;                /* a count: enum grebe_connectivity */
    uint64_t max_connections;      /* likewise: of each subchannel of a channel */
    uint64_t health;               /* likewise: enum grebe_channelz_health */
    const struct grebe__call_counts *counts; /* the object's, or `last` */
    /* Of what is gone: all that it carried; of a subchannel that is going, what its channel
     * has been told of. */
    struct grebe__call_counts last;
    struct grebe__departed *departed; /* of a channel; NULL: none yet */
    struct grebe__trace trace;
};

struct grebe__socket_entity {
    struct grebe__entity base;
    const struct grebe__socket *socket;
};

/* No lock yet; nothing in it. */
void grebe__book_init(struct grebe__book *book);

/* ---- What objects tell ----------------------------------------------------------------- */

/* `counts` is the object's until grebe__book_forget(); `n_events` is the most that its
 * trace keeps.  `parent` is the id of a channel that this one is nested in; 0: none. */
struct grebe__channel_entity *grebe__book_add_channel(
    struct grebe__book *book, const struct grebe_mem *mem, int64_t parent,
    const char *target, const struct grebe__call_counts *counts, uint32_t n_events,
    uint64_t now_ns);
struct grebe__channel_entity *
grebe__book_add_subchannel(struct grebe__channel_entity *parent,
                           const struct grebe__call_counts *counts, uint64_t now_ns);
/* `socket` is the object's until it is removed. */
struct grebe__socket_entity *grebe__book_add_socket(struct grebe__channel_entity *parent,
                                                    const struct grebe__socket *socket);

/* The object is going: events say so.  Calls of a subchannel that still run are counted
 * until it is forgotten. */
void grebe__book_remove(struct grebe__channel_entity *entity, uint64_t now_ns);
/* After that: the object is gone, and so are its counts.  `channel` is that of a
 * subchannel. */
void grebe__book_forget(struct grebe__channel_entity *entity,
                        struct grebe__channel_entity *channel);
/* Both, for a socket. */
void grebe__book_remove_socket(struct grebe__socket_entity *entity);

void grebe__book_tell(struct grebe__channel_entity *entity, uint64_t now_ns,
                      const struct grebe__happening *what);

static inline void grebe__book_set_state(struct grebe__channel_entity *entity,
                                         enum grebe_connectivity state)
{
    if (entity != NULL)
        grebe__count_set(&entity->state, state);
}

static inline void grebe__book_set_health(struct grebe__channel_entity *entity,
                                          enum grebe_channelz_health health)
{
    if (entity != NULL)
        grebe__count_set(&entity->health, health);
}

static inline void grebe__book_set_max_connections(struct grebe__channel_entity *entity,
                                                   uint32_t max_connections)
{
    if (entity != NULL)
        grebe__count_set(&entity->max_connections, max_connections);
}

/* A subchannel is about to try `address`. */
void grebe__book_set_address(struct grebe__channel_entity *entity,
                             struct grebe_address *address);

/* ---- Looking: inside acquire and release ------------------------------------------------ */

static inline void grebe__book_acquire(struct grebe__book *book)
{
    if (book->acquire != NULL)
        book->acquire(book);
}

static inline void grebe__book_release(struct grebe__book *book)
{
    if (book->release != NULL)
        book->release(book);
}

/* NULL: there is none of that kind. */
struct grebe__entity *grebe__book_find(struct grebe__book *book,
                                       enum grebe_channelz_kind kind, int64_t id);

static inline struct grebe__channel_entity *
grebe__channel_of_entity(struct grebe__entity *entity)
{
    return grebe_container_of(entity, struct grebe__channel_entity, base);
}

static inline struct grebe__entity *grebe__entity_of_link(struct grebe__list *link)
{
    return grebe_container_of(link, struct grebe__entity, link);
}

/* As it is now, whoever counts. */
struct grebe__call_counts grebe__book_counts(const struct grebe__channel_entity *entity);

/* ---- departed.c ---------------------------------------------------------------------------- */

/* A subchannel of `channel` that is gone has carried this, besides what it carried before. */
void grebe__departed_add(struct grebe__channel_entity *channel,
                         const struct grebe__channel_entity *subchannel,
                         const struct grebe__call_counts *more);
void grebe__departed_free(struct grebe__channel_entity *channel);

/* The address that departed after `address`, and what it has carried; NULL asks for the
 * first and ends the list. */
const char *grebe__departed_next(const struct grebe__channel_entity *channel,
                                 const char *address, struct grebe__call_counts *counts);

#endif
