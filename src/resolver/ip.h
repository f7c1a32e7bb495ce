/* SPDX-License-Identifier: Apache-2.0 */
/* resolver/ip.h -- ipv4:a[:port],b[:port],... and ipv6:[a]:port,b,...
 *
 * One endpoint for each address, in that order; port 443 where none is given.
 *
 * Source: gRPC name resolution.
 */
#ifndef GREBE_RESOLVER_IP_H
#define GREBE_RESOLVER_IP_H

#include <grebe/resolver.h>

extern const struct grebe_resolver_builder grebe__ipv4_resolver;
extern const struct grebe_resolver_builder grebe__ipv6_resolver;

#endif
