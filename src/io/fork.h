/* SPDX-License-Identifier: Apache-2.0 */
/* io/fork.h -- was this object made by an ancestor of this process?
 *
 * The child of a fork() shares sockets and epoll sets with its parent: whatever it did to
 * them would happen to the parent.  So each loop remembers the number of forks that its
 * process had come from, and refuses when the number has changed.
 *
 * Threading   Any thread.
 */
#ifndef GREBE_IO_FORK_H
#define GREBE_IO_FORK_H

#include <stdint.h>

/* Count forks from now on.  GREBE_ERR_NOMEM.  More than once is harmless. */
int grebe__fork_watch(void);

/* Grows in the child of every fork(). */
uint32_t grebe__fork_generation(void);

#endif
