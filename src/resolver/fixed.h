/* SPDX-License-Identifier: Apache-2.0 */
/* resolver/fixed.h -- resolvers that know their answer from the start. */
#ifndef GREBE_RESOLVER_FIXED_H
#define GREBE_RESOLVER_FIXED_H

#include <grebe/resolver.h>

#include "resolver/endpoint_list.h"

/* A resolver that publishes `list` once, now, and never anything else.  What the channel
 * thinks of the list changes nothing: there is no other. */
int grebe__fixed_resolver_new(struct grebe_resolver_conn *conn,
                              const struct grebe__endpoint_list *list,
                              struct grebe_resolver **out);

/* The same for one address. */
int grebe__fixed_resolver_new_single(struct grebe_resolver_conn *conn,
                                     const char *address,
                                     const struct grebe_attributes *attributes,
                                     struct grebe_resolver **out);

#endif
