/* SPDX-License-Identifier: Apache-2.0 */
/* io/starved.h -- requests that found no memory, and still get an answer later.
 *
 * A request can not be refused on the spot, and there is no memory to remember it in: so
 * they are linked through their own `pending` pointers, which are free for the driver's
 * use.  The last one points at the list.
 */
#ifndef GREBE_IO_STARVED_H
#define GREBE_IO_STARVED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/task.h"

struct grebe__starved {
    void *first;             /* the address of a `pending`, or of this struct */
    struct grebe__task task; /* answers them all */
    bool is_posted;          /* the task */
};

static inline void grebe__starved_init(struct grebe__starved *list,
                                       void (*answer)(struct grebe__task *task))
{
    list->first = list;
    list->task.run = answer;
    list->is_posted = false;
}

/* True: post the task. */
static inline bool grebe__starved_add(struct grebe__starved *list, void **pending)
{
    bool was_posted = list->is_posted;

    *pending = list->first;
    list->first = pending;
    list->is_posted = true;
    return !was_posted;
}

/* False if it is not on the list.  The task runs all the same. */
static inline bool grebe__starved_remove(struct grebe__starved *list, void **pending)
{
    void **at = &list->first;

    while (*at != list && *at != pending)
        at = *at;
    if (*at == list)
        return false;
    *at = *pending;
    *pending = NULL;
    return true;
}

static inline bool grebe__starved_has(const struct grebe__starved *list,
                                      void *const *pending)
{
    void *const *at = (void *const *)list->first;

    while (at != (void *const *)list && at != pending)
        at = *at;
    return at == pending;
}

/* For the task: one of them, off the list; NULL when it is empty. */
static inline void **grebe__starved_take(struct grebe__starved *list)
{
    void **pending = list->first;

    list->is_posted = false;
    if (list->first == list)
        return NULL;
    list->first = *pending;
    *pending = NULL;
    return pending;
}

#endif
