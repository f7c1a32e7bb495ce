/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/p2c_ewma.h -- of two endpoints drawn at random, the one that costs less. */
#ifndef GREBE_BALANCER_P2C_EWMA_H
#define GREBE_BALANCER_P2C_EWMA_H

#include <grebe/balancer.h>

#include "balancer/p2c_config.h"
#include "balancer/petiole.h"

extern const struct grebe_balancer_builder grebe__p2c_ewma;
extern const struct grebe_balancer_builder grebe__p2c_experimental;

/* ---- For a policy that is the same under another name ------------------------------------ */

/* As build() of its builder.  `ops` has its name, and new_picker() below; `defaults` is in
 * force where it is updated without a configuration.  Both are static storage. */
int grebe__p2c_build(struct grebe_client_conn *cc, const struct grebe__petiole_ops *ops,
                     const struct grebe__p2c_config *defaults,
                     struct grebe_balancer **out);

struct grebe_picker *grebe__p2c_new_picker(struct grebe__petiole *petiole,
                                           enum grebe_connectivity state,
                                           const struct grebe_sharding_child *children,
                                           size_t n);

#endif
