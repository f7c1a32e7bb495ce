/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/lr_config.h -- the configuration of least_request and least_request_full.
 *
 *   choiceCount      least_request: how many are drawn, from 2 to 10             2
 *   weighted         endpoints count by their weights                            false
 *   slowStartConfig  who is new weighs less (ramp_config.h)                      none
 *   fullScan         least_request_full: all are looked at, weighted or not, and of
 *                    equals one is chosen by chance                              false
 *   bias             least_request_full, weighted: how much a call counts, >= 0  1
 */
#ifndef GREBE_BALANCER_LR_CONFIG_H
#define GREBE_BALANCER_LR_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include <grebe/json.h>

#include "base/ramp.h"

struct grebe__lr_config {
    uint32_t n_choices; /* 0: least_request_full */
    bool is_weighted;
    bool scans_all;
    double bias;
    struct grebe__ramp ramp;
};

extern const struct grebe__lr_config grebe__lr_defaults;
extern const struct grebe__lr_config grebe__lr_full_defaults;

/* As parse_config() and free_config() of struct grebe_balancer_builder. */
int grebe__lr_config_parse(const struct grebe_json *json, struct grebe_diag *diag,
                           void **out) GREBE_MUST_CHECK;
int grebe__lr_config_parse_full(const struct grebe_json *json, struct grebe_diag *diag,
                                void **out) GREBE_MUST_CHECK;
void grebe__lr_config_free(void *config);

#endif
