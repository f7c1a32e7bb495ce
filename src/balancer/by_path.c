/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/by_path.h"

#include <grebe/path.h>

/* ---- Without the first name ------------------------------------------------------------- */

enum { FEW_ADDRESSES = 16 };

static int remake(const struct grebe_mem *mem, const struct grebe_endpoint *endpoint,
                  struct grebe_address **addresses,
                  const struct grebe_attributes *attributes, struct grebe_endpoint **out)
{
    size_t n = grebe_endpoint_n_addresses(endpoint);

    for (size_t i = 0; i < n; i++)
        addresses[i] = grebe_endpoint_address(endpoint, i);
    return grebe_endpoint_new(mem, addresses, n, attributes, out);
}

static int with_attributes(const struct grebe_mem *mem,
                           const struct grebe_endpoint *endpoint,
                           const struct grebe_attributes *attributes,
                           struct grebe_endpoint **out)
{
    size_t n = grebe_endpoint_n_addresses(endpoint);
    struct grebe_address *few[FEW_ADDRESSES], **many;
    int result;

    if (n <= FEW_ADDRESSES)
        return remake(mem, endpoint, few, attributes, out);
    many = grebe_mem_alloc(mem, n * sizeof *many);
    if (many == NULL)
        return GREBE_ERR_NOMEM;
    result = remake(mem, endpoint, many, attributes, out);
    grebe_mem_free(mem, many);
    return result;
}

static int without_first(const struct grebe_mem *mem,
                         const struct grebe_endpoint *endpoint, struct grebe_path *path,
                         struct grebe_endpoint **out)
{
    const struct grebe_attributes *attributes;
    int result =
        grebe_attributes_with(mem, grebe_endpoint_attributes(endpoint),
                              &GREBE_ATTRIBUTE_PATH, grebe_path_rest(path), &attributes);

    if (result != GREBE_OK)
        return result;
    result = with_attributes(mem, endpoint, attributes, out);
    grebe_attributes_unref(attributes);
    return result;
}

/* ---- Groups ------------------------------------------------------------------------------- */

static int add(struct grebe__groups *groups, const struct grebe_endpoint *endpoint)
{
    struct grebe_path *path =
        grebe_attributes_get(grebe_endpoint_attributes(endpoint), &GREBE_ATTRIBUTE_PATH);
    struct grebe_endpoint *below;
    int result;

    if (path == NULL)
        return GREBE_OK;
    result = without_first(groups->mem, endpoint, path, &below);
    if (result != GREBE_OK)
        return result;
    result = grebe__groups_add(groups, grebe_path_first(path), below);
    grebe_endpoint_unref(below);
    return result;
}

static size_t n_strays(const struct grebe__groups *groups,
                       const struct grebe__named_children *children, size_t n)
{
    for (size_t i = 0; i < children->n; i++)
        n -= grebe__groups_get(groups, children->list[i].name)->n;
    return n;
}

int grebe__by_path(struct grebe__groups *out, struct grebe_client_conn *cc,
                   const char *policy, const struct grebe__named_children *children,
                   const struct grebe_balancer_update *update)
{
    size_t n;

    grebe__groups_init(out, grebe_client_conn_mem(cc));
    for (size_t i = 0; i < update->n_endpoints; i++) {
        int result = add(out, update->endpoints[i]);

        if (result != GREBE_OK) {
            grebe__groups_fini(out);
            return result;
        }
    }
    n = n_strays(out, children, update->n_endpoints);
    if (n > 0)
        grebe_client_conn_log(cc, GREBE_LOG_WARNING,
                              "%s: %zu of %zu endpoints are for nobody: their path does "
                              "not begin with the name of a child",
                              policy, n, update->n_endpoints);
    return GREBE_OK;
}
