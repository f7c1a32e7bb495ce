/* SPDX-License-Identifier: Apache-2.0 */
/* io/socket.h -- a socket that connects.
 *
 * Sources     connect(2), tcp(7); gRFC A18 (TCP_USER_TIMEOUT).
 */
#ifndef GREBE_IO_SOCKET_H
#define GREBE_IO_SOCKET_H

#include "core/transport.h"
#include "io/address.h"

/* A socket, not blocking, that becomes writable when it is connected, or is not to be;
 * -1 and an errno if that is known at once. */
int grebe__socket_connect(const struct grebe__socket_address *address,
                          const struct grebe__transport_options *options);

/* Makes `fd`, which somebody else has connected, a socket like ours.  NULL, or what is
 * wrong with it; static. */
const char *grebe__socket_adopt(int fd, const struct grebe__transport_options *options);

/* How it went: 0 or an errno. */
int grebe__socket_take_error(int fd);

/* For people; static. */
const char *grebe__socket_connect_error(int error);

/* Its own end, once it is connected. */
void grebe__socket_local(int fd, struct grebe__socket_address *out);

/* gRFC A94: grpc.disconnect_error, for an errno; 0: none that is known. */
const char *grebe__socket_label(int error);

#endif
