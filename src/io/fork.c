/* SPDX-License-Identifier: Apache-2.0 */
#include "io/fork.h"

#include <pthread.h>
#include <stdatomic.h>

#include <grebe/error.h>

#include "io/book.h"

static _Atomic uint32_t generation;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int result;

static void on_child(void)
{
    atomic_fetch_add_explicit(&generation, 1, memory_order_relaxed);
    grebe__book_after_fork_in_child();
}

static void watch(void)
{
    int error = pthread_atfork(grebe__book_before_fork, grebe__book_after_fork_in_parent,
                               on_child);

    result = error == 0 ? GREBE_OK : GREBE_ERR_NOMEM;
}

int grebe__fork_watch(void)
{
    pthread_once(&once, watch);
    return result;
}

uint32_t grebe__fork_generation(void)
{
    return atomic_load_explicit(&generation, memory_order_relaxed);
}
