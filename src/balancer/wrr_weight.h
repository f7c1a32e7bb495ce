/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/wrr_weight.h -- what an endpoint's load reports make of it: its weight.
 *
 *   weight = requests a second / (utilisation + errors a second / requests a second * penalty)
 *
 * that is, the requests a second it would do if it were busy all the time, less what it
 * would get wrong.  A weight counts once reports have come for the blackout period, and no
 * longer than the expiration period after the last one.
 *
 * Reports come on any thread, with calls; the loop asks for the weight.  Three numbers are
 * each read and written whole, and no two need to be from the same report: a weight that is
 * a report older or younger is as good.  Calls that are under way hold no reference: the
 * subconn they are on keeps the weight (balancer/keeper.h).
 *
 * Source: gRFC A58, A114; grpc-go package balancer/weightedroundrobin.
 */
#ifndef GREBE_BALANCER_WRR_WEIGHT_H
#define GREBE_BALANCER_WRR_WEIGHT_H

#include <stdint.h>

#include <grebe/load_report.h>
#include <grebe/mem.h>

#include "balancer/keeper.h"
#include "balancer/wrr_config.h"

struct grebe__wrr_weight {
    struct grebe__kept kept; /* owned by leaf, pickers and subconns */
    const struct grebe_mem *mem;
    struct grebe__wrr_config *config; /* a reference: for the names of metrics */
    uint64_t in_service_since_ns;     /* the loop's: the endpoint, READY and healthy */
    /* Atomic: */
    double error_penalty;
    double value;
    uint64_t last_updated_ns; /* UINT64_MAX: never, as the other */
    uint64_t non_empty_since_ns;
};

enum grebe__wrr_standing {
    GREBE__WRR_USABLE,
    GREBE__WRR_NOT_YET, /* no reports, or not for long enough */
    GREBE__WRR_STALE,   /* none for too long */
};

/* One reference; no reports yet.  NULL when out of memory. */
struct grebe__wrr_weight *grebe__wrr_weight_new(const struct grebe_mem *mem,
                                                const struct grebe__wrr_config *config);

static inline struct grebe__wrr_weight *
grebe__wrr_weight_ref(struct grebe__wrr_weight *weight)
{
    grebe__kept_ref(&weight->kept);
    return weight;
}

void grebe__wrr_weight_unref(struct grebe__wrr_weight *weight); /* NULL: no-op */

/* The reports to come are judged by `config`; nothing changes for those that came.  Where
 * other metrics count now, *weight becomes another object with the same numbers, and what
 * calls under way still report is not heard.  GREBE_ERR_NOMEM: nothing has changed. */
int grebe__wrr_weight_configure(struct grebe__wrr_weight **weight,
                                const struct grebe__wrr_config *config);

/* Threading: any.  A report that says neither load nor requests is no report. */
void grebe__wrr_weight_report(struct grebe__wrr_weight *weight,
                              const struct grebe_load_report *report, uint64_t now_ns);

/* There is a new connection: reports have to come anew. */
void grebe__wrr_weight_forget(struct grebe__wrr_weight *weight);

/* *out is 0 unless it is usable. */
enum grebe__wrr_standing grebe__wrr_weight_at(struct grebe__wrr_weight *weight,
                                              const struct grebe__wrr_config *config,
                                              uint64_t now_ns, double *out);

#endif
