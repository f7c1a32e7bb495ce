/* SPDX-License-Identifier: Apache-2.0 */
/* base/chain.h -- a list that only grows, at its end, without a lock.
 *
 * Readers walk it while others append, and see each item whole.  An item is never taken
 * off and never freed while the chain is in use.  Whoever appends has compared its key
 * with those of all items before it, so that no key is there twice.
 *
 * Threading   Any thread, several at a time.
 */
#ifndef GREBE_BASE_CHAIN_H
#define GREBE_BASE_CHAIN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* The head of a chain, and the link in each item.  All zero: the end. */
struct grebe__chain {
    _Atomic(struct grebe__chain *) next;
};

/* The item after `link`; NULL at the end. */
static inline struct grebe__chain *grebe__chain_next(const struct grebe__chain *link)
{
    return atomic_load_explicit(&link->next, memory_order_acquire);
}

typedef bool (*grebe__chain_is_fn)(struct grebe__chain *item, const void *key);

/* The first item that is(item, key); NULL if none is. */
struct grebe__chain *grebe__chain_find(const struct grebe__chain *head,
                                       grebe__chain_is_fn is, const void *key);

/* Appends `made`, whose key is `key`, and returns it; or, if somebody was quicker, returns
 * the item that is(item, key), and `made` is the caller's still. */
struct grebe__chain *grebe__chain_append(struct grebe__chain *head,
                                         struct grebe__chain *made, grebe__chain_is_fn is,
                                         const void *key);

#endif
