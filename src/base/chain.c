/* SPDX-License-Identifier: Apache-2.0 */
#include "base/chain.h"

struct grebe__chain *grebe__chain_find(const struct grebe__chain *head,
                                       grebe__chain_is_fn is, const void *key)
{
    struct grebe__chain *item = grebe__chain_next(head);

    while (item != NULL && !is(item, key))
        item = grebe__chain_next(item);
    return item;
}

struct grebe__chain *grebe__chain_append(struct grebe__chain *head,
                                         struct grebe__chain *made, grebe__chain_is_fn is,
                                         const void *key)
{
    struct grebe__chain *last = head, *after;

    atomic_store_explicit(&made->next, NULL, memory_order_relaxed);
    for (;;) {
        while ((after = grebe__chain_next(last)) != NULL) {
            if (is(after, key))
                return after;
            last = after;
        }
        if (atomic_compare_exchange_weak_explicit(
                &last->next, &after, made, memory_order_release, memory_order_relaxed))
            return made;
    }
}
