/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/wrr_metrics.h -- what weighted_round_robin counts.
 *
 * Source: gRFC A78, A100 (draft: slow start); A89 (grpc.lb.backend_service).
 */
#ifndef GREBE_BALANCER_WRR_METRICS_H
#define GREBE_BALANCER_WRR_METRICS_H

#include <grebe/balancer.h>
#include <grebe/metrics.h>

/* Where one policy records; borrowed from its channel. */
struct grebe__wrr_metrics {
    struct grebe_series *fallback;
    struct grebe_series *not_yet_usable;
    struct grebe_series *stale;
    struct grebe_series *weights;
    struct grebe_series *in_slow_start;
};

/* Once for each policy that is built.  GREBE_ERR_NOMEM. */
int grebe__wrr_metrics_register(void);

/* With the labels that `attributes`, of an update, have. */
void grebe__wrr_metrics_find(struct grebe__wrr_metrics *metrics,
                             struct grebe_client_conn *cc,
                             const struct grebe_attributes *attributes);

#endif
