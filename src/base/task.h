/* SPDX-License-Identifier: Apache-2.0 */
/* base/task.h -- work handed from any thread to one.
 *
 * An intrusive queue with many producers and one consumer, without locks and without
 * allocation (Vyukov's scheme).  Tasks from one producer come out in the order it pushed
 * them.
 */
#ifndef GREBE_BASE_TASK_H
#define GREBE_BASE_TASK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct grebe__task {
    _Atomic(struct grebe__task *) next;
    void (*run)(struct grebe__task *task);
};

struct grebe__task_queue {
    _Atomic(struct grebe__task *) head; /* producers append here */
    struct grebe__task *tail;           /* the consumer takes from here */
    struct grebe__task stub;
};

void grebe__task_queue_init(struct grebe__task_queue *queue);

/* Any thread.  The task must not be on a queue already. */
void grebe__task_queue_push(struct grebe__task_queue *queue, struct grebe__task *task);

/* The consumer's thread.  NULL when empty, or when a producer is halfway through a push:
 * that producer will wake the consumer. */
struct grebe__task *grebe__task_queue_pop(struct grebe__task_queue *queue);

/* The consumer's thread: nothing to pop. */
bool grebe__task_queue_is_empty(struct grebe__task_queue *queue);

#endif
