/* SPDX-License-Identifier: Apache-2.0 */
/* policies.h -- the policies of the world: one line for each in a table.
 *
 * Built-in ones, and some of our own that stand for what users write: on the base
 * balancer, with children, and one that does at any moment what the contract allows.  A
 * policy that becomes built in gets a line; that it is watched (spy.h) needs nothing.
 */
#ifndef TORTURE_POLICIES_H
#define TORTURE_POLICIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <grebe/balancer.h>

#include "base/rng.h"

/* What picks of a policy that is READY look like. */
enum pick_rule {
    PICKS_ANY,      /* of its READY subconns */
    PICKS_ONE,      /* always the same, and no other is READY */
    PICKS_IN_TURNS, /* each of the READY subconns once, then again */
    PICKS_BY_HASH,  /* the same for the same hash */
};

/* Why less can be expected of a channel that has such a policy, be it deep inside. */
enum policy_trait {
    /* It does at any moment what the contract allows: nobody knows what becomes of calls. */
    POLICY_IS_ERRATIC = 1,
    /* It uses some of its endpoints: a call that waits needs all of them to be good. */
    POLICY_LEAVES_OUT = 2,
    /* Its endpoints have to have paths: those of the DNS and of targets have none. */
    POLICY_GOES_BY_PATH = 4,
    /* It may have READY subconns that it does not use, in reserve or taken out of service. */
    POLICY_SETS_ASIDE = 8,
    /* A lost connection may be no reason for it to have names resolved again. */
    POLICY_IGNORES_LOSSES = 16,
    /* When too many of its endpoints are ill, it uses those as well. */
    POLICY_PANICS = 32,
};

struct policy {
    const char *name;
    const char *config; /* its configuration: template.h; NULL: {} */
    uint8_t weight;     /* in the draw */
    uint8_t rule;       /* enum pick_rule */
    uint8_t traits;     /* enum policy_trait */
    bool keeps; /* a connection as long as its address is listed, wherever in the list */
    const struct grebe_balancer_builder *builder; /* ours; NULL: built in */
};

extern const struct policy policies[];
extern const unsigned n_policies;

/* Ours go into the registry, and then each of all is watched.  Once in a process. */
void policies_register(void);

/* Its number; bit n of `allowed`: it may be policies[n]. */
unsigned policy_draw(struct grebe__rng *rng, uint64_t allowed);

/* The one that a name stands for; NULL: not in the table. */
const struct policy *policy_find(const char *name);

/* Builders of ours. */
extern const struct grebe_balancer_builder torture_spread; /* on the base balancer */
extern const struct grebe_balancer_builder torture_lazy;   /* pick_first, when needed */
extern const struct grebe_balancer_builder torture_shards; /* lazy children in turns */
extern const struct grebe_balancer_builder torture_group;  /* two named children */
extern const struct grebe_balancer_builder torture_wild;

#endif
