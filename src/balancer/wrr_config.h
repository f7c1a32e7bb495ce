/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/wrr_config.h -- what a service config may say to weighted_round_robin.
 *
 * Counted and immutable: the loads of calls under way are judged by it, on any thread, when
 * the update it came with may be long gone.
 *
 * Source: gRFC A58 (fields), A114 (names of metrics), A100 (draft: slow start).
 */
#ifndef GREBE_BALANCER_WRR_CONFIG_H
#define GREBE_BALANCER_WRR_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <grebe/json.h>

#include "base/ramp.h"

struct grebe__wrr_config {
    uint32_t refs;
    bool is_out_of_band;    /* reports come on a stream, not with calls */
    uint64_t oob_period_ns; /* 0 unless is_out_of_band */
    int64_t blackout_ns;    /* 0 or less: none */
    int64_t expiration_ns;
    uint64_t update_period_ns; /* at least 100 ms */
    double error_penalty;
    struct grebe__ramp ramp; /* of endpoints that are new */
    size_t n_metrics;
    const char *metrics[]; /* what utilisation is, as grebe_load_report_get() has it */
};

/* For a builder's parse_config(), with one reference. */
int grebe__wrr_config_parse(const struct grebe_json *json, struct grebe_diag *diag,
                            void **out);
void grebe__wrr_config_unref(struct grebe__wrr_config *config); /* NULL: no-op */

/* Of an update's config, borrowed.  NULL: that in which everything is at its default. */
struct grebe__wrr_config *grebe__wrr_config_ref(const void *config);

bool grebe__wrr_config_has_metrics_of(const struct grebe__wrr_config *a,
                                      const struct grebe__wrr_config *b);

#endif
