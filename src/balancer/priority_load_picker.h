/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/priority_load_picker.h -- the picker of priority_load: which priority a call goes to.
 *
 * Calls are numbered from 1 to 100, by their hash if they have one, so that calls with the
 * same hash stay together, else by chance.  The first priority has the first numbers, as many
 * as its load is, and so on.
 */
#ifndef GREBE_BALANCER_PRIORITY_LOAD_PICKER_H
#define GREBE_BALANCER_PRIORITY_LOAD_PICKER_H

#include <grebe/balancer.h>

#include "balancer/priority_shares.h"

struct grebe__priority_view {
    const char *name;            /* copied */
    struct grebe_picker *picker; /* a reference is taken */
};

/* Over `n` priorities, the loads of which are 100 together.  NULL when out of memory. */
struct grebe_picker *grebe__priority_load_picker(
    struct grebe_client_conn *cc, const struct grebe__priority_view *views,
    const struct grebe__priority_share *shares, size_t n);

#endif
