/* SPDX-License-Identifier: Apache-2.0 */
#include "io/book.h"

#include <pthread.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct grebe__book process_book;

static void acquire(struct grebe__book *book)
{
    (void)book;
    pthread_mutex_lock(&mutex);
}

static void release(struct grebe__book *book)
{
    (void)book;
    pthread_mutex_unlock(&mutex);
}

static void open_book(void)
{
    grebe__book_init(&process_book);
    process_book.acquire = acquire;
    process_book.release = release;
}

struct grebe__book *grebe__process_book(void)
{
    pthread_once(&once, open_book);
    return &process_book;
}

void grebe__book_before_fork(void)
{
    grebe__book_acquire(grebe__process_book());
}

void grebe__book_after_fork_in_parent(void)
{
    grebe__book_release(grebe__process_book());
}

void grebe__book_after_fork_in_child(void)
{
    int64_t last_id = process_book.last_id;
    bool is_off = process_book.is_off;

    open_book();
    process_book.last_id = last_id;
    process_book.is_off = is_off;
    grebe__book_release(&process_book);
}
