/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/p2c_config.h -- the configuration of p2c_ewma, and of load_aware, which has its own
 * words for what it needs of it.
 *
 *   loadMetric              "peakEwma", "pending" or "orcaUtilization"       peakEwma
 *   decay                   how fast an estimate fades: 1ms to two years     10s
 *   rttUntil                an answer is there with its "headers", at its     auto
 *                           "end", or, for "auto", at its end if unary
 *   defaultRtt              the estimate before the first answer, above 0    30ms
 *   failurePenalty          how long a failure counts to have taken; 0: off  0
 *   penaltyCap              the most that a server's retry hint counts       300s
 *   probeOnce               one call, until it is answered, to whom nobody   false
 *                           has heard of
 *   weightExpirationPeriod  how long a report of utilization is believed     180s
 */
#ifndef GREBE_BALANCER_P2C_CONFIG_H
#define GREBE_BALANCER_P2C_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include <grebe/json.h>

enum grebe__p2c_metric {
    GREBE__P2C_PEAK_EWMA,
    GREBE__P2C_PENDING,
    GREBE__P2C_ORCA_UTILIZATION,
};

enum grebe__p2c_until {
    GREBE__P2C_AUTO,
    GREBE__P2C_HEADERS,
    GREBE__P2C_END,
};

struct grebe__p2c_config {
    enum grebe__p2c_metric metric;
    enum grebe__p2c_until until;
    int64_t decay_ns, default_rtt_ns, failure_penalty_ns, penalty_cap_ns, expiration_ns;
    bool probes_once;
    double floor; /* utilization of who says it has nothing to do: calls count there */
    bool is_out_of_band; /* utilization comes on a stream, not with calls */
    uint64_t oob_period_ns;
};

/* The floor, unless it is configured. */
#define GREBE__P2C_FLOOR 0.01

extern const struct grebe__p2c_config grebe__p2c_defaults;

/* As parse_config() and free_config() of struct grebe_balancer_builder. */
int grebe__p2c_config_parse(const struct grebe_json *json, struct grebe_diag *diag,
                            void **out) GREBE_MUST_CHECK;
void grebe__p2c_config_free(void *config);

/* What a parse_config() returns: a copy of `config`.  GREBE_ERR_NOMEM. */
int grebe__p2c_config_keep(const struct grebe__p2c_config *config,
                           void **out) GREBE_MUST_CHECK;

#endif
