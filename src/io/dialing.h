/* SPDX-License-Identifier: Apache-2.0 */
/* io/dialing.h -- a connection that the application makes (grebe/dialer.h), from the inside.
 *
 * Two own it until they have no more to say: the attempt, which waits, and the
 * application's dialer, which answers.  A lock settles who comes first when one gives up
 * while the other answers on another thread; so no answer reaches a loop that is gone.
 */
#ifndef GREBE_IO_DIALING_H
#define GREBE_IO_DIALING_H

#include <grebe/dialer.h>

struct grebe_loop;
struct grebe__dial;

/* Who waits.  Hears in a later turn, once, unless it cancels. */
struct grebe__dialing_owner {
    /* `fd` is the owner's; -1: `error`, borrowed, says why. */
    void (*on_answer)(struct grebe__dialing_owner *owner, int fd, const char *error);
};

/* Asks the dialer of dial->options for a connection to dial->address.  NULL: out of
 * memory. */
struct grebe_dialing *grebe__dialing_start(struct grebe_loop *loop,
                                           const struct grebe__dial *dial,
                                           struct grebe__dialing_owner *owner);
/* The owner waits no more. */
void grebe__dialing_cancel(struct grebe_dialing *dialing);

#endif
