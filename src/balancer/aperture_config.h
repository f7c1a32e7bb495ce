/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/aperture_config.h -- the configuration of aperture.
 *
 *   minAperture      how many endpoints, at least 1                          12
 *   clientIndex      which of its peers this client is: 0, 1, 2, ...
 *   clientCount      how many there are; both, or none of them
 *   peerOffset       with them: a part of the circle, in [0, 1)              0
 *   highLoad         without: calls in flight for each endpoint in use, above
 *                    which one more is used                                  2.0
 *   lowLoad          likewise: below which one less is                       0.5
 *   smoothingWindow  likewise: over how long they are averaged               5s
 */
#ifndef GREBE_BALANCER_APERTURE_CONFIG_H
#define GREBE_BALANCER_APERTURE_CONFIG_H

#include <grebe/json.h>

#include "balancer/aperture_arc.h"
#include "balancer/aperture_band.h"

struct grebe__aperture_config {
    uint32_t least;                     /* minAperture */
    struct grebe__aperture_place place; /* n_clients 0: none was given */
    struct grebe__aperture_limits limits;
};

extern const struct grebe__aperture_config grebe__aperture_defaults;

/* As parse_config() and free_config() of struct grebe_balancer_builder. */
int grebe__aperture_config_parse(const struct grebe_json *json, struct grebe_diag *diag,
                                 void **out) GREBE_MUST_CHECK;
void grebe__aperture_config_free(void *config);

#endif
