/* SPDX-License-Identifier: Apache-2.0 */
/* registry/registry.h -- what the library asks its own registry, beyond grebe/registry.h.
 *
 * Threading   Any thread.
 */
#ifndef GREBE_REGISTRY_REGISTRY_H
#define GREBE_REGISTRY_REGISTRY_H

#include <grebe/attr.h>
#include <grebe/registry.h>

/* What grebe_resolver_set_default_scheme() left; NULL: nothing.  The text stays for as
 * long as the process lives. */
const char *grebe__registry_default_scheme(void);

/* One line to where the registry's warnings go. */
void grebe__registry_warn(const char *format, ...) GREBE_PRINTF(1, 2);

/* ---- Built-ins (registry/builtin.c), as if registered before anything else --------- */

/* Each ends with NULL. */
extern const struct grebe_balancer_builder *const grebe__builtin_balancers[];
extern const struct grebe_resolver_builder *const grebe__builtin_resolvers[];

#endif
