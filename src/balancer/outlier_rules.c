/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/outlier_rules.h"

/* Rates that are no further apart are equal: what is between them is rounding, which
 * without this would make an outlier of somebody when all are the same. */
static const double smallest_difference = 1e-9;

static double rate(struct grebe__outlier_calls calls)
{
    return (double)calls.n_succeeded / (double)(calls.n_succeeded + calls.n_failed);
}

bool grebe__outlier_is_candidate(const struct grebe__outlier_rule *rule,
                                 struct grebe__outlier_calls calls)
{
    uint64_t n = calls.n_succeeded + calls.n_failed;

    return n > 0 && n >= rule->min_calls;
}

void grebe__outlier_rates_of(const struct grebe__outlier_rule *rule,
                             const struct grebe__outlier_calls *calls, size_t n,
                             struct grebe__outlier_rates *out)
{
    double sum = 0, squares = 0;

    *out = (struct grebe__outlier_rates){0};
    for (size_t i = 0; i < n; i++)
        if (grebe__outlier_is_candidate(rule, calls[i])) {
            sum += rate(calls[i]);
            out->n++;
        }
    if (out->n == 0)
        return;
    out->mean = sum / out->n;
    for (size_t i = 0; i < n; i++)
        if (grebe__outlier_is_candidate(rule, calls[i])) {
            double distance = rate(calls[i]) - out->mean;

            squares += distance * distance;
        }
    out->variance = squares / out->n;
}

/* rate < mean - deviation * factor, squared: no root, whose last bit is the machine's. */
bool grebe__outlier_succeeds_too_rarely(const struct grebe__outlier_rule *rule,
                                        const struct grebe__outlier_rates *rates,
                                        struct grebe__outlier_calls calls)
{
    double below = rates->mean - rate(calls);
    double factor = rule->limit / 1000.0;

    return below > smallest_difference &&
           below * below > rates->variance * factor * factor;
}

bool grebe__outlier_fails_too_often(const struct grebe__outlier_rule *rule,
                                    struct grebe__outlier_calls calls)
{
    uint64_t n = calls.n_succeeded + calls.n_failed;

    return (double)calls.n_failed * 100 > (double)n * rule->limit;
}

uint64_t grebe__outlier_ejection_ns(const struct grebe__outlier_config *config,
                                    uint32_t multiplier)
{
    uint64_t base = config->base_ejection_ns, most = config->max_ejection_ns;

    if (most < base)
        most = base;
    return multiplier == 0 || base <= most / multiplier ? base * multiplier : most;
}
