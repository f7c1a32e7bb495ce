/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/keeper.h"

#include <string.h>

/* Most subconns keep one; one that comes and goes a second, while the first still has calls. */
enum { FEW = 2 };

struct keeper {
    struct grebe_subconn_tag tag;
    const struct grebe_mem *mem;
    struct grebe__kept **list; /* n references, with room for more */
    size_t n, room;
    struct grebe__kept *few[FEW]; /* the list, unless it is longer */
};

static struct keeper *of(struct grebe_subconn_tag *tag)
{
    return tag == NULL ? NULL : grebe_container_of(tag, struct keeper, tag);
}

static void release(struct grebe_subconn_tag *tag)
{
    struct keeper *keeper = of(tag);

    for (size_t i = 0; i < keeper->n; i++)
        grebe__kept_unref(keeper->list[i]);
    if (keeper->list != keeper->few)
        grebe_mem_free(keeper->mem, keeper->list);
    grebe_mem_free(keeper->mem, keeper);
}

static const struct grebe_subconn_tag_ops tag_ops = {.release = release};

static struct keeper *keeper_of(const struct grebe_mem *mem,
                                struct grebe_subconn *subconn, const void *owner)
{
    struct keeper *keeper = of(grebe_subconn_tag_of(subconn, owner));

    if (keeper != NULL)
        return keeper;
    keeper = grebe_mem_zalloc(mem, sizeof *keeper);
    if (keeper == NULL)
        return NULL;
    keeper->mem = mem;
    keeper->list = keeper->few;
    keeper->room = FEW;
    grebe_subconn_tag_init(&keeper->tag, &tag_ops, owner);
    grebe_subconn_attach(subconn, &keeper->tag);
    return keeper;
}

static bool has(const struct keeper *keeper, const struct grebe__kept *kept)
{
    size_t i = 0;

    while (i < keeper->n && keeper->list[i] != kept)
        i++;
    return i < keeper->n;
}

/* Acquires what other owners did before they let go: the calls they began, for one. */
static bool is_over(struct grebe__kept *kept)
{
    return __atomic_load_n(&kept->refs, __ATOMIC_ACQUIRE) == 1 &&
           kept->ops->is_unused != NULL && kept->ops->is_unused(kept);
}

static void give_up_what_is_over(struct keeper *keeper)
{
    size_t n = 0;

    for (size_t i = 0; i < keeper->n; i++) {
        if (is_over(keeper->list[i]))
            grebe__kept_unref(keeper->list[i]);
        else
            keeper->list[n++] = keeper->list[i];
    }
    keeper->n = n;
}

/* False: out of memory. */
static bool make_room(struct keeper *keeper)
{
    size_t room = 2 * keeper->room;
    struct grebe__kept **list;

    if (keeper->n < keeper->room)
        return true;
    list = grebe_mem_alloc(keeper->mem, room * sizeof(struct grebe__kept *));
    if (list == NULL)
        return false;
    memcpy(list, keeper->list, keeper->n * sizeof(struct grebe__kept *));
    if (keeper->list != keeper->few)
        grebe_mem_free(keeper->mem, keeper->list);
    keeper->list = list;
    keeper->room = room;
    return true;
}

int grebe__keep(const struct grebe_mem *mem, struct grebe_subconn *subconn,
                const void *owner, struct grebe__kept *kept)
{
    struct keeper *keeper = keeper_of(mem, subconn, owner);

    if (keeper == NULL)
        return GREBE_ERR_NOMEM;
    if (has(keeper, kept))
        return GREBE_OK;
    give_up_what_is_over(keeper);
    if (!make_room(keeper))
        return GREBE_ERR_NOMEM;
    grebe__kept_ref(kept);
    keeper->list[keeper->n++] = kept;
    return GREBE_OK;
}
