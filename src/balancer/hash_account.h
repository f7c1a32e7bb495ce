/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/hash_account.h -- what a policy that hashes tells a call that wants to know. */
#ifndef GREBE_BALANCER_HASH_ACCOUNT_H
#define GREBE_BALANCER_HASH_ACCOUNT_H

#include <grebe/explain.h>

#include "balancer/hash_seats.h"

/* The hash, where it is from, and how many endpoints were not looked at. */
void grebe__hash_note_call(struct grebe_explanation *explanation,
                           const struct grebe__hash_seats *seats,
                           enum grebe__hash_source source, uint64_t hash);

/* How the call came to whom it came. */
struct grebe__hash_account {
    const struct grebe__hash_seats *seats;
    uint64_t hash;
    struct grebe__hash_place place; /* whose it is by its hash */
    uint32_t chosen;                /* another one, if that is full */
};

/* The chosen one, then the READY ones in the order of the hash. */
void grebe__hash_name_candidates(struct grebe_explanation *explanation,
                                 const struct grebe__hash_account *account);

#endif
