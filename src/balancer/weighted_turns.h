/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/weighted_turns.h -- a picker that gives each child turns by its weight.
 *
 * Which child is next is base/stride.h's business.  The owner may change weights while the
 * picker is in use: they are numbers that are read and written whole, so that nothing need
 * be published for it, nothing allocated, and nobody waits.  Weights that do not change may
 * be taken from a table instead, base/smooth.h, or from a queue of deadlines,
 * base/edf_turns.h; whose the queue is not draws strides.
 *
 * Made by the loop: new, add for each child, weigh each, settle, publish.  Later: weigh and
 * settle again, by an owner that kept a reference; at last, perhaps, a table or a queue.
 */
#ifndef GREBE_BALANCER_WEIGHTED_TURNS_H
#define GREBE_BALANCER_WEIGHTED_TURNS_H

#include <grebe/balancer.h>

#include "balancer/leaf.h"
#include "balancer/wrr_weight.h"
#include "base/edf_turns.h"
#include "base/smooth.h"
#include "base/stride.h"

/* Static storage: what people are told of a pick. */
struct grebe__weighted_policy {
    const char *name;
    const char *rule;
    const char *unknown; /* why a child has no weight of its own */
};

struct grebe__weighted_turn {
    struct grebe__leaf leaf;
    struct grebe__wrr_weight *weight; /* a reference; NULL: none, see `hears_calls` */
};

struct grebe__weighted_turns {
    struct grebe_picker base;
    const struct grebe_mem *mem;
    const struct grebe__weighted_policy *policy;
    bool hears_calls; /* the load reports of calls go to `weight` */
    struct grebe__stride stride;
    /* Owned, atomic; NULL: turns are not from there (yet). */
    struct grebe__smooth *table;
    struct grebe__edf_turns *deadlines;
    double *weights; /* one for each child, atomic; 0: not known */
    uint32_t n;
    struct grebe__weighted_turn children[];
};

/* Room for `n` > 0 children; all of them have to be added before it is used or given up.
 * NULL when out of memory. */
struct grebe__weighted_turns *grebe__weighted_turns_new(
    struct grebe_client_conn *cc, const struct grebe__weighted_policy *policy,
    bool hears_calls, uint32_t n);

/* Takes references. */
void grebe__weighted_turns_add(struct grebe__weighted_turns *picker,
                               struct grebe_picker *child,
                               struct grebe__wrr_weight *weight);

void grebe__weighted_turns_weigh(struct grebe__weighted_turns *picker, uint32_t i,
                                 double weight);
/* From here on the weights count.  False: fewer than two are known, turns are plain. */
bool grebe__weighted_turns_settle(struct grebe__weighted_turns *picker);
/* The same from here on, for ever, exactly and evenly.  Weights are whole numbers then, of 32
 * bits, and known.  False: it would be too much, or there is no memory; settle instead. */
bool grebe__weighted_turns_smooth(struct grebe__weighted_turns *picker,
                                  struct grebe_client_conn *cc);
/* Once it is settled: weights of 32 bits, known, are exact from here on.  False: there is no
 * memory, and turns stay strides. */
bool grebe__weighted_turns_queue(struct grebe__weighted_turns *picker,
                                 struct grebe_client_conn *cc);

#endif
