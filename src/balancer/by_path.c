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

static int get_group(struct grebe__by_path *by_path, const char *name,
                     struct grebe__by_path_group **out)
{
    int result;

    *out = grebe__map_get(&by_path->groups, name);
    if (*out != NULL)
        return GREBE_OK;
    *out = grebe_mem_zalloc(by_path->mem, sizeof **out);
    if (*out == NULL)
        return GREBE_ERR_NOMEM;
    result = grebe__map_put(&by_path->groups, name, *out);
    if (result != GREBE_OK)
        grebe_mem_free(by_path->mem, *out);
    return result;
}

/* Room for one more. */
static int grow(const struct grebe_mem *mem, struct grebe__by_path_group *group)
{
    size_t room = group->room == 0 ? 4 : group->room * 2;
    struct grebe_endpoint **moved;

    if (group->n < group->room)
        return GREBE_OK;
    moved = grebe_mem_realloc(mem, group->endpoints, room * sizeof *moved);
    if (moved == NULL)
        return GREBE_ERR_NOMEM;
    group->endpoints = moved;
    group->room = room;
    return GREBE_OK;
}

static int add(struct grebe__by_path *by_path, const struct grebe_endpoint *endpoint)
{
    struct grebe_path *path =
        grebe_attributes_get(grebe_endpoint_attributes(endpoint), &GREBE_ATTRIBUTE_PATH);
    struct grebe__by_path_group *group;
    int result;

    if (path == NULL)
        return GREBE_OK;
    result = get_group(by_path, grebe_path_first(path), &group);
    if (result == GREBE_OK)
        result = grow(by_path->mem, group);
    if (result == GREBE_OK)
        result = without_first(by_path->mem, endpoint, path, &group->endpoints[group->n]);
    if (result == GREBE_OK)
        group->n++;
    return result;
}

int grebe__by_path_init(struct grebe__by_path *by_path, const struct grebe_mem *mem,
                        const struct grebe_balancer_update *update)
{
    by_path->mem = mem;
    grebe__map_init(&by_path->groups, mem, &grebe__by_text);
    for (size_t i = 0; i < update->n_endpoints; i++) {
        int result = add(by_path, update->endpoints[i]);

        if (result != GREBE_OK) {
            grebe__by_path_fini(by_path);
            return result;
        }
    }
    return GREBE_OK;
}

void grebe__by_path_fini(struct grebe__by_path *by_path)
{
    struct grebe__map_entry *entry = NULL;

    while ((entry = grebe__map_next(&by_path->groups, entry)) != NULL) {
        struct grebe__by_path_group *group = entry->value;

        while (group->n > 0)
            grebe_endpoint_unref(group->endpoints[--group->n]);
        grebe_mem_free(by_path->mem, group->endpoints);
        grebe_mem_free(by_path->mem, group);
    }
    grebe__map_fini(&by_path->groups);
}

const struct grebe__by_path_group *
grebe__by_path_get(const struct grebe__by_path *by_path, const char *name)
{
    static const struct grebe__by_path_group none;
    const struct grebe__by_path_group *group = grebe__map_get(&by_path->groups, name);

    return group == NULL ? &none : group;
}

struct grebe__by_path_group grebe__by_path_take(struct grebe__by_path *by_path,
                                                const char *name)
{
    struct grebe__by_path_group *group = grebe__map_get(&by_path->groups, name);
    struct grebe__by_path_group taken = {NULL, 0, 0};

    if (group != NULL) {
        taken = *group;
        *group = (struct grebe__by_path_group){NULL, 0, 0};
    }
    return taken;
}
