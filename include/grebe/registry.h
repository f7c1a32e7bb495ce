/* SPDX-License-Identifier: Apache-2.0 */
/* grebe/registry.h -- names to builders, for the whole process.
 *
 * Built-in policies and resolvers are always present; there is nothing to initialise.
 * The last registration of a name wins: what is already built keeps running on the old
 * builder.
 *
 * Case        Balancer names fold to ASCII lower case when they are registered and when
 *             they are looked up, with one warning on stderr each time folding changed
 *             something (grebe_registry_set_log replaces stderr).  After
 *             grebe_registry_set_case_sensitive(true) names are taken as they are.
 *             Resolver schemes are always case-sensitive; targets are parsed to lower
 *             case, so register in lower case.
 * Threading   Any thread.
 * Sources     grpc-go package balancer (Register, Get), package resolver.
 */
#ifndef GREBE_REGISTRY_H
#define GREBE_REGISTRY_H

#include <stdbool.h>

#include <grebe/attr.h>
#include <grebe/log.h>

GREBE_BEGIN_DECLS

struct grebe_balancer_builder;
struct grebe_resolver_builder;

/* `builder` is kept: static storage.  GREBE_ERR_UNSUPPORTED when it was compiled for a
 * newer GREBE_BALANCER_API than this library's; GREBE_ERR_INVALID without a name or
 * build(); GREBE_ERR_NOMEM. */
GREBE_API int
grebe_balancer_register(const struct grebe_balancer_builder *builder) GREBE_MUST_CHECK;

/* As it was registered; NULL for an unknown name. */
GREBE_API const struct grebe_balancer_builder *grebe_balancer_get(const char *name);

/* The same for resolvers, by scheme, with the same errors (GREBE_RESOLVER_API). */
GREBE_API int
grebe_resolver_register(const struct grebe_resolver_builder *builder) GREBE_MUST_CHECK;
GREBE_API const struct grebe_resolver_builder *grebe_resolver_get(const char *scheme);

/* The scheme of targets that have none; NULL takes it back.  The default is "dns".
 * Copied.  GREBE_ERR_INVALID for "", GREBE_ERR_NOMEM. */
GREBE_API int grebe_resolver_set_default_scheme(const char *scheme) GREBE_MUST_CHECK;

GREBE_API void grebe_registry_set_case_sensitive(bool is_case_sensitive);
GREBE_API void grebe_registry_set_log(grebe_log_fn log, void *arg); /* NULL: stderr */

/* For tests: forgets a name that was registered, built-ins excepted. */
GREBE_API void grebe_balancer_unregister(const char *name);
GREBE_API void grebe_resolver_unregister(const char *scheme);

GREBE_END_DECLS

#endif
