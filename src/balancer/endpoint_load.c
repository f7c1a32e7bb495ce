/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/endpoint_load.h"

static const uint64_t one_owner = UINT64_C(1) << 32;

static struct grebe__endpoint_load *own(struct grebe__endpoint_load *load)
{
    __atomic_fetch_add(&load->uses, one_owner, __ATOMIC_RELAXED);
    return load;
}

static void disown(struct grebe__endpoint_load *load)
{
    if (__atomic_sub_fetch(&load->uses, one_owner, __ATOMIC_ACQ_REL) == 0)
        grebe_mem_free(load->mem, load);
}

/* ---- Book ------------------------------------------------------------------------------ */

static struct grebe__endpoint_load *new_load(const struct grebe__load_book *book)
{
    struct grebe__endpoint_load *load = grebe_mem_zalloc(book->mem, book->size);

    if (load == NULL)
        return NULL;
    load->mem = book->mem;
    load->uses = one_owner;
    if (book->init != NULL)
        book->init(load, book->arg);
    return load;
}

static void free_map(struct grebe_endpoint_map *map)
{
    size_t cursor = 0;
    void *load;

    if (map == NULL)
        return;
    while (grebe_endpoint_map_next(map, &cursor, NULL, &load))
        disown(load);
    grebe_endpoint_map_free(map);
}

void grebe__load_book_fini(struct grebe__load_book *book)
{
    free_map(book->loads);
    book->loads = NULL;
}

/* The load of a child, in `map` from now on; NULL when out of memory. */
static struct grebe__endpoint_load *enter(const struct grebe__load_book *book,
                                          struct grebe_endpoint_map *map,
                                          const struct grebe_sharding_child *child)
{
    struct grebe__endpoint_load *load = NULL;

    if (book->loads != NULL)
        load = grebe_endpoint_map_get(book->loads, child->endpoint);
    load = load == NULL ? new_load(book) : own(load);
    if (load == NULL)
        return NULL;
    if (grebe_endpoint_map_put(map, child->endpoint, load) == GREBE_OK)
        return load;
    disown(load);
    return NULL;
}

static uint32_t weight_of(const struct grebe_endpoint *endpoint)
{
    uint32_t weight = (uint32_t)(uintptr_t)grebe_attributes_get(
        grebe_endpoint_attributes(endpoint), &GREBE_ATTRIBUTE_WEIGHT);

    return weight == 0 ? 1 : weight;
}

/* False: out of memory, and what `out` has is the caller's to release. */
static bool enter_all(const struct grebe__load_book *book, struct grebe_endpoint_map *map,
                      const struct grebe_sharding_child *children, size_t n,
                      struct grebe__loaded *out, uint32_t *n_out)
{
    for (size_t i = 0; i < n; i++) {
        bool is_ready = children[i].state == GREBE_READY;
        struct grebe__endpoint_load *load;

        if (book->is_forgetful && !is_ready)
            continue;
        load = enter(book, map, &children[i]);
        if (load == NULL)
            return false;
        if (is_ready)
            out[(*n_out)++] = (struct grebe__loaded){
                .picker = grebe_picker_ref(children[i].picker),
                .load = own(load),
                .weight = weight_of(children[i].endpoint),
            };
    }
    return true;
}

int grebe__load_book_take(struct grebe__load_book *book,
                          const struct grebe_sharding_child *children, size_t n,
                          struct grebe__loaded *out, uint32_t *n_out)
{
    struct grebe_endpoint_map *map;
    uint32_t n_taken = 0;
    int error = grebe_endpoint_map_new(book->mem, &map);

    if (error != GREBE_OK)
        return error;
    if (!enter_all(book, map, children, n, out, &n_taken)) {
        grebe__loaded_release(out, n_taken);
        free_map(map);
        return GREBE_ERR_NOMEM;
    }
    free_map(book->loads);
    book->loads = map;
    *n_out = n_taken;
    return GREBE_OK;
}

void grebe__loaded_release(struct grebe__loaded *loaded, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        grebe_picker_unref(loaded[i].picker);
        disown(loaded[i].load);
    }
}
