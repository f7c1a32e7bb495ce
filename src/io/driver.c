/* SPDX-License-Identifier: Apache-2.0 */
#include "io/driver.h"

#include <stdalign.h>
#include <time.h>

#include <grebe/attr.h>
#include <grebe/error.h>

#include "base/assert.h"

/* The low bits of the word; the rest is the owner. */
#define NEWS   ((uintptr_t)1)
#define SIGNAL ((uintptr_t)2)
#define PARKED ((uintptr_t)4)
#define FLAGS  ((uintptr_t)7)

/* A thread on the parking list. */
struct sleeper {
    struct grebe__list in_queue, in_row;
    const bool *flag;
    pthread_cond_t woken;
    bool is_promoted;
};

/* Each thread has its own; the address tells them apart. */
static _Thread_local alignas(8) char here;

static uintptr_t me(void)
{
    return (uintptr_t)&here;
}

static uintptr_t owner_of(uintptr_t word)
{
    return word & ~FLAGS;
}

static bool is_set(const bool *flag)
{
    return __atomic_load_n(flag, __ATOMIC_ACQUIRE);
}

int grebe__driver_init(struct grebe__driver *driver)
{
    atomic_init(&driver->word, 0);
    grebe__list_init(&driver->queue);
    for (unsigned i = 0; i < GREBE__PARKING_ROWS; i++)
        grebe__list_init(&driver->row[i]);
    driver->is_promoting = false;
    return pthread_mutex_init(&driver->mutex, NULL) == 0 ? GREBE_OK : GREBE_ERR_SYSTEM;
}

void grebe__driver_fini(struct grebe__driver *driver)
{
    GREBE_ASSERT(grebe__list_is_empty(&driver->queue));
    pthread_mutex_destroy(&driver->mutex);
}

/* ---- The role --------------------------------------------------------------------- */

bool grebe__driver_is_me(const struct grebe__driver *driver)
{
    return owner_of(atomic_load_explicit(&driver->word, memory_order_relaxed)) == me();
}

bool grebe__driver_is_quiet(const struct grebe__driver *driver)
{
    uintptr_t word = atomic_load_explicit(&driver->word, memory_order_relaxed);

    return owner_of(word) == 0 || (word & SIGNAL);
}

bool grebe__driver_acquire(struct grebe__driver *driver)
{
    uintptr_t word = atomic_load_explicit(&driver->word, memory_order_relaxed);

    while (owner_of(word) == 0)
        if (atomic_compare_exchange_weak_explicit(
                &driver->word, &word, me() | (word & (NEWS | PARKED)),
                memory_order_acquire, memory_order_relaxed))
            return true;
    return false;
}

/* With the mutex held: the role is free, so the sleeper that waits longest shall try. */
static void promote(struct grebe__driver *driver)
{
    uintptr_t word = atomic_load_explicit(&driver->word, memory_order_relaxed);
    struct sleeper *first;

    if (owner_of(word) != 0 || driver->is_promoting ||
        grebe__list_is_empty(&driver->queue))
        return;
    first = grebe_container_of(driver->queue.next, struct sleeper, in_queue);
    first->is_promoted = driver->is_promoting = true;
    pthread_cond_signal(&first->woken);
}

bool grebe__driver_release(struct grebe__driver *driver, bool wants_signal)
{
    uintptr_t word = atomic_load_explicit(&driver->word, memory_order_relaxed);
    uintptr_t free_word;

    do {
        if (word & NEWS)
            return false;
        free_word = (word & PARKED) | (wants_signal ? SIGNAL : 0);
    } while (!atomic_compare_exchange_weak_explicit(
        &driver->word, &word, free_word, memory_order_acq_rel, memory_order_relaxed));
    if (word & PARKED) {
        pthread_mutex_lock(&driver->mutex);
        promote(driver);
        pthread_mutex_unlock(&driver->mutex);
    }
    return true;
}

/* ---- News ------------------------------------------------------------------------- */

/* Who announces first after SIGNAL was set signals; the others rely on it. */
bool grebe__driver_announce(struct grebe__driver *driver)
{
    uintptr_t word = atomic_fetch_or_explicit(&driver->word, NEWS, memory_order_acq_rel);

    return (word & (NEWS | SIGNAL)) == SIGNAL;
}

bool grebe__driver_has_news(const struct grebe__driver *driver)
{
    return atomic_load_explicit(&driver->word, memory_order_relaxed) & NEWS;
}

bool grebe__driver_take_news(struct grebe__driver *driver)
{
    if (!grebe__driver_has_news(driver))
        return false;
    atomic_fetch_and_explicit(&driver->word, ~NEWS, memory_order_acq_rel);
    return true;
}

bool grebe__driver_sleep(struct grebe__driver *driver)
{
    uintptr_t word =
        atomic_fetch_or_explicit(&driver->word, SIGNAL, memory_order_acq_rel);

    if (!(word & NEWS))
        return true;
    grebe__driver_wake(driver);
    return false;
}

void grebe__driver_wake(struct grebe__driver *driver)
{
    /* Only the driver changes SIGNAL, so a plain look at it is exact. */
    if (atomic_load_explicit(&driver->word, memory_order_relaxed) & SIGNAL)
        atomic_fetch_and_explicit(&driver->word, ~SIGNAL, memory_order_acq_rel);
}

/* ---- Sleeping --------------------------------------------------------------------- */

static struct grebe__list *row_of(struct grebe__driver *driver, const bool *flag)
{
    return &driver->row[((uintptr_t)flag >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 59];
}

static void init_sleeper(struct sleeper *sleeper, const bool *flag)
{
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&sleeper->woken, &attributes); /* cannot fail on Linux */
    pthread_condattr_destroy(&attributes);
    sleeper->flag = flag;
    sleeper->is_promoted = false;
}

/* False when the moment has come. */
static bool nap(struct grebe__driver *driver, struct sleeper *sleeper,
                uint64_t deadline_ns)
{
    const struct timespec until = {.tv_sec = (time_t)(deadline_ns / 1000000000),
                                   .tv_nsec = (long)(deadline_ns % 1000000000)};

    if (deadline_ns == UINT64_MAX)
        return pthread_cond_wait(&sleeper->woken, &driver->mutex) == 0;
    return pthread_cond_timedwait(&sleeper->woken, &driver->mutex, &until) == 0;
}

static void leave_list(struct grebe__driver *driver, struct sleeper *sleeper)
{
    grebe__list_remove(&sleeper->in_queue);
    grebe__list_remove(&sleeper->in_row);
    if (grebe__list_is_empty(&driver->queue))
        atomic_fetch_and_explicit(&driver->word, ~PARKED, memory_order_acq_rel);
}

enum grebe__parking grebe__driver_park(struct grebe__driver *driver, const bool *flag,
                                       uint64_t deadline_ns, bool is_first)
{
    struct sleeper self;
    enum grebe__parking result = GREBE__PARKING_TRY;
    uintptr_t word;

    init_sleeper(&self, flag);
    pthread_mutex_lock(&driver->mutex);
    grebe__list_insert_before(is_first ? driver->queue.next : &driver->queue,
                              &self.in_queue);
    grebe__list_append(row_of(driver, flag), &self.in_row);
    word = atomic_fetch_or_explicit(&driver->word, PARKED, memory_order_acq_rel);
    if (owner_of(word) != 0) {
        bool has_time = true;

        while (!is_set(flag) && !self.is_promoted && has_time)
            has_time = nap(driver, &self, deadline_ns);
        if (is_set(flag))
            result = GREBE__PARKING_DONE;
        else if (!self.is_promoted)
            result = GREBE__PARKING_TIMED_OUT;
    }
    leave_list(driver, &self);
    if (self.is_promoted) {
        driver->is_promoting = false;
        if (result != GREBE__PARKING_TRY)
            promote(driver); /* somebody else then */
    }
    pthread_mutex_unlock(&driver->mutex);
    pthread_cond_destroy(&self.woken);
    return result;
}

void grebe__driver_unpark(struct grebe__driver *driver, const bool *flag)
{
    /* Changes nothing, but is ordered against what sleepers change. */
    uintptr_t word = atomic_fetch_or_explicit(&driver->word, 0, memory_order_acq_rel);
    struct grebe__list *row = row_of(driver, flag);

    if (!(word & PARKED))
        return;
    pthread_mutex_lock(&driver->mutex);
    grebe__list_foreach (link, row) {
        struct sleeper *sleeper = grebe_container_of(link, struct sleeper, in_row);

        if (sleeper->flag == flag)
            pthread_cond_signal(&sleeper->woken);
    }
    pthread_mutex_unlock(&driver->mutex);
}
