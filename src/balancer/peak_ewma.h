/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/peak_ewma.h -- how long an endpoint takes to answer: a moving average that
 * believes bad news at once.
 *
 * A slower answer than the estimate becomes the estimate; faster ones pull it down, by how
 * long ago the last one was: what is left of the old estimate after `elapsed` is
 * e^-(elapsed / decay).  Without answers it fades to nothing, so that an endpoint that was
 * slow is tried again.  Reading changes nothing.
 *
 * `rate` is 1 / decay, for a decay in ns.
 *
 * Threads have an estimate each, and hear now and then what another one's has come to, as if
 * it were an answer.
 *
 * Threading   Written by one thread; heard by any, and each number whole: an estimate that is
 *             taken for one answer older or younger is as good.  So is one that several
 *             threads write, of whose answers some are lost.
 * Sources     Finagle's peak EWMA, which tower and linkerd have as well.
 */
#ifndef GREBE_BALANCER_PEAK_EWMA_H
#define GREBE_BALANCER_PEAK_EWMA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/expdecay.h"
#include "base/real.h"

struct grebe__peak_ewma {
    double estimate_ns; /* atomic, as the others */
    uint64_t at_ns;
    bool is_guess; /* there was no answer yet */
};

static inline uint64_t grebe__peak_ewma_at(const struct grebe__peak_ewma *ewma)
{
    return __atomic_load_n(&ewma->at_ns, __ATOMIC_RELAXED);
}

static inline bool grebe__peak_ewma_is_guess(const struct grebe__peak_ewma *ewma)
{
    return __atomic_load_n(&ewma->is_guess, __ATOMIC_RELAXED);
}

static inline void grebe__peak_ewma_set(struct grebe__peak_ewma *ewma, double estimate_ns,
                                        uint64_t at_ns, bool is_guess)
{
    grebe__real_set(&ewma->estimate_ns, estimate_ns);
    __atomic_store_n(&ewma->at_ns, at_ns, __ATOMIC_RELAXED);
    __atomic_store_n(&ewma->is_guess, is_guess, __ATOMIC_RELAXED);
}

/* What is left of 1 from then to now; a clock that runs backwards stands still.  Whether any time
 * has passed is as good as chance, so there is nothing to jump over. */
static inline double grebe__peak_ewma_left(uint64_t then_ns, uint64_t now_ns, double rate)
{
    int64_t elapsed_ns = (int64_t)(now_ns - then_ns);

    return grebe__expdecay((double)(elapsed_ns & -(int64_t)(elapsed_ns > 0)) * rate);
}

/* How long it would take now. */
static inline double grebe__peak_ewma_read(const struct grebe__peak_ewma *ewma,
                                           uint64_t now_ns, double rate)
{
    return grebe__real_get(&ewma->estimate_ns) *
           grebe__peak_ewma_left(grebe__peak_ewma_at(ewma), now_ns, rate);
}

/* An answer took `took_ns`. */
static inline void grebe__peak_ewma_observe(struct grebe__peak_ewma *ewma, double took_ns,
                                            uint64_t now_ns, double rate)
{
    double estimate = grebe__real_get(&ewma->estimate_ns);
    uint64_t then_ns = grebe__peak_ewma_at(ewma);

    if (took_ns > estimate) {
        estimate = took_ns;
    } else {
        double left = grebe__peak_ewma_left(then_ns, now_ns, rate);

        estimate = estimate * left + took_ns * (1 - left);
    }
    grebe__peak_ewma_set(ewma, estimate, now_ns > then_ns ? now_ns : then_ns, false);
}

/* What another thread believes of the same endpoint, if it is news. */
static inline void grebe__peak_ewma_hear(struct grebe__peak_ewma *ewma,
                                         const struct grebe__peak_ewma *other,
                                         double rate)
{
    double estimate_ns = grebe__real_get(&other->estimate_ns);
    uint64_t at_ns = grebe__peak_ewma_at(other);

    if (grebe__peak_ewma_is_guess(other))
        return;
    if (grebe__peak_ewma_is_guess(ewma))
        grebe__peak_ewma_set(ewma, estimate_ns, at_ns, false);
    else if (at_ns > grebe__peak_ewma_at(ewma))
        grebe__peak_ewma_observe(ewma, estimate_ns, at_ns, rate);
}

#endif
