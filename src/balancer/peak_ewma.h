/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/peak_ewma.h -- how long an endpoint takes to answer: a moving average that
 * believes bad news at once.
 *
 * A slower answer than the estimate becomes the estimate; faster ones pull it down, by how
 * long ago the last one was: what is left of the old estimate after `elapsed` is
 * e^-(elapsed / decay).  Without answers it fades to nothing, so that an endpoint that was
 * slow is tried again.
 *
 * It is kept as what will be left of it at a landmark (base/fading.h), and so is 1 as of the
 * last answer.  With those two an answer is a multiplication and an addition:
 *
 *   estimate * left + took * (1 - left)   is   kept + took * (one now - one then)
 *
 * and the estimates of two endpoints compare as they are, unless one of them is of an era that
 * is over.
 *
 * Threads have an estimate each, and hear now and then what another one's has come to, as if
 * it were an answer.
 *
 * Threading   Written by one thread; heard by any, and each number whole.  Who hears the
 *             estimate before an answer and the moment after it, or the other way round, hears
 *             of something between nothing and that answer.  One that several threads write
 *             is taken by each of them before.
 * Sources     Finagle's peak EWMA, which tower and linkerd have as well.
 */
#ifndef GREBE_BALANCER_PEAK_EWMA_H
#define GREBE_BALANCER_PEAK_EWMA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fading.h"
#include "base/real.h"

/* All of it is atomic. */
struct grebe__peak_ewma {
    double estimate; /* ns, and what will be left of them at the landmark */
    double one;      /* what will be left of 1 that was there at the last answer */
    uint32_t era;
    bool is_guess; /* there was no answer yet */
    bool is_taken; /* by one of several threads */
};

void grebe__peak_ewma_init(struct grebe__peak_ewma *ewma, double guess_ns,
                           const struct grebe__fading *fading, uint64_t now_ns);

/* False: another thread writes it.  True: nobody else does until release(). */
static inline bool grebe__peak_ewma_take(struct grebe__peak_ewma *ewma)
{
    return !__atomic_exchange_n(&ewma->is_taken, true, __ATOMIC_ACQUIRE);
}

static inline void grebe__peak_ewma_release(struct grebe__peak_ewma *ewma)
{
    __atomic_store_n(&ewma->is_taken, false, __ATOMIC_RELEASE);
}

static inline bool grebe__peak_ewma_is_guess(const struct grebe__peak_ewma *ewma)
{
    return __atomic_load_n(&ewma->is_guess, __ATOMIC_RELAXED);
}

static inline uint32_t grebe__peak_ewma_era(const struct grebe__peak_ewma *ewma)
{
    return __atomic_load_n(&ewma->era, __ATOMIC_ACQUIRE);
}

/* How long it would take now, in ns.  A clock that runs backwards stands still. */
double grebe__peak_ewma_read(const struct grebe__peak_ewma *ewma,
                             const struct grebe__fading *fading, uint64_t now_ns);

/* The same as of the landmark, to be compared with another one of the same era. */
static inline double grebe__peak_ewma_ahead(const struct grebe__peak_ewma *ewma)
{
    return grebe__real_get(&ewma->estimate);
}

/* An answer took `took_ns`, when there was `one`, which is of the same era. */
static inline void grebe__peak_ewma_add(struct grebe__peak_ewma *ewma, double took_ns,
                                        double one)
{
    double estimate = grebe__real_get(&ewma->estimate);
    double then = grebe__real_get(&ewma->one);

    if (one < then)
        one = then; /* a clock that runs backwards */
    grebe__real_set(&ewma->one, one);
    grebe__real_set(&ewma->estimate, took_ns * then > estimate
                                         ? took_ns * one
                                         : estimate + took_ns * (one - then));
    __atomic_store_n(&ewma->is_guess, false, __ATOMIC_RELAXED);
}

/* The same, whatever era it is of. */
void grebe__peak_ewma_add_any(struct grebe__peak_ewma *ewma, double took_ns,
                              struct grebe__fading_unit one);

static inline void grebe__peak_ewma_observe(struct grebe__peak_ewma *ewma, double took_ns,
                                            const struct grebe__fading *fading,
                                            uint64_t now_ns)
{
    uint32_t era = ewma->era;
    struct grebe__fading_unit one = grebe__fading_unit(fading, era, now_ns);

    if (one.era == era)
        grebe__peak_ewma_add(ewma, took_ns, one.left);
    else
        grebe__peak_ewma_add_any(ewma, took_ns, one);
}

/* What another thread believes of the same endpoint, if it is news. */
void grebe__peak_ewma_hear(struct grebe__peak_ewma *ewma,
                           const struct grebe__peak_ewma *other);

#endif
