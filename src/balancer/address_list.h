/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/address_list.h -- the order in which pick_first tries addresses.
 *
 * Endpoints are flattened in their order, or in a random one that puts each first as often
 * as its weight demands; an address that comes twice stays where it came first; then
 * families take turns, so that a broken IPv6 (or IPv4) does not hold up the other.
 *
 * Source: gRFC A61; gRFC A62 (shuffling) and A113 (by weight); RFC 8305 section 4
 * (interleaving).
 */
#ifndef GREBE_BALANCER_ADDRESS_LIST_H
#define GREBE_BALANCER_ADDRESS_LIST_H

#include <stdbool.h>
#include <stdint.h>

#include <grebe/balancer.h>

struct grebe__address_list {
    struct grebe_address **addresses; /* n references */
    uint32_t n;
};

/* 64 random bits. */
typedef uint64_t (*grebe__random_fn)(void *arg);

/* `random` NULL: the order of the update is kept.  GREBE_ERR_NOMEM. */
int grebe__address_list_init(struct grebe__address_list *list,
                             const struct grebe_mem *mem,
                             const struct grebe_balancer_update *update,
                             grebe__random_fn random, void *random_arg);
void grebe__address_list_fini(struct grebe__address_list *list,
                              const struct grebe_mem *mem);

/* Where `address` stands; n if it does not. */
uint32_t grebe__address_list_find(const struct grebe__address_list *list,
                                  const struct grebe_address *address);

#endif
