/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/peak_ewma.h -- how long an endpoint takes to answer: a moving average that
 * believes bad news at once.
 *
 * A slower answer than the estimate becomes the estimate; faster ones pull it down, by how
 * long ago the last one was: what is left of the old estimate after `elapsed` is
 * e^-(elapsed / decay).  Without answers it fades to nothing, so that an endpoint that was
 * slow is tried again.  Reading changes nothing.
 *
 * Threading   Any thread; of answers that come at the same moment one counts.
 * Sources     Finagle's peak EWMA, which tower and linkerd have as well.
 */
#ifndef GREBE_BALANCER_PEAK_EWMA_H
#define GREBE_BALANCER_PEAK_EWMA_H

#include "base/expdecay.h"
#include "base/latest.h"

struct grebe__peak_ewma {
    struct grebe__latest estimate; /* in ns */
};

static inline void grebe__peak_ewma_init(struct grebe__peak_ewma *ewma, double first_ns,
                                         uint64_t now_ns)
{
    grebe__latest_init(&ewma->estimate, first_ns, now_ns);
}

/* What is left of 1 from then to now; a clock that runs backwards stands still.  The division
 * is one that need not wait for the times. */
static inline double grebe__peak_ewma_left(uint64_t then_ns, uint64_t now_ns,
                                           double decay_ns)
{
    int64_t elapsed_ns = (int64_t)(now_ns - then_ns);

    return elapsed_ns <= 0 ? 1 : grebe__expdecay((double)elapsed_ns * (1 / decay_ns));
}

/* How long it would take now.  False: that is a guess, there was no answer yet. */
static inline bool grebe__peak_ewma_read(const struct grebe__peak_ewma *ewma,
                                         uint64_t now_ns, double decay_ns, double *out_ns)
{
    uint64_t then_ns;
    uint64_t version = grebe__latest_read(&ewma->estimate, out_ns, &then_ns);

    *out_ns *= grebe__peak_ewma_left(then_ns, now_ns, decay_ns);
    return version >= GREBE__LATEST_WRITE;
}

/* An answer took `took_ns`, says the thread with this number. */
static inline void grebe__peak_ewma_observe(struct grebe__peak_ewma *ewma,
                                            unsigned number, double took_ns,
                                            uint64_t now_ns, double decay_ns)
{
    double estimate, left, added;
    uint64_t then_ns, version;

    if (!grebe__latest_take(&ewma->estimate, number))
        return;
    version = grebe__latest_read(&ewma->estimate, &estimate, &then_ns);
    if (took_ns > estimate) {
        estimate = took_ns;
    } else {
        /* Apart, so that no compiler makes one rounding of two. */
        left = grebe__peak_ewma_left(then_ns, now_ns, decay_ns);
        estimate *= left;
        added = took_ns * (1 - left);
        estimate += added;
    }
    grebe__latest_write(&ewma->estimate, number, version, estimate,
                        now_ns > then_ns ? now_ns : then_ns);
}

#endif
