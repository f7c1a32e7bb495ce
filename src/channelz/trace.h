/* SPDX-License-Identifier: Apache-2.0 */
/* channelz/trace.h -- the latest events of a channel or subchannel.
 *
 * An event keeps what it was made of and becomes text when somebody reads it: most of them
 * nobody ever reads, and all there is to do then is to fill in a few words.  A trace holds
 * so many and forgets the oldest; it counts them all.
 *
 * Threading   The book's lock (channelz/book.h).
 * Sources     gRFC A3 (channel tracing).
 */
#ifndef GREBE_CHANNELZ_TRACE_H
#define GREBE_CHANNELZ_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include <grebe/channelz.h>
#include <grebe/endpoint.h>
#include <grebe/mem.h>

#include "base/text.h"

struct grebe__entity;

/* What is said of all events of a kind, around the detail of this one.  Static. */
struct grebe__phrase {
    const char *head, *tail;
};

enum grebe__detail {
    GREBE__DETAIL_STATIC,  /* text that stays; "" if there is none */
    GREBE__DETAIL_COPIED,  /* text that a trace has to copy */
    GREBE__DETAIL_ADDRESS, /* its text; a trace holds a reference */
    GREBE__DETAIL_ENTITY,  /* its id, and a reference for readers */
};

struct grebe__happening {
    const struct grebe__phrase *phrase;
    union {
        const char *text;
        struct grebe_address *address;
        struct grebe__entity *entity;
    } of;
    uint8_t detail;   /* enum grebe__detail */
    uint8_t severity; /* enum grebe_channelz_severity */
};

struct grebe__event {
    uint64_t at_ns;
    struct grebe__happening what;
};

struct grebe__trace {
    struct grebe__event *events; /* a ring; NULL: none yet */
    uint32_t n, n_room;          /* events, and places for them */
    uint32_t at;                 /* the oldest */
    uint32_t n_max;              /* 0: nothing is kept */
    uint64_t n_logged;           /* so far */
    uint64_t created_ns;
};

enum { GREBE__DESCRIPTION_MAX = 1024 }; /* bytes of a description, its NUL included */

void grebe__trace_init(struct grebe__trace *trace, uint32_t n_max, uint64_t now_ns);

/* Adds an event.  *lost is what the one that had to go was about, or NULL: it is mentioned
 * once less.  False: there is no room, or no memory, and nothing is mentioned. */
bool grebe__trace_add(struct grebe__trace *trace, const struct grebe_mem *mem,
                      uint64_t now_ns, const struct grebe__happening *what,
                      struct grebe__entity **lost);

/* Takes out the oldest event: true, and *lost as above.  False: there is none. */
bool grebe__trace_shift(struct grebe__trace *trace, const struct grebe_mem *mem,
                        struct grebe__entity **lost);
/* It is empty. */
void grebe__trace_fini(struct grebe__trace *trace, const struct grebe_mem *mem);

/* The i-th event, the oldest first. */
const struct grebe__event *grebe__trace_at(const struct grebe__trace *trace, uint32_t i);

/* The child that it is about, or NULL. */
static inline struct grebe__entity *
grebe__happening_about(const struct grebe__happening *what)
{
    return what->detail == GREBE__DETAIL_ENTITY ? what->of.entity : NULL;
}

/* In words, as they come: nothing is repaired or cut here. */
void grebe__happening_append(struct grebe__text *text,
                             const struct grebe__happening *what);

#endif
