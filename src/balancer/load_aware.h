/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/load_aware.h -- calls go where backends say that they have less to do. */
#ifndef GREBE_BALANCER_LOAD_AWARE_H
#define GREBE_BALANCER_LOAD_AWARE_H

#include <grebe/balancer.h>

extern const struct grebe_balancer_builder grebe__load_aware;

#endif
