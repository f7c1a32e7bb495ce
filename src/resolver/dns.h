/* SPDX-License-Identifier: Apache-2.0 */
/* resolver/dns.h -- dns://server/host:port, the default, and
 * dns://server/_service._proto.domain, whose SRV records have ports and weights.
 *
 *            answer accepted                 the TTL ends
 *   LOOKING_UP -----------> SETTLED ---------------------------> LOOKING_UP
 *      |  ^                    | resolve_now
 *      |  |                    v            the minimum interval is over
 *      |  |                 HOLDING ---------------------------> LOOKING_UP
 *      |  +--------------------------------------------+
 *      | no answer in time, no use, or not accepted    | the backoff is over
 *      +----------------------------------------> BACKING_OFF
 *
 * A list that works is never emptied: when the name is gone all of a sudden, or its
 * addresses are, that is an error to be reported and asked again.
 *
 * dns.c is when to ask, dns_round.c all that is asked at a time, dns_service.c the backends
 * behind one name.
 *
 * Sources     grpc-go package resolver/dns (names, numbers, error texts); gRFC A2; RFC 2782.
 *             The refresh at the end of the TTL, services, and the paragraph on lists are
 *             ours: docs/decisions/0008-names-and-services.md.
 */
#ifndef GREBE_RESOLVER_DNS_H
#define GREBE_RESOLVER_DNS_H

#include <stdbool.h>

#include <grebe/resolver.h>

extern const struct grebe_resolver_builder grebe__dns_resolver;

/* "_service._proto.domain" (RFC 2782). */
bool grebe__dns_is_service(const char *endpoint);

#endif
