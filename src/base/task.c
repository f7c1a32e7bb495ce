/* SPDX-License-Identifier: Apache-2.0 */
#include "base/task.h"

void grebe__task_queue_init(struct grebe__task_queue *queue)
{
    atomic_init(&queue->stub.next, NULL);
    atomic_init(&queue->head, &queue->stub);
    queue->tail = &queue->stub;
}

void grebe__task_queue_push(struct grebe__task_queue *queue, struct grebe__task *task)
{
    struct grebe__task *before;

    atomic_store_explicit(&task->next, NULL, memory_order_relaxed);
    before = atomic_exchange_explicit(&queue->head, task, memory_order_acq_rel);
    /* Between these two lines the queue ends at `before`: pop() answers NULL there. */
    atomic_store_explicit(&before->next, task, memory_order_release);
}

struct grebe__task *grebe__task_queue_pop(struct grebe__task_queue *queue)
{
    struct grebe__task *tail = queue->tail;
    struct grebe__task *next = atomic_load_explicit(&tail->next, memory_order_acquire);

    if (tail == &queue->stub) {
        if (next == NULL)
            return NULL;
        queue->tail = tail = next;
        next = atomic_load_explicit(&tail->next, memory_order_acquire);
    }
    if (next != NULL) {
        queue->tail = next;
        return tail;
    }
    if (tail != atomic_load_explicit(&queue->head, memory_order_acquire))
        return NULL; /* a producer is halfway */
    /* `tail` is the last one: put the stub behind it, so that it can be taken. */
    grebe__task_queue_push(queue, &queue->stub);
    next = atomic_load_explicit(&tail->next, memory_order_acquire);
    if (next == NULL)
        return NULL;
    queue->tail = next;
    return tail;
}

bool grebe__task_queue_is_empty(struct grebe__task_queue *queue)
{
    struct grebe__task *tail = queue->tail;

    return tail == &queue->stub &&
           atomic_load_explicit(&tail->next, memory_order_acquire) == NULL &&
           atomic_load_explicit(&queue->head, memory_order_acquire) == tail;
}
