/* SPDX-License-Identifier: Apache-2.0 */
/* book.h -- what channelz tells of a client is what is so. */
#ifndef TORTURE_BOOK_H
#define TORTURE_BOOK_H

#include "channelz/book.h"
#include "client.h"

/* Of a channel that is there, whenever nothing is going on. */
void book_check(const struct client *client);

/* No channel is left, and so nothing else is. */
void book_check_empty(const struct grebe__book *book);

#endif
