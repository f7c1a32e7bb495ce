/* SPDX-License-Identifier: Apache-2.0 */
/* io/book.h -- the one book of a process (channelz/book.h), behind a lock.
 *
 * The lock is held for as long as an event is noted or an entity is copied; who makes calls
 * does not take it.  The child of a fork() starts with an empty book: the channels of its
 * parent are not its own.
 *
 * Threading   Any thread.
 */
#ifndef GREBE_IO_BOOK_H
#define GREBE_IO_BOOK_H

#include "channelz/book.h"

struct grebe__book *grebe__process_book(void);

/* For pthread_atfork(), in this order. */
void grebe__book_before_fork(void);
void grebe__book_after_fork_in_parent(void);
void grebe__book_after_fork_in_child(void);

#endif
