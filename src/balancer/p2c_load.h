/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/p2c_load.h -- what p2c_ewma knows of an endpoint, and what a call to it costs.
 *
 *   peakEwma         estimate * (calls in flight + 1)
 *   pending          calls in flight + 1
 *   orcaUtilization  max(utilization, floor) * (calls in flight + 1)
 *
 * Estimates are each thread's own, as calls are (balancer/endpoint_load.h).  Rules of the
 * policy that the end of a call needs are kept with the crew of all loads: a call may end
 * after the policy.
 *
 * Threading   Any thread, but for init and configure, which are the loop's.
 */
#ifndef GREBE_BALANCER_P2C_LOAD_H
#define GREBE_BALANCER_P2C_LOAD_H

#include <grebe/load_report.h>

#include "balancer/endpoint_load.h"
#include "balancer/p2c_config.h"
#include "balancer/peak_ewma.h"
#include "base/stamped.h"

/* What all loads of a policy have in common. */
struct grebe__p2c_rules {
    struct grebe__crew crew;
    struct grebe__fading fading;
    int64_t failure_penalty_ns, penalty_cap_ns; /* atomic, as the others */
    bool observes_rtt;                          /* it is the metric */
    bool is_out_of_band;                        /* what calls report is not heard */
    uint32_t until;                             /* enum grebe__p2c_until */
};

static inline struct grebe__p2c_rules *grebe__p2c_rules_of(struct grebe__crew *crew)
{
    return grebe_container_of(crew, struct grebe__p2c_rules, crew);
}

/* From now on, and before the first load is made. */
void grebe__p2c_rules_set(struct grebe__p2c_rules *rules,
                          const struct grebe__p2c_config *config, uint64_t now_ns);

struct grebe__p2c_load {
    struct grebe__endpoint_load base;
    struct grebe__stamped utilization; /* as last reported; no write: never */
};

/* A thread's view. */
struct grebe__p2c_view {
    struct grebe__load_view base;
    struct grebe__peak_ewma rtt;
};

static inline struct grebe__p2c_load *
grebe__p2c_load_of(struct grebe__endpoint_load *base)
{
    return grebe_container_of(base, struct grebe__p2c_load, base);
}

static inline struct grebe__p2c_view *grebe__p2c_view_of(struct grebe__load_view *base)
{
    return grebe_container_of(base, struct grebe__p2c_view, base);
}

/* What comes behind the base.  The crew has its rules. */
void grebe__p2c_load_init(struct grebe__p2c_load *load,
                          const struct grebe__p2c_config *config, uint64_t now_ns);

/* The utilization that was reported, if it is still believed. */
bool grebe__p2c_load_utilization(const struct grebe__p2c_load *load,
                                 int64_t expiration_ns, uint64_t now_ns, double *out);

/* ---- Costs ---------------------------------------------------------------------------- */

/* What others believe of it. */
void grebe__p2c_hear_the_others(struct grebe__p2c_view *view);

static inline double grebe__p2c_cost_by_rtt(const struct grebe__p2c_view *view,
                                            const struct grebe__p2c_config *config,
                                            uint32_t pending, uint64_t now_ns)
{
    /* Finagle: what an endpoint costs that has calls and never answered any. */
    static const double unproven = 140737488355327; /* 2^47 - 1 */

    if (config->probes_once && grebe__peak_ewma_is_guess(&view->rtt))
        return pending == 0 ? 0 : unproven + pending;
    return grebe__peak_ewma_read(&view->rtt,
                                 &grebe__p2c_rules_of(view->base.crew)->fading, now_ns) *
           (pending + 1.0);
}

/* The same as of the landmark, times `weight`: to be compared with that of another one of the
 * same era. */
static inline double grebe__p2c_cost_ahead(const struct grebe__p2c_view *view,
                                           double weight)
{
    return grebe__peak_ewma_ahead(&view->rtt) * weight *
           (double)(grebe__load_view_in_flight(&view->base) + 1);
}

/* `mean` stands for the utilization of an endpoint that did not report any within the
 * period. */
double grebe__p2c_cost_by_utilization(struct grebe__p2c_view *view,
                                      const struct grebe__p2c_config *config, double mean,
                                      uint32_t pending, uint64_t now_ns);

/* Of one more call, as one thread sees it. */
static inline double grebe__p2c_cost(struct grebe__p2c_view *view,
                                     const struct grebe__p2c_config *config, double mean,
                                     uint64_t now_ns)
{
    uint32_t pending = grebe__load_view_in_flight(&view->base);

    if (config->metric == GREBE__P2C_PEAK_EWMA)
        return grebe__p2c_cost_by_rtt(view, config, pending, now_ns);
    if (config->metric == GREBE__P2C_PENDING)
        return pending + 1.0;
    return grebe__p2c_cost_by_utilization(view, config, mean, pending, now_ns);
}

/* ---- Reports, and the end of a call ----------------------------------------------------- */

/* It was reported out of band: a grebe__load_watch_fn. */
void grebe__p2c_load_report(struct grebe__endpoint_load *base,
                            const struct grebe_load_report *report, uint64_t now_ns);

/* A call is over: a grebe_pick_done_fn, whose `arg` is the view in which it was begun. */
void grebe__p2c_load_done(void *arg, const struct grebe_done_info *info);

#endif
