/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/weighted_least.h"

#include <stdbool.h>

#include "base/expdecay.h"
#include "base/line.h"
#include "base/ln.h"
#include "base/real.h"
#include "base/rng.h"

/* However many calls there are, an endpoint is asked again some time. */
static const double least_share = 1e-9;

/* By how much calls in flight put the next turn off. */
static double burden(uint32_t in_flight, double bias)
{
    double calls = in_flight + 1.0, share;

    if (bias == 1 || in_flight == 0)
        return calls;
    share = grebe__expdecay(bias * grebe__ln(calls));
    return 1 / (share > least_share ? share : least_share);
}

double grebe__effective_weight(double weight, uint32_t in_flight, double bias)
{
    return weight / burden(in_flight, bias);
}

static double weight_of(const struct grebe__weighted_least *least, uint32_t i)
{
    return grebe__real_get(&least->weights[i]);
}

/* From one turn to the next. */
static double interval_of(const struct grebe__weighted_least *least, uint32_t i,
                          uint32_t in_flight)
{
    return burden(in_flight, least->bias) / weight_of(least, i);
}

/* ---- Making ------------------------------------------------------------------------------ */

/* Shares, which everybody reads, and the queue come one after the other. */
static size_t shares_size(uint32_t n)
{
    return (n * sizeof(uint16_t) + sizeof(double) - 1) / sizeof(double) * sizeof(double);
}

size_t grebe__weighted_least_size(uint32_t n)
{
    return shares_size(n) + GREBE__LINE + n * sizeof(struct grebe__edf_entry);
}

/* As if it had been going on for a while: some are due sooner than an interval. */
static void fill(struct grebe__weighted_least *least, struct grebe__edf_entry *heap,
                 uint32_t n, double unit)
{
    double longest = 0, start;

    for (uint32_t i = 0; i < n; i++) {
        uint32_t n_calls = grebe__endpoint_load_in_flight(least->endpoints[i].load);

        heap[i] = (struct grebe__edf_entry){interval_of(least, i, n_calls), i};
        if (heap[i].deadline > longest)
            longest = heap[i].deadline;
    }
    start = unit * longest;
    for (uint32_t i = 0; i < n; i++) {
        double turns = start / heap[i].deadline;

        heap[i].deadline *= (double)((uint64_t)turns + 1) - turns;
    }
}

void grebe__weighted_least_init(struct grebe__weighted_least *least,
                                const struct grebe__loaded *endpoints,
                                const double *weights, uint32_t n, double bias,
                                uint64_t random, void *memory)
{
    struct grebe__edf_entry *heap =
        (void *)((char *)memory + shares_size(n) + GREBE__LINE);
    struct grebe__rng rng = {random};

    least->endpoints = endpoints;
    least->weights = weights;
    least->bias = bias;
    fill(least, heap, n, grebe__rng_unit(&rng));
    grebe__edf_init(&least->queue, heap, n);
    grebe__stride_init(&least->stride, n, (uint32_t)grebe__rng_next(&rng), memory);
    (void)grebe__stride_set(&least->stride, weights);
    least->is_stale = false;
}

void grebe__weighted_least_settle(struct grebe__weighted_least *least)
{
    (void)grebe__stride_set(&least->stride, least->weights);
    __atomic_store_n(&least->is_stale, true, __ATOMIC_RELAXED);
}

/* ---- Turns ------------------------------------------------------------------------------- */

static uint32_t in_flight(const struct grebe__weighted_least *least, uint32_t i,
                          const struct grebe__load_sight *sight)
{
    return grebe__loaded_in_flight(&least->endpoints[i], sight);
}

/* Without the queue: calls / weight, without a division; of equals the first. */
static uint32_t next_of_two(struct grebe__weighted_least *least, uintptr_t who,
                            const struct grebe__load_sight *sight)
{
    uint32_t a = grebe__stride_next(&least->stride, who), b;

    if (least->bias == 0)
        return a;
    b = grebe__stride_next(&least->stride, who);
    return in_flight(least, b, sight) * weight_of(least, a) <
                   in_flight(least, a, sight) * weight_of(least, b)
               ? b
               : a;
}

/* By whose the queue is, after weights changed. */
static void hasten(struct grebe__weighted_least *least,
                   const struct grebe__load_sight *sight)
{
    struct grebe__edf *queue = &least->queue;
    double now = grebe__edf_first(queue)->deadline;

    for (uint32_t at = 0; at < queue->n; at++) {
        uint32_t i = queue->heap[at].index;
        double latest = now + interval_of(least, i, in_flight(least, i, sight));

        if (queue->heap[at].deadline > latest)
            queue->heap[at].deadline = latest;
    }
    grebe__edf_rebase(queue, now);
}

uint32_t grebe__weighted_least_next(struct grebe__weighted_least *least, uintptr_t who,
                                    const struct grebe__load_sight *sight)
{
    /* Intervals are added to a time that is 2^30 times as long, at most. */
    static const double longest = 0x1p30;
    const struct grebe__edf_entry *first = grebe__edf_first(&least->queue);
    double now, interval;
    uint32_t index;

    if (!grebe__edf_is_of(&least->queue, who))
        return next_of_two(least, who, sight);
    if (__atomic_load_n(&least->is_stale, __ATOMIC_RELAXED)) {
        __atomic_store_n(&least->is_stale, false, __ATOMIC_RELAXED);
        hasten(least, sight);
    }
    index = first->index;
    now = first->deadline;
    interval = interval_of(least, index, in_flight(least, index, sight));
    grebe__edf_put_off(&least->queue, now + interval);
    if (now > interval * longest)
        grebe__edf_rebase(&least->queue, now);
    return index;
}
