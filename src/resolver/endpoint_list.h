/* SPDX-License-Identifier: Apache-2.0 */
/* resolver/endpoint_list.h -- endpoints in the making.
 *
 * A list of addresses makes one endpoint of each (gRFC A61): which of them lead to the same
 * backend is not known.  Whoever knows more adds endpoints.
 */
#ifndef GREBE_RESOLVER_ENDPOINT_LIST_H
#define GREBE_RESOLVER_ENDPOINT_LIST_H

#include <stddef.h>

#include <grebe/endpoint.h>

struct grebe__endpoint_list {
    const struct grebe_mem *mem;
    struct grebe_endpoint **endpoints; /* n references */
    size_t n, capacity;
};

void grebe__endpoint_list_init(struct grebe__endpoint_list *list,
                               const struct grebe_mem *mem);
void grebe__endpoint_list_fini(struct grebe__endpoint_list *list);

/* An endpoint at address `text`; `attributes` (may be NULL) are those of the address.
 * GREBE_ERR_NOMEM leaves the list as it was. */
int grebe__endpoint_list_add(struct grebe__endpoint_list *list, const char *text,
                             const struct grebe_attributes *attributes);

/* An endpoint with `n` addresses; `attributes` (may be NULL) are its own.  The same. */
int grebe__endpoint_list_add_endpoint(struct grebe__endpoint_list *list,
                                      struct grebe_address *const *addresses, size_t n,
                                      const struct grebe_attributes *attributes);

#endif
