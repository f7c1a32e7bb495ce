/* SPDX-License-Identifier: Apache-2.0 */
/* core/hop.h -- a proxy on the way to an address.
 *
 * The address keeps its own text, because that is what policies, people and certificates
 * know a backend by; whom to connect to instead is an attribute.  Two ways to one backend
 * are different addresses by that.
 *
 * Lifetime    Immutable and counted.
 * Threading   Any thread.
 * Sources     gRFC A1; RFC 9110 9.3.6 (CONNECT).
 */
#ifndef GREBE_CORE_HOP_H
#define GREBE_CORE_HOP_H

#include <grebe/attributes.h>
#include <grebe/endpoint.h>

struct grebe__hop {
    const struct grebe_mem *mem;
    uint32_t refs;
    const char *address;       /* of the proxy: "10.0.0.9:3128" */
    const char *authorization; /* "Basic ..."; NULL: none */
    char text[];
};

/* struct grebe__hop, on an address; absent: there is none. */
extern const struct grebe_attribute_key grebe__attribute_hop;

/* Copies the texts.  GREBE_ERR_NOMEM. */
int grebe__hop_new(const struct grebe_mem *mem, const char *address,
                   const char *authorization, struct grebe__hop **out) GREBE_MUST_CHECK;
void grebe__hop_unref(struct grebe__hop *hop); /* NULL: no-op */

/* Of that address; NULL: none.  Borrowed. */
static inline const struct grebe__hop *grebe__hop_of(const struct grebe_address *address)
{
    return grebe_attributes_get(grebe_address_attributes(address), &grebe__attribute_hop);
}

#endif
