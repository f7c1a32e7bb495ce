/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/standing_picker.h"

bool grebe__standing_picker_is_of(const struct grebe__standing_picker *standing,
                                  const struct grebe_sharding_child *children, size_t n)
{
    uint32_t n_ready = 0;

    if (standing->picker == NULL)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (children[i].state != GREBE_READY)
            continue;
        if (n_ready == standing->n || standing->children[n_ready] != children[i].picker)
            return false;
        n_ready++;
    }
    return n_ready == standing->n;
}

void grebe__standing_picker_put(struct grebe__standing_picker *standing,
                                const struct grebe_mem *mem, struct grebe_picker *picker,
                                const struct grebe_sharding_child *children, size_t n)
{
    grebe__standing_picker_drop(standing, mem);
    standing->children = grebe_mem_alloc(mem, n * sizeof standing->children[0]);
    if (standing->children == NULL)
        return;
    for (size_t i = 0; i < n; i++)
        if (children[i].state == GREBE_READY)
            standing->children[standing->n++] = children[i].picker;
    standing->picker = grebe_picker_ref(picker);
}

void grebe__standing_picker_drop(struct grebe__standing_picker *standing,
                                 const struct grebe_mem *mem)
{
    grebe_picker_unref(standing->picker);
    grebe_mem_free(mem, standing->children);
    *standing = (struct grebe__standing_picker){NULL, NULL, 0};
}
