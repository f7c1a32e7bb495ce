/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/outlier_metrics.h -- what outlier_detection counts: gRFC A91. */
#ifndef GREBE_BALANCER_OUTLIER_METRICS_H
#define GREBE_BALANCER_OUTLIER_METRICS_H

#include <grebe/balancer.h>

/* For build(): the instruments are known from then on. */
int grebe__outlier_metrics_register(void) GREBE_MUST_CHECK;

/* `method` found `endpoint` to be an outlier.  `why_not` says why that had no
 * consequence; NULL: it was ejected. */
void grebe__outlier_metrics_count(struct grebe_client_conn *cc,
                                  const struct grebe_endpoint *endpoint,
                                  const char *method, const char *why_not);

#endif
