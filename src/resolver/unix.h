/* SPDX-License-Identifier: Apache-2.0 */
/* resolver/unix.h -- unix:relative/path, unix:///absolute/path and unix-abstract:name.
 *
 * The address of an abstract name is the name behind an '@', as in ss(8) and netstat(8).
 *
 * Source: gRPC name resolution.
 */
#ifndef GREBE_RESOLVER_UNIX_H
#define GREBE_RESOLVER_UNIX_H

#include <grebe/resolver.h>

extern const struct grebe_resolver_builder grebe__unix_resolver;
extern const struct grebe_resolver_builder grebe__unix_abstract_resolver;

#endif
