/* SPDX-License-Identifier: Apache-2.0 */
/* io/dns_socket.h -- the sockets of c-ares, used in our way.
 *
 * Two things c-ares leaves to the program it is in.  A DNS server that hangs up on TCP
 * while something is being sent would raise SIGPIPE, which ends the process.  And a server that
 * sends faster than we read would be read from for ever: here a budget ends it, and what
 * is left is read in the next turn.
 */
#ifndef GREBE_IO_DNS_SOCKET_H
#define GREBE_IO_DNS_SOCKET_H

#include <ares.h>

/* Reads in one turn: a fraction of a millisecond, and the answers to fifty lookups. */
enum { GREBE__DNS_READS = 128 };

/* `reads_left`, which stays, is what recv may still be called; beyond, nothing is there. */
void grebe__dns_socket_use(ares_channel channel, unsigned *reads_left);

#endif
