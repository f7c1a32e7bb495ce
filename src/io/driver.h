/* SPDX-License-Identifier: Apache-2.0 */
/* io/driver.h -- which thread runs a loop, and where the others sleep meanwhile.
 *
 * One word says it all, and every change of it is an atomic read-modify-write:
 *
 *   owner      the thread that drives, or nobody
 *   NEWS       tasks may be queued
 *   SIGNAL     whoever brings news must make the loop's descriptor readable
 *   PARKED     threads sleep here
 *
 * Nothing is lost between two threads because both change the same word: the later one
 * sees what the earlier one did, and everything the earlier one had done before.
 *
 *   news       A poster queues its task, then sets NEWS.  A driver sets SIGNAL, then
 *              sleeps unless NEWS is set; it gives up the word only while NEWS is not.
 *              Whichever change is later sees the other: the poster writes to the
 *              descriptor, or the driver takes the task.
 *   the role   A thread that found somebody driving sets PARKED, and sleeps only if its
 *              own change saw an owner.  That owner's release is later, so it sees PARKED
 *              and promotes a sleeper, or finds that another is already on its way.
 *   a flag     The driver sets the flag, then touches the word; a sleeper sets PARKED,
 *              then looks at the flag.  Either the driver sees PARKED and signals, or the
 *              sleeper sees the flag.
 *
 * Threading   Any thread, unless it says "the driver".
 */
#ifndef GREBE_IO_DRIVER_H
#define GREBE_IO_DRIVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

enum { GREBE__PARKING_ROWS = 32 };

struct grebe__driver {
    _Atomic uintptr_t word;
    pthread_mutex_t mutex;                       /* guards what follows */
    struct grebe__list queue;                    /* all sleepers; the first is promoted */
    struct grebe__list row[GREBE__PARKING_ROWS]; /* the same, by the flag they wait for */
    bool is_promoting; /* a promoted sleeper has not tried for the role yet */
};

enum grebe__parking {
    GREBE__PARKING_DONE,      /* the flag is set */
    GREBE__PARKING_TIMED_OUT, /* it was not, in time */
    GREBE__PARKING_TRY,       /* nobody may be driving: try grebe__driver_acquire() */
};

/* GREBE_ERR_SYSTEM. */
int grebe__driver_init(struct grebe__driver *driver);
/* Nobody may be parked. */
void grebe__driver_fini(struct grebe__driver *driver);

/* ---- The role --------------------------------------------------------------------- */

/* The calling thread drives. */
bool grebe__driver_is_me(const struct grebe__driver *driver);

/* Nobody drives, or the driver sleeps on the descriptor: all lists are in order. */
bool grebe__driver_is_quiet(const struct grebe__driver *driver);

/* Become the driver if there is none.  What earlier drivers did is visible. */
bool grebe__driver_acquire(struct grebe__driver *driver);

/* The driver: give up the role, and let a sleeper have it.  False, with nothing changed,
 * if there is news.  `wants_signal`: while nobody drives, news must reach the descriptor,
 * because a host may be watching it. */
bool grebe__driver_release(struct grebe__driver *driver, bool wants_signal);

/* ---- News ------------------------------------------------------------------------- */

/* Something was queued.  True if the caller must make the descriptor readable. */
bool grebe__driver_announce(struct grebe__driver *driver);

/* The driver: is there news?  There is none afterwards. */
bool grebe__driver_take_news(struct grebe__driver *driver);
bool grebe__driver_has_news(const struct grebe__driver *driver);

/* The driver is about to sleep on the descriptor.  False if there is news, and then it is
 * as if this was not called. */
bool grebe__driver_sleep(struct grebe__driver *driver);
void grebe__driver_wake(struct grebe__driver *driver);

/* ---- Sleeping --------------------------------------------------------------------- */

/* Sleep until *flag is set, or the moment comes (CLOCK_MONOTONIC; UINT64_MAX: never), or
 * the role may be free.  `is_first`: get the role before those who already sleep. */
enum grebe__parking grebe__driver_park(struct grebe__driver *driver, const bool *flag,
                                       uint64_t deadline_ns, bool is_first);

/* *flag has been set with release order: let those who wait for it go on.  `flag` is only
 * compared, so it may be gone. */
void grebe__driver_unpark(struct grebe__driver *driver, const bool *flag);

#endif
