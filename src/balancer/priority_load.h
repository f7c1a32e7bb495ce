/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/priority_load.h -- calls are shared by priorities, as far as each can bear them. */
#ifndef GREBE_BALANCER_PRIORITY_LOAD_H
#define GREBE_BALANCER_PRIORITY_LOAD_H

#include <grebe/balancer.h>

extern const struct grebe_balancer_builder grebe__priority_load;
extern const struct grebe_balancer_builder grebe__priority_load_experimental;

#endif
