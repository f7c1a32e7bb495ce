/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/p2c_load.h -- what p2c_ewma knows of an endpoint, and what a call to it costs.
 *
 *   peakEwma         estimate * (calls in flight + 1)
 *   pending          calls in flight + 1
 *   orcaUtilization  max(utilization, floor) * (calls in flight + 1)
 *
 * Rules of the policy that the end of a call needs are kept with each endpoint: a call may
 * end after the policy.
 *
 * Threading   Any thread, but for init and configure, which are the loop's.
 */
#ifndef GREBE_BALANCER_P2C_LOAD_H
#define GREBE_BALANCER_P2C_LOAD_H

#include <grebe/load_report.h>

#include "balancer/endpoint_load.h"
#include "balancer/p2c_config.h"
#include "balancer/peak_ewma.h"

struct grebe__p2c_load {
    struct grebe__endpoint_load base;
    struct grebe__peak_ewma rtt;
    struct grebe__stamped utilization; /* as last reported; no write: never */
    int64_t decay_ns, failure_penalty_ns, penalty_cap_ns; /* atomic */
    bool is_out_of_band; /* atomic: what calls report is not heard */
    uint32_t until;      /* enum grebe__p2c_until; atomic */
};

static inline struct grebe__p2c_load *
grebe__p2c_load_of(struct grebe__endpoint_load *base)
{
    return grebe_container_of(base, struct grebe__p2c_load, base);
}

void grebe__p2c_load_init(struct grebe__p2c_load *load,
                          const struct grebe__p2c_config *config, uint64_t now_ns);
void grebe__p2c_load_configure(struct grebe__p2c_load *load,
                               const struct grebe__p2c_config *config);

/* Of one more call.  `mean` stands for the utilization of an endpoint that did not report
 * any within the period. */
double grebe__p2c_load_cost(const struct grebe__p2c_load *load,
                            const struct grebe__p2c_config *config, double mean,
                            uint64_t now_ns);

/* The utilization that was reported, if it is still believed. */
bool grebe__p2c_load_utilization(const struct grebe__p2c_load *load,
                                 int64_t expiration_ns, uint64_t now_ns, double *out);

/* It was reported out of band: a grebe__load_watch_fn. */
void grebe__p2c_load_report(struct grebe__endpoint_load *base,
                            const struct grebe_load_report *report, uint64_t now_ns);

/* A call is over: a grebe_pick_done_fn, whose `arg` is the load. */
void grebe__p2c_load_done(void *arg, const struct grebe_done_info *info);

#endif
