/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/wrr_leaf.h -- one endpoint of weighted_round_robin: a pick_first, and a weight.
 *
 *   weighted_round_robin --> leaf --> pick_first --> subconns
 *                              +----> weight <-- reports, with calls or out of band
 *
 * The leaf looks over pick_first's shoulder: a new connection begins with no weight, and is
 * the one whose reports are asked for.  Health is none of its business: an endpoint that
 * was ejected, or not SERVING for a while, has its weight when it is back.
 *
 * Its builder's config is a struct grebe__wrr_config.
 *
 * Source: gRFC A58, A61.
 */
#ifndef GREBE_BALANCER_WRR_LEAF_H
#define GREBE_BALANCER_WRR_LEAF_H

#include <grebe/balancer.h>

#include "balancer/wrr_weight.h"

extern const struct grebe_balancer_builder grebe__wrr_leaf;

/* What a leaf published for READY: pick_first's picker, and the weight to go with it; both
 * borrowed.  A leaf that was short of memory published pick_first's alone: no weight. */
struct grebe__wrr_leaf_picks {
    struct grebe_picker *picker;
    struct grebe__wrr_weight *weight; /* NULL: none is known */
};
struct grebe__wrr_leaf_picks grebe__wrr_leaf_picks(struct grebe_picker *published);

#endif
