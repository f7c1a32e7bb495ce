/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/groups.h"

#include <grebe/error.h>

void grebe__groups_init(struct grebe__groups *groups, const struct grebe_mem *mem)
{
    groups->mem = mem;
    grebe__map_init(&groups->by_name, mem, &grebe__by_text);
}

void grebe__groups_fini(struct grebe__groups *groups)
{
    struct grebe__map_entry *entry = NULL;

    while ((entry = grebe__map_next(&groups->by_name, entry)) != NULL) {
        struct grebe__group *group = entry->value;

        while (group->n > 0)
            grebe_endpoint_unref(group->endpoints[--group->n]);
        grebe_mem_free(groups->mem, group->endpoints);
        grebe_mem_free(groups->mem, group);
    }
    grebe__map_fini(&groups->by_name);
}

static int find_or_make(struct grebe__groups *groups, const char *name,
                        struct grebe__group **out)
{
    int result;

    *out = grebe__map_get(&groups->by_name, name);
    if (*out != NULL)
        return GREBE_OK;
    *out = grebe_mem_zalloc(groups->mem, sizeof **out);
    if (*out == NULL)
        return GREBE_ERR_NOMEM;
    result = grebe__map_put(&groups->by_name, name, *out);
    if (result != GREBE_OK)
        grebe_mem_free(groups->mem, *out);
    return result;
}

/* Room for one more. */
static int grow(const struct grebe_mem *mem, struct grebe__group *group)
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

int grebe__groups_add(struct grebe__groups *groups, const char *name,
                      struct grebe_endpoint *endpoint)
{
    struct grebe__group *group;
    int result = find_or_make(groups, name, &group);

    if (result == GREBE_OK)
        result = grow(groups->mem, group);
    if (result == GREBE_OK)
        group->endpoints[group->n++] = grebe_endpoint_ref(endpoint);
    return result;
}

const struct grebe__group *grebe__groups_get(const struct grebe__groups *groups,
                                             const char *name)
{
    static const struct grebe__group none;
    const struct grebe__group *group = grebe__map_get(&groups->by_name, name);

    return group == NULL ? &none : group;
}

struct grebe__group grebe__groups_take(struct grebe__groups *groups, const char *name)
{
    struct grebe__group *group = grebe__map_get(&groups->by_name, name);
    struct grebe__group taken = {NULL, 0, 0};

    if (group != NULL) {
        taken = *group;
        *group = (struct grebe__group){NULL, 0, 0};
    }
    return taken;
}
