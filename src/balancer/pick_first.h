/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/pick_first.h -- the policy "pick_first", for the registry and as a leaf. */
#ifndef GREBE_BALANCER_PICK_FIRST_H
#define GREBE_BALANCER_PICK_FIRST_H

#include <grebe/balancer.h>

extern const struct grebe_balancer_builder grebe__pick_first;

#endif
