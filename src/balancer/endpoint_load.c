/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/endpoint_load.h"

#include <string.h>

#include "base/endpoint.h"
#include "base/line.h"

/* The lowest bit says that calls which began are not yet taken from those that ended. */
enum { OPEN = 1, OWNER = 2 };

static struct grebe__endpoint_load *own(struct grebe__endpoint_load *load)
{
    __atomic_fetch_add(&load->uses, OWNER, __ATOMIC_RELAXED);
    return load;
}

/* While the load is open it is not freed: the last owner may look at it. */
static void disown(struct grebe__endpoint_load *load)
{
    uint64_t uses = __atomic_sub_fetch(&load->uses, OWNER, __ATOMIC_ACQ_REL), begun;

    if ((uint32_t)uses != OPEN)
        return;
    begun = grebe__crew_sum(load->begun);
    if (__atomic_sub_fetch(&load->uses, (begun << 32) + OPEN, __ATOMIC_ACQ_REL) == 0)
        grebe__endpoint_load_free(load);
}

void grebe__endpoint_load_free(struct grebe__endpoint_load *load)
{
    struct grebe__crew *crew = load->crew;

    grebe__line_free(crew->mem, load);
    grebe__crew_unref(crew);
}

void grebe__endpoint_load_done(void *arg, const struct grebe_done_info *info)
{
    (void)info;
    grebe__endpoint_load_end(arg);
}

/* ---- Book ------------------------------------------------------------------------------ */

static struct grebe__endpoint_load *new_load(const struct grebe__load_book *book)
{
    struct grebe__endpoint_load *load = grebe__line_alloc(book->mem, book->size);

    if (load == NULL)
        return NULL;
    memset(load, 0, book->size);
    load->uses = OPEN + OWNER;
    load->crew = grebe__crew_ref(book->crew);
    if (book->init != NULL)
        book->init(load, book->arg);
    return load;
}

void grebe__load_book_fini(struct grebe__load_book *book)
{
    size_t cursor = 0;
    void *load;

    grebe__crew_unref(book->crew);
    book->crew = NULL;
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

/* Opens it if it is not; false: out of memory. */
static bool is_open(struct grebe__load_book *book)
{
    if (book->crew == NULL)
        book->crew = grebe__crew_new(book->mem);
    return book->crew != NULL &&
           (book->loads != NULL ||
            grebe_endpoint_map_new(book->mem, &book->loads) == GREBE_OK);
}

int grebe__load_book_take(struct grebe__load_book *book,
                          const struct grebe_sharding_child *children, size_t n,
                          struct grebe__loaded *out, uint32_t *n_out)
{
    uint32_t n_taken = 0;
    size_t n_entered = 0;

    if (!is_open(book))
        return GREBE_ERR_NOMEM;
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
