/* SPDX-License-Identifier: Apache-2.0 */
/* resolver/host_port.h -- "host", "host:port", "[v6]:port" and their relatives.
 *
 *   host, 10.0.0.1, 2001:db8::1, [2001:db8::1]     the default port
 *   host:port, 10.0.0.1:port, [2001:db8::1]:port   that port, perhaps a service's name
 *   :port                                          of "localhost"
 *
 * Source: what grpc-go's DNS resolver takes for a target and for a server.
 */
#ifndef GREBE_RESOLVER_HOST_PORT_H
#define GREBE_RESOLVER_HOST_PORT_H

#include <stddef.h>

#include "base/ip.h"

/* Two parts of the text that was split, or of static text. */
struct grebe__host_port {
    const char *host; /* without brackets */
    size_t host_length;
    const char *port;
    size_t port_length;
    enum grebe__ip_family family; /* of the host; NONE for a name */
};

/* NULL and *out, or what is wrong: a fragment of a sentence, static.  `text` need not end
 * with a NUL; `default_port` is static. */
const char *grebe__host_port_split(const char *text, size_t length,
                                   const char *default_port,
                                   struct grebe__host_port *out);

/* "host:port", with brackets where an IPv6 address needs them, cut to `size` bytes with
 * its NUL.  Returns the length it would have had. */
size_t grebe__host_port_join(const struct grebe__host_port *parts, char *buf,
                             size_t size);

#endif
