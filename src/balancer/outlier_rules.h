/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/outlier_rules.h -- who is an outlier: the arithmetic of outlier_detection.
 *
 * Both rules look at the endpoints that had enough calls in an interval, the candidates;
 * with too few of them they say nothing.
 *
 *   success rate        an outlier lies more than limit/1000 standard deviations below the
 *                       mean of all candidates
 *   failure percentage  an outlier's failures exceed limit percent of its calls
 *
 * Source: gRFC A50.
 */
#ifndef GREBE_BALANCER_OUTLIER_RULES_H
#define GREBE_BALANCER_OUTLIER_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "balancer/outlier_config.h"

/* Of one endpoint in one interval. */
struct grebe__outlier_calls {
    uint64_t n_succeeded, n_failed;
};

/* Of all candidates. */
struct grebe__outlier_rates {
    uint32_t n;            /* candidates */
    double mean, variance; /* of their success rates; of the whole population */
};

/* An endpoint without calls is none, whatever the rule asks for: it has no rate. */
bool grebe__outlier_is_candidate(const struct grebe__outlier_rule *rule,
                                 struct grebe__outlier_calls calls);

/* Of those of `n` endpoints that are candidates. */
void grebe__outlier_rates_of(const struct grebe__outlier_rule *rule,
                             const struct grebe__outlier_calls *calls, size_t n,
                             struct grebe__outlier_rates *out);

/* Of a candidate. */
bool grebe__outlier_succeeds_too_rarely(const struct grebe__outlier_rule *rule,
                                        const struct grebe__outlier_rates *rates,
                                        struct grebe__outlier_calls calls);
bool grebe__outlier_fails_too_often(const struct grebe__outlier_rule *rule,
                                    struct grebe__outlier_calls calls);

/* How long the ejection lasts that is the `multiplier`-th in a row. */
uint64_t grebe__outlier_ejection_ns(const struct grebe__outlier_config *config,
                                    uint32_t multiplier);

#endif
