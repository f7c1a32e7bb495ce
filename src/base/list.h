/* SPDX-License-Identifier: Apache-2.0 */
/* base/list.h -- intrusive doubly linked lists and a singly linked queue.
 *
 * A list head is a node that points at itself.  A node that is on no list points at
 * itself too, so removing twice is harmless.  Nobody owns anything.
 */
#ifndef GREBE_BASE_LIST_H
#define GREBE_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct grebe__list {
    struct grebe__list *prev, *next;
};

static inline void grebe__list_init(struct grebe__list *node)
{
    node->prev = node->next = node;
}

static inline bool grebe__list_is_empty(const struct grebe__list *head)
{
    return head->next == head;
}

/* Of a node: it is on some list. */
static inline bool grebe__list_is_linked(const struct grebe__list *node)
{
    return node->next != node;
}

static inline void grebe__list_insert_before(struct grebe__list *where,
                                             struct grebe__list *node)
{
    node->prev = where->prev;
    node->next = where;
    where->prev->next = node;
    where->prev = node;
}

static inline void grebe__list_append(struct grebe__list *head, struct grebe__list *node)
{
    grebe__list_insert_before(head, node);
}

static inline void grebe__list_remove(struct grebe__list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    grebe__list_init(node);
}

/* The first node, taken off; NULL if there is none. */
static inline struct grebe__list *grebe__list_shift(struct grebe__list *head)
{
    struct grebe__list *node = head->next;

    if (node == head)
        return NULL;
    grebe__list_remove(node);
    return node;
}

/* Moves all nodes of `from` to the end of `to`. */
static inline void grebe__list_splice(struct grebe__list *to, struct grebe__list *from)
{
    if (grebe__list_is_empty(from))
        return;
    from->next->prev = to->prev;
    from->prev->next = to;
    to->prev->next = from->next;
    to->prev = from->prev;
    grebe__list_init(from);
}

/* The body may not remove `node`; use the _safe form, which tolerates that. */
#define grebe__list_foreach(node, head)                                                  \
    for (struct grebe__list *node = (head)->next; node != (head); node = node->next)
#define grebe__list_foreach_safe(node, head)                                             \
    for (struct grebe__list *node = (head)->next, *node##_next = node->next;             \
         node != (head); node = node##_next, node##_next = node->next)

#endif
