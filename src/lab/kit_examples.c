/* SPDX-License-Identifier: Apache-2.0 */
/* The one place with a configuration for each built-in policy.
 *
 * A policy that does without one need not stand here; with all of its members in it, rule
 * `config_types` looks at all of them.  Policies that choose a child by an endpoint's path
 * find the path ["kit"]; policies that choose a subset must be left all eight endpoints.
 */
#include "lab/kit_examples.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define P2C                                                                              \
    "{\"loadMetric\": \"peakEwma\", \"decay\": \"10s\", \"defaultRtt\": \"0.030s\", "    \
    "\"failurePenalty\": \"5s\", \"penaltyCap\": \"300s\", \"probeOnce\": false, "       \
    "\"weightExpirationPeriod\": \"180s\"}"

#define RAMP "\"slowStartWindow\": \"60s\", \"aggression\": 2, \"minWeightPercent\": 10"

static const struct {
    const char *policy, *config;
} examples[] = {
    {"pick_first", "{\"shuffleAddressList\": false}"},
    {"least_request",
     "{\"choiceCount\": 3, \"weighted\": false, \"slowStartConfig\": {" RAMP "}}"},
    {"least_request_full", "{\"weighted\": true, \"bias\": 1, \"fullScan\": false, "
                           "\"slowStartConfig\": {" RAMP "}}"},
    {"p2c_ewma", P2C},
    {"p2c", P2C},
    {"load_aware", "{\"weightExpirationPeriod\": \"180s\", \"floor\": 0.01, "
                   "\"enableOobLoadReport\": false, \"oobReportingPeriod\": \"10s\"}"},
    {"aperture", "{\"minAperture\": 8, \"clientIndex\": 1, \"clientCount\": 3, "
                 "\"peerOffset\": 0.25, \"highLoad\": 2, \"lowLoad\": 0.5, "
                 "\"smoothingWindow\": \"5s\"}"},
    {"static_weighted_round_robin",
     "{\"mode\": \"edf\", \"slowStartConfig\": {" RAMP "}}"},
    {"weighted_round_robin",
     "{\"enableOobLoadReport\": false, \"oobReportingPeriod\": \"10s\", "
     "\"blackoutPeriod\": \"1s\", \"weightExpirationPeriod\": \"180s\", "
     "\"weightUpdatePeriod\": \"1s\", \"errorUtilizationPenalty\": 1, "
     "\"metricNamesForComputingUtilization\": [\"named_metrics.kit\"]}"},
    {"ring_hash",
     "{\"minRingSize\": 64, \"maxRingSize\": 256, \"requestHashHeader\": \"kit\", "
     "\"hashBalanceFactor\": 0}"},
    {"bounded_load_ring_hash",
     "{\"minRingSize\": 64, \"maxRingSize\": 256, \"requestHashHeader\": \"kit\", "
     "\"hashBalanceFactor\": 125}"},
    {"maglev", "{\"tableSize\": 251, \"requestHashHeader\": \"kit\", "
               "\"hashBalanceFactor\": 0}"},
    {"rendezvous", "{\"requestHashHeader\": \"kit\"}"},
    {"rendezvous_hash", "{\"requestHashHeader\": \"kit\"}"},
    {"random_subsetting",
     "{\"subsetSize\": 8, \"childPolicy\": [{\"round_robin\": {}}]}"},
    {"deterministic_subsetting",
     "{\"subsetSize\": 8, \"clientIndex\": 3, \"childPolicy\": [{\"round_robin\": {}}]}"},
    {"weighted_target",
     "{\"targets\": {\"kit\": {\"weight\": 2, \"childPolicy\": [{\"round_robin\": {}}]}}}"},
    {"priority", "{\"priorities\": [\"kit\"], \"children\": {\"kit\": {\"config\": "
                 "[{\"round_robin\": {}}]}}}"},
    {"priority_load",
     "{\"overprovisioningFactor\": 140, \"panicThreshold\": 50, \"failTrafficOnPanic\": "
     "false, \"priorities\": [\"kit\"], \"children\": {\"kit\": {\"config\": "
     "[{\"round_robin\": {}}]}}}"},
    {"slow_start", "{" RAMP ", \"childPolicy\": [{\"round_robin\": {}}]}"},
    {"zone_aware", "{\"localZone\": \"kit\", \"localCounts\": {\"kit\": 2, \"b\": 1}, "
                   "\"minClusterSize\": 2, \"routingEnabledPercent\": 100, "
                   "\"childPolicy\": [{\"round_robin\": {}}]}"},
    {"outlier_detection",
     "{\"interval\": \"10s\", \"baseEjectionTime\": \"30s\", \"maxEjectionTime\": "
     "\"300s\", \"maxEjectionPercent\": 50, \"panicThreshold\": 50, \"successRateEjection\": {\"stdevFactor\": "
     "1900, \"enforcementPercentage\": 100, \"minimumHosts\": 5, \"requestVolume\": 10}, "
     "\"failurePercentageEjection\": {\"threshold\": 85, \"enforcementPercentage\": 100, "
     "\"minimumHosts\": 5, \"requestVolume\": 10}, "
     "\"childPolicy\": [{\"round_robin\": {}}]}"},
};

/* A policy and its _experimental name are one. */
static bool is_named(const char *name, const char *policy)
{
    size_t length = strlen(policy);

    return strncmp(name, policy, length) == 0 &&
           (name[length] == '\0' || strcmp(name + length, "_experimental") == 0);
}

const char *lab__kit_example(const char *policy)
{
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++)
        if (is_named(policy, examples[i].policy))
            return examples[i].config;
    return NULL;
}
