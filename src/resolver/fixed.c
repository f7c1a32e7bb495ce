/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/fixed.h"

struct fixed {
    struct grebe_resolver base;
    const struct grebe_mem *mem;
};

static void destroy(struct grebe_resolver *base)
{
    struct fixed *fixed = grebe_container_of(base, struct fixed, base);

    grebe_mem_free(fixed->mem, fixed);
}

static const struct grebe_resolver_ops ops = {.destroy = destroy};

int grebe__fixed_resolver_new(struct grebe_resolver_conn *conn,
                              const struct grebe__endpoint_list *list,
                              struct grebe_resolver **out)
{
    const struct grebe_mem *mem = grebe_resolver_conn_mem(conn);
    struct grebe_resolver_state state = GREBE_RESOLVER_STATE_INIT;
    struct fixed *made = grebe_mem_alloc(mem, sizeof *made);

    if (made == NULL)
        return GREBE_ERR_NOMEM;
    made->mem = mem;
    grebe_resolver_init(&made->base, &ops);
    state.endpoints = list->endpoints;
    state.n_endpoints = list->n;
    state.source = "literal";
    if (grebe_resolver_conn_update(conn, &state) == GREBE_ERR_NOMEM) {
        grebe_mem_free(mem, made);
        return GREBE_ERR_NOMEM;
    }
    *out = &made->base;
    return GREBE_OK;
}

int grebe__fixed_resolver_new_single(struct grebe_resolver_conn *conn,
                                     const char *address,
                                     const struct grebe_attributes *attributes,
                                     struct grebe_resolver **out)
{
    struct grebe__endpoint_list list;
    int error;

    grebe__endpoint_list_init(&list, grebe_resolver_conn_mem(conn));
    error = grebe__endpoint_list_add(&list, address, attributes);
    if (error == GREBE_OK)
        error = grebe__fixed_resolver_new(conn, &list, out);
    grebe__endpoint_list_fini(&list);
    return error;
}
