/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/endpoint_load.h"

#include "base/endpoint.h"

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

void grebe__load_book_fini(struct grebe__load_book *book)
{
    size_t cursor = 0;
    void *load;

    if (book->loads == NULL)
        return;
    while (grebe_endpoint_map_next(book->loads, &cursor, NULL, &load))
        disown(load);
    grebe_endpoint_map_free(book->loads);
    book->loads = NULL;
}

/* The load of a child, which is asked for in this round; NULL when out of memory. */
static struct grebe__endpoint_load *enter(const struct grebe__load_book *book,
                                          const struct grebe_sharding_child *child)
{
    struct grebe__endpoint_load *load =
        grebe_endpoint_map_get(book->loads, child->endpoint);

    if (load == NULL) {
        load = new_load(book);
        if (load == NULL)
            return NULL;
        if (grebe_endpoint_map_put(book->loads, child->endpoint, load) != GREBE_OK) {
            disown(load);
            return NULL;
        }
    }
    load->round = book->round;
    return load;
}

static void forget_the_others(struct grebe__load_book *book)
{
    struct grebe_endpoint *endpoint;
    size_t cursor = 0;
    void *value;

    while (grebe_endpoint_map_next(book->loads, &cursor, &endpoint, &value)) {
        struct grebe__endpoint_load *load = value;

        if (load->round == book->round)
            continue;
        grebe_endpoint_map_remove(book->loads, endpoint);
        disown(load);
    }
}

/* False: out of memory, and what `out` has is the caller's to release. */
static bool enter_all(const struct grebe__load_book *book,
                      const struct grebe_sharding_child *children, size_t n,
                      struct grebe__loaded *out, uint32_t *n_out, size_t *n_entered)
{
    for (size_t i = 0; i < n; i++) {
        bool is_ready = children[i].state == GREBE_READY;
        struct grebe__endpoint_load *load;

        if (book->is_forgetful && !is_ready)
            continue;
        load = enter(book, &children[i]);
        if (load == NULL)
            return false;
        ++*n_entered;
        if (is_ready)
            out[(*n_out)++] = (struct grebe__loaded){
                .picker = grebe_picker_ref(children[i].picker),
                .load = own(load),
                .weight = grebe__endpoint_weight(children[i].endpoint),
            };
    }
    return true;
}

int grebe__load_book_take(struct grebe__load_book *book,
                          const struct grebe_sharding_child *children, size_t n,
                          struct grebe__loaded *out, uint32_t *n_out)
{
    uint32_t n_taken = 0;
    size_t n_entered = 0;
    int error = GREBE_OK;

    if (book->loads == NULL)
        error = grebe_endpoint_map_new(book->mem, &book->loads);
    if (error != GREBE_OK)
        return error;
    book->round++;
    if (!enter_all(book, children, n, out, &n_taken, &n_entered)) {
        grebe__loaded_release(out, n_taken);
        return GREBE_ERR_NOMEM;
    }
    if (n_entered < grebe_endpoint_map_n(book->loads))
        forget_the_others(book);
    *n_out = n_taken;
    return GREBE_OK;
}

int grebe__load_book_keep(struct grebe__load_book *book,
                          const struct grebe_sharding_child *children, size_t n)
{
    uint32_t n_taken;

    return grebe__load_book_take(book, children, n, NULL, &n_taken);
}

void grebe__loaded_release(struct grebe__loaded *loaded, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        grebe_picker_unref(loaded[i].picker);
        disown(loaded[i].load);
    }
}
