/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/endpoint_list.h"

#include <grebe/error.h>

void grebe__endpoint_list_init(struct grebe__endpoint_list *list,
                               const struct grebe_mem *mem)
{
    *list = (struct grebe__endpoint_list){.mem = mem};
}

void grebe__endpoint_list_fini(struct grebe__endpoint_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        grebe_endpoint_unref(list->endpoints[i]);
    grebe_mem_free(list->mem, list->endpoints);
    grebe__endpoint_list_init(list, list->mem);
}

static int make_room(struct grebe__endpoint_list *list)
{
    size_t capacity = list->capacity == 0 ? 4 : list->capacity * 2;
    struct grebe_endpoint **bigger;

    if (list->n < list->capacity)
        return GREBE_OK;
    bigger = grebe_mem_realloc(list->mem, list->endpoints, capacity * sizeof bigger[0]);
    if (bigger == NULL)
        return GREBE_ERR_NOMEM;
    list->endpoints = bigger;
    list->capacity = capacity;
    return GREBE_OK;
}

int grebe__endpoint_list_add_endpoint(struct grebe__endpoint_list *list,
                                      struct grebe_address *const *addresses, size_t n,
                                      const struct grebe_attributes *attributes)
{
    int error = make_room(list);

    if (error == GREBE_OK)
        error = grebe_endpoint_new(list->mem, addresses, n, attributes,
                                   &list->endpoints[list->n]);
    if (error == GREBE_OK)
        list->n++;
    return error;
}

int grebe__endpoint_list_add(struct grebe__endpoint_list *list, const char *text,
                             const struct grebe_attributes *attributes)
{
    struct grebe_address_options options = GREBE_ADDRESS_OPTIONS_INIT;
    struct grebe_address *address;
    int error;

    options.attributes = attributes;
    error = grebe_address_new(list->mem, text, &options, &address);
    if (error != GREBE_OK)
        return error;
    error = grebe__endpoint_list_add_endpoint(list, &address, 1, NULL);
    grebe_address_unref(address);
    return error;
}
