/* SPDX-License-Identifier: Apache-2.0 */
/* resolver/proxied.h -- a resolver whose endpoints are reached through a proxy.
 *
 *   target   its own resolver --- endpoints ---+
 *                                              +--> each address once for each of the
 *   proxy    the DNS ------------ addresses ---+    proxy's, with core/hop.h on it
 *
 * A name for the DNS is not looked up on this side: the proxy gets it as it is, and it
 * makes one endpoint.  With grebe__proxy.resolves_here, and for services, whose records
 * have the ports, it is looked up like everything else.
 *
 * Addresses that are spared (resolver/proxy.h) and Unix sockets stay as they are.  The
 * proxy is looked up when the first address needs it, and nothing is told before both
 * sides are known.  When the channel cannot use what came of it, the side that spoke hears
 * that, and the other is asked to look again.
 *
 * Sources     gRFC A1; grpc-go internal/resolver/delegatingresolver.  There the proxy's
 *             address takes the place of the backend's, so that all backends of a list look
 *             the same; here a backend keeps its name.
 */
#ifndef GREBE_RESOLVER_PROXIED_H
#define GREBE_RESOLVER_PROXIED_H

#include <grebe/resolver.h>

#include "resolver/proxy.h"

/* As builder->build(), through `proxy`, which outlives the resolver.  NULL: without one.
 * options->builder is filled in here. */
int grebe__resolver_build(const struct grebe_resolver_builder *builder,
                          const struct grebe__proxy *proxy,
                          const struct grebe_target *target,
                          struct grebe_resolver_conn *conn,
                          struct grebe_resolver_options options, struct grebe_diag *diag,
                          struct grebe_resolver **out);

#endif
