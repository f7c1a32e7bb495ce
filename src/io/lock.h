/* SPDX-License-Identifier: Apache-2.0 */
/* io/lock.h -- for the few objects that threads share without a loop in between.
 *
 * Held while lists are changed and tasks are posted, never while a callback runs.
 */
#ifndef GREBE_IO_LOCK_H
#define GREBE_IO_LOCK_H

#include <pthread.h>

struct grebe__lock {
    pthread_mutex_t mutex;
};

static inline void grebe__lock_init(struct grebe__lock *lock)
{
    pthread_mutex_init(&lock->mutex, NULL); /* cannot fail on Linux */
}

static inline void grebe__lock_fini(struct grebe__lock *lock)
{
    pthread_mutex_destroy(&lock->mutex);
}

static inline void grebe__lock_acquire(struct grebe__lock *lock)
{
    pthread_mutex_lock(&lock->mutex);
}

static inline void grebe__lock_release(struct grebe__lock *lock)
{
    pthread_mutex_unlock(&lock->mutex);
}

#endif
