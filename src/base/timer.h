/* SPDX-License-Identifier: Apache-2.0 */
/* base/timer.h -- one hierarchical timing wheel for all timers of a loop.
 *
 * Start and cancel are O(1); timers fire in the order of their deadlines, ties in the
 * order they were started.  Deadlines are exact to the nanosecond: slots only group them.
 * Time is an argument, so a test or a simulation can be at any moment it likes.
 *
 *   level 0   256 slots of 2^20 ns (about 1 ms)
 *   level 1    64 slots of 2^28 ns (0.27 s)     a timer sits in the lowest level whose
 *   level 2    64 slots of 2^34 ns (17 s)       reach covers its deadline, and moves down
 *   level 3    64 slots of 2^40 ns (18 min)     as the time comes near
 *   beyond     one list (from 19.5 h on)
 *
 * One owner, no locking.
 */
#ifndef GREBE_BASE_TIMER_H
#define GREBE_BASE_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

struct grebe__timer {
    struct grebe__list link; /* on a slot while it runs */
    uint64_t deadline_ns;
    uint64_t sequence; /* breaks ties */
    void (*fire)(struct grebe__timer *timer);
};

enum { GREBE__WHEEL_LEVELS = 4, GREBE__WHEEL_SLOTS = 256 + 3 * 64 };

struct grebe__wheel {
    uint64_t now_ns;   /* all timers due before or at this moment are on `due` or fired */
    uint64_t next_ns;  /* no timer is due before this; UINT64_MAX if none runs */
    uint64_t sequence; /* of the next start */
    uint64_t batch;    /* pop() gives only timers started before this sequence number */
    uint64_t occupied[4 + 3]; /* a bit for each slot */
    struct grebe__list slots[GREBE__WHEEL_SLOTS];
    struct grebe__list beyond;
    struct grebe__list due; /* sorted */
};

void grebe__wheel_init(struct grebe__wheel *wheel, uint64_t now_ns);

static inline void grebe__timer_init(struct grebe__timer *timer,
                                     void (*fire)(struct grebe__timer *timer))
{
    grebe__list_init(&timer->link);
    timer->fire = fire;
}

static inline bool grebe__timer_is_running(const struct grebe__timer *timer)
{
    return grebe__list_is_linked(&timer->link);
}

/* (Re)start.  A deadline in the past is due at once. */
void grebe__timer_start(struct grebe__wheel *wheel, struct grebe__timer *timer,
                        uint64_t deadline_ns);

/* Harmless if it does not run. */
static inline void grebe__timer_cancel(struct grebe__timer *timer)
{
    grebe__list_remove(&timer->link);
}

/* The earliest deadline; UINT64_MAX if no timer runs.  Exact. */
uint64_t grebe__wheel_next_ns(struct grebe__wheel *wheel);

/* Time has come to `now_ns`.  Afterwards grebe__wheel_pop() gives the timers that are due,
 * one by one.  Timers started meanwhile wait for the next advance, even if they are due:
 * a timer that restarts itself cannot keep the loop from everything else. */
void grebe__wheel_advance(struct grebe__wheel *wheel, uint64_t now_ns);

/* The next due timer, no longer running; NULL when there is none. */
struct grebe__timer *grebe__wheel_pop(struct grebe__wheel *wheel);

#endif
