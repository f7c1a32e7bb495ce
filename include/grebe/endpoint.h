/* SPDX-License-Identifier: Apache-2.0 */
/* grebe/endpoint.h -- what a resolver finds and a balancer balances over.
 *
 * An endpoint is one backend.  Its addresses are different ways to reach it (say IPv4 and
 * IPv6), in order of preference.  DNS gives one endpoint for each address because it
 * cannot know more.  Both are immutable and counted.
 *
 * Identity    Two endpoints are the same backend if they have the same addresses as text,
 *             in any order; attributes take no part.  Two addresses are the same if text,
 *             server name and attributes are; balancer attributes take no part.
 * Threading   Any thread; reference counts are atomic.
 * Sources     gRFC A61; grpc-go package resolver; gRFC A113 (weights), A76 (hash keys),
 *             A27 and A56 (localities, paths, health).
 */
#ifndef GREBE_ENDPOINT_H
#define GREBE_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <grebe/attr.h>
#include <grebe/attributes.h>
#include <grebe/mem.h>

GREBE_BEGIN_DECLS

struct grebe_address;
struct grebe_endpoint;

/* Fill with GREBE_ADDRESS_OPTIONS_INIT, then set what you need.  All borrowed. */
struct grebe_address_options {
    size_t struct_size;
    const char *server_name; /* replaces the channel's authority; NULL: keep that */
    const struct grebe_attributes
        *attributes; /* seen by connector: a different address */
    const struct grebe_attributes
        *balancer_attributes; /* for policies: no new identity */
};
#define GREBE_ADDRESS_OPTIONS_INIT                                                       \
    {                                                                                    \
        sizeof(struct grebe_address_options), NULL, NULL, NULL                           \
    }

/* `text` is "10.0.0.1:443", "[::1]:443", "host:443" (resolved when dialled), a path with
 * attribute GREBE_ATTRIBUTE_NETWORK "unix", or "unix:..." which is the same.  Copied.
 * `options` NULL: all defaults.  GREBE_ERR_NOMEM, and GREBE_ERR_TOO_LARGE beyond 2 GiB of
 * text.  *out is the caller's to unref. */
GREBE_API int grebe_address_new(const struct grebe_mem *mem, const char *text,
                                const struct grebe_address_options *options,
                                struct grebe_address **out) GREBE_MUST_CHECK;
GREBE_API struct grebe_address *grebe_address_ref(struct grebe_address *address);
GREBE_API void grebe_address_unref(struct grebe_address *address); /* NULL: no-op */

/* What it was made of; borrowed, NULL for what was not given. */
GREBE_API const char *grebe_address_text(const struct grebe_address *address);
GREBE_API const char *grebe_address_server_name(const struct grebe_address *address);
GREBE_API const struct grebe_attributes *
grebe_address_attributes(const struct grebe_address *address);
GREBE_API const struct grebe_attributes *
grebe_address_balancer_attributes(const struct grebe_address *address);
/* Identity, as above; equal addresses have equal hashes. */
GREBE_API bool grebe_address_equal(const struct grebe_address *a,
                                   const struct grebe_address *b);
GREBE_API uint64_t grebe_address_hash(const struct grebe_address *address);

/* Takes a reference to each of `n` addresses and to `attributes` (may be NULL).  n may be
 * 0: policies treat such an endpoint as if it were not there. */
GREBE_API int grebe_endpoint_new(const struct grebe_mem *mem,
                                 struct grebe_address *const *addresses, size_t n,
                                 const struct grebe_attributes *attributes,
                                 struct grebe_endpoint **out) GREBE_MUST_CHECK;
GREBE_API struct grebe_endpoint *grebe_endpoint_ref(struct grebe_endpoint *endpoint);
GREBE_API void grebe_endpoint_unref(struct grebe_endpoint *endpoint); /* NULL: no-op */

GREBE_API size_t grebe_endpoint_n_addresses(const struct grebe_endpoint *endpoint);
GREBE_API struct grebe_address *
grebe_endpoint_address(const struct grebe_endpoint *endpoint, size_t i); /* borrowed */
GREBE_API const struct grebe_attributes *
grebe_endpoint_attributes(const struct grebe_endpoint *endpoint);
GREBE_API bool grebe_endpoint_equal(const struct grebe_endpoint *a,
                                    const struct grebe_endpoint *b);
GREBE_API uint64_t grebe_endpoint_hash(const struct grebe_endpoint *endpoint);

/* What the source of an endpoint says of its health, numbered as in EDS.  A policy that
 * cares uses those that are UNKNOWN or HEALTHY. */
enum grebe_endpoint_health {
    GREBE_ENDPOINT_HEALTH_UNKNOWN = 0,
    GREBE_ENDPOINT_HEALTH_HEALTHY = 1,
    GREBE_ENDPOINT_HEALTH_UNHEALTHY = 2,
    GREBE_ENDPOINT_HEALTH_DRAINING = 3, /* calls that run may finish */
    GREBE_ENDPOINT_HEALTH_TIMEOUT = 4,  /* a check got no answer */
    GREBE_ENDPOINT_HEALTH_DEGRADED = 5,
};

/* "DRAINING" and so on; "UNKNOWN" for what has no name. */
GREBE_API const char *grebe_endpoint_health_name(enum grebe_endpoint_health health);
/* The number of such a name, compared without case; -1 if there is none. */
GREBE_API int grebe_endpoint_health_parse(const char *name);

/* Well-known keys.
 *   NETWORK          "tcp" or "unix" (static text); on an address, default "tcp"
 *   WEIGHT           uint32 cast to a pointer; on an endpoint, or where it has none among the
 *                    balancer attributes of its addresses, of which the largest counts;
 *                    0 and absent read as 1
 *   METADATA         struct grebe_metadata *, referenced; on an address: sent with every
 *                    call to it
 *   HEALTH_LISTENER  any non-NULL; on an update: leaves report health, not only READY
 *   HASH_KEY         text, set with grebe_attributes_with_text(); on an endpoint: its
 *                    place among others that are hashed, absent its first address
 *   LOCALITY         struct grebe_locality *, referenced; on an endpoint: where it is; on
 *                    an address: a label of metrics (gRFC A78)
 *   LOCALITY_NAME    text as well; on an update: the target of weighted_target that its
 *                    endpoints are of, which is a label of metrics (gRFC A78)
 *   BACKEND_SERVICE  text as well; on an address or an update: a label of metrics (gRFC A89)
 *   PATH             struct grebe_path *, referenced; on an endpoint: which child it is
 *                    for, in a tree of policies
 *   HEALTH           enum grebe_endpoint_health cast to a pointer; on an endpoint
 *   BALANCERS        struct grebe_endpoint *, referenced; on an update: addresses of servers
 *                    that know the backends (grpclb), each with its server name
 *   REASON           text as well; on an update without endpoints: why there are none, for
 *                    calls to say so: "dns: lookup nowhere.example: no such host" */
GREBE_API extern const struct grebe_attribute_key GREBE_ATTRIBUTE_NETWORK;
GREBE_API extern const struct grebe_attribute_key GREBE_ATTRIBUTE_WEIGHT;
GREBE_API extern const struct grebe_attribute_key GREBE_ATTRIBUTE_METADATA;
GREBE_API extern const struct grebe_attribute_key GREBE_ATTRIBUTE_HEALTH_LISTENER;
GREBE_API extern const struct grebe_attribute_key GREBE_ATTRIBUTE_HASH_KEY;
GREBE_API extern const struct grebe_attribute_key GREBE_ATTRIBUTE_LOCALITY;
GREBE_API extern const struct grebe_attribute_key GREBE_ATTRIBUTE_LOCALITY_NAME;
GREBE_API extern const struct grebe_attribute_key GREBE_ATTRIBUTE_BACKEND_SERVICE;
GREBE_API extern const struct grebe_attribute_key GREBE_ATTRIBUTE_PATH;
GREBE_API extern const struct grebe_attribute_key GREBE_ATTRIBUTE_HEALTH;
GREBE_API extern const struct grebe_attribute_key GREBE_ATTRIBUTE_BALANCERS;
GREBE_API extern const struct grebe_attribute_key GREBE_ATTRIBUTE_REASON;

GREBE_END_DECLS

#endif
