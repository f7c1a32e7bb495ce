/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/outlier_config.h -- the configuration of outlier_detection.
 *
 * Source: gRFC A50; grpc-go for the defaults and for what an error says.
 */
#ifndef GREBE_BALANCER_OUTLIER_CONFIG_H
#define GREBE_BALANCER_OUTLIER_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include <grebe/json.h>
#include <grebe/parent.h>

/* One of the two ways to find who is ejected. */
struct grebe__outlier_rule {
    bool is_on;
    uint32_t limit; /* success rate: standard deviations below the mean, in thousandths;
                     * failure percentage: what is exceeded */
    uint32_t enforcement_percent; /* how many of those that are found are ejected */
    uint32_t min_endpoints;       /* with enough calls; with fewer nobody is judged */
    uint32_t min_calls;           /* of an endpoint in an interval */
};

struct grebe__outlier_config {
    uint64_t interval_ns;
    uint64_t base_ejection_ns, max_ejection_ns;
    uint32_t max_ejection_percent;
    uint32_t panic_threshold; /* percent of endpoints; 0: there is no panic */
    struct grebe__outlier_rule success_rate, failure_percentage;
    struct grebe_lb_config *child; /* a reference */
};

/* False: nothing is counted and nobody ejected. */
static inline bool
grebe__outlier_config_is_active(const struct grebe__outlier_config *config)
{
    return config->success_rate.is_on || config->failure_percentage.is_on;
}

/* As in grebe_balancer_builder. */
int grebe__outlier_config_parse(const struct grebe_json *json, struct grebe_diag *diag,
                                void **out);
void grebe__outlier_config_free(void *config);

#endif
