/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/hash_picker.h -- where a call goes, for all policies that hash calls.
 *
 * A call has a hash: its own, or that of a header it carries.  The endpoint first in the
 * order of that hash gets it, unless it is in TRANSIENT_FAILURE: then the next one.  An
 * IDLE endpoint is connected, and the call waits.
 *
 * A call without the header has none: chance stands in, and since any endpoint is as good
 * to it, it goes to the first that is READY, while at most one that is IDLE before that is
 * connected (gRFC A76).
 *
 * With hashBalanceFactor an endpoint that has its share of calls already passes the call
 * on: to others in an order that chance, seeded by the hash, has chosen.  Walking on to the
 * next one instead would make that one carry two shares (arXiv 1908.08762).
 */
#ifndef GREBE_BALANCER_HASH_PICKER_H
#define GREBE_BALANCER_HASH_PICKER_H

#include <grebe/parent.h>

#include "balancer/hash_loads.h"
#include "balancer/hash_members.h"
#include "balancer/hash_table.h"

/* What a picker is made of.  References are taken to what it needs. */
struct grebe__hash_picker_options {
    const struct grebe__hash_policy *policy;
    struct grebe__hash_table *table;
    const struct grebe__hash_members *members;   /* at least one */
    const struct grebe_sharding_child *children; /* of all members */
    const struct grebe__hash_config *config;
    struct grebe__load_book *loads; /* asked for if the config bounds them */
};

/* NULL when out of memory. */
struct grebe_picker *grebe__hash_picker_new(
    const struct grebe_mem *mem, const struct grebe__hash_picker_options *options);

#endif
