/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/weighted_picker.h -- a picker over named children, one by chance for each call, as
 * likely as its weight says.
 *
 * What the child says is final, a failure too: no other child is asked.
 */
#ifndef GREBE_BALANCER_WEIGHTED_PICKER_H
#define GREBE_BALANCER_WEIGHTED_PICKER_H

#include <stdbool.h>

#include <grebe/balancer.h>

struct grebe__weighted_child {
    const char *name;            /* copied */
    struct grebe_picker *picker; /* a reference is taken if it takes part */
    enum grebe_connectivity state;
    uint32_t weight;
    bool takes_part; /* others are there to be explained */
};

/* Of `n` children at least one takes part.  It explains itself as `policy` (static storage).
 * Two such pickers may stand in each other: each makes of a call's random number one of its
 * own.  NULL when out of memory. */
struct grebe_picker *grebe__weighted_picker(struct grebe_client_conn *cc,
                                            const char *policy,
                                            const struct grebe__weighted_child *children,
                                            size_t n);

#endif
