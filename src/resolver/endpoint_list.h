/* SPDX-License-Identifier: Apache-2.0 */
/* resolver/endpoint_list.h -- endpoints in the making: one for each address.
 *
 * That is all a list of addresses can say (gRFC A61): which of them lead to the same
 * backend is not known.
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

#endif
