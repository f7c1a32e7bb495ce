/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/outlier_detection.h -- endpoints whose calls fail too often get none for a while.
 *
 * Source: gRFC A50.
 */
#ifndef GREBE_BALANCER_OUTLIER_DETECTION_H
#define GREBE_BALANCER_OUTLIER_DETECTION_H

#include <grebe/balancer.h>

extern const struct grebe_balancer_builder grebe__outlier_detection;
/* The same, by the name that grpc-go has for it. */
extern const struct grebe_balancer_builder grebe__outlier_detection_experimental;

#endif
