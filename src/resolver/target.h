/* SPDX-License-Identifier: Apache-2.0 */
/* resolver/target.h -- what an application wrote, and whose job it is to resolve it.
 *
 *   dns:///host:443        scheme "dns", path "/host:443", endpoint "host:443"
 *   unix:run/socket        scheme "unix", opaque "run/socket"
 *   host:443               no known scheme: read as dns:///host:443
 *
 * Sources     gRPC name resolution; RFC 3986 as Go's net/url reads it, which is what
 *             decides about odd targets in grpc-go.
 */
#ifndef GREBE_RESOLVER_TARGET_H
#define GREBE_RESOLVER_TARGET_H

#include <stddef.h>

#include <grebe/resolver.h>

/* Zeroed is fine. */
struct grebe__target_options {
    const struct grebe_resolver_builder *const *resolvers; /* asked before the registry */
    size_t n_resolvers;
    const char *default_scheme; /* NULL: "dns" */
};

/* GREBE_ERR_TARGET, explained in `diag`, or GREBE_ERR_NOMEM.  *out is the caller's to
 * free and holds all of its text; *builder, borrowed, resolves it. */
int grebe__target_parse(const struct grebe_mem *mem, const char *text,
                        const struct grebe__target_options *options,
                        struct grebe_diag *diag, struct grebe_target **out,
                        const struct grebe_resolver_builder **builder) GREBE_MUST_CHECK;
void grebe__target_free(const struct grebe_mem *mem, struct grebe_target *target);

/* Builders of today are counted; older ones, and those without the functions for it, are
 * there for ever.  NULL: no-op. */
void grebe__resolver_builder_ref(const struct grebe_resolver_builder *builder);
void grebe__resolver_builder_unref(const struct grebe_resolver_builder *builder);

/* "scheme://authority/endpoint", the caller's to free; NULL when out of memory. */
char *grebe__target_canonical(const struct grebe_mem *mem,
                              const struct grebe_target *target);

/* ---- authority.c ------------------------------------------------------------------- */

/* The channel's authority if neither application nor credentials fix it: the resolver's
 * word, or the endpoint, escaped, behind "localhost" if it begins with a colon.  The
 * caller's to free; NULL when out of memory. */
char *grebe__target_authority(const struct grebe_mem *mem,
                              const struct grebe_target *target,
                              const struct grebe_resolver_builder *builder);

/* For builders: the endpoint itself, which is also what a missing slot means, and the
 * first entry of a list of addresses. */
size_t grebe__authority_of_endpoint(const struct grebe_target *target, char *buf,
                                    size_t size);
size_t grebe__authority_of_list(const struct grebe_target *target, char *buf,
                                size_t size);

#endif
