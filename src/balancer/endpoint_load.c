/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/endpoint_load.h"

#include <assert.h>
#include <string.h>

#include "base/assert.h"
#include "base/endpoint.h"

static_assert(sizeof(union grebe__load_view_line) == GREBE__LINE, "a line for each");
static_assert(offsetof(struct grebe__endpoint_load, views) == 0, "views begin the load");

/* ---- Views ------------------------------------------------------------------------------- */

void grebe__load_views_init(union grebe__load_view_line *views, struct grebe__crew *crew)
{
    for (uint32_t i = 0; i < GREBE__CREW_NUMBERS; i++) {
        views[i].view.crew = crew;
        views[i].view.number = i;
    }
}

/* Its ends first: whoever sees one sees that the call began. */
static uint32_t count_of(const struct grebe__load_view *view)
{
    uint32_t ended = __atomic_load_n(&view->ended, __ATOMIC_ACQUIRE);

    return __atomic_load_n(&view->begun, __ATOMIC_ACQUIRE) - ended;
}

void grebe__load_view_look(struct grebe__load_view *view, uint64_t now_ns)
{
    uint32_t others = 0;

    for (unsigned i = 0; i < GREBE__CREW_NUMBERS; i++)
        if (i != view->number)
            others += count_of(grebe__load_view_of(view, i));
    __atomic_store_n(&view->others, others, __ATOMIC_RELAXED);
    __atomic_store_n(&view->looked_ns, now_ns, __ATOMIC_RELAXED);
    __atomic_store_n(&view->n_glances, 0, __ATOMIC_RELAXED);
}

void grebe__load_view_done(void *arg, const struct grebe_done_info *info)
{
    struct grebe__load_view *view = arg;

    (void)info;
    grebe__load_view_end(view, grebe__crew_number(view->crew));
}

/* ---- Loads ------------------------------------------------------------------------------- */

static uint32_t count_all(const struct grebe__endpoint_load *load)
{
    uint32_t n = 0;

    for (unsigned i = 0; i < GREBE__CREW_NUMBERS; i++)
        n += count_of(&load->views[i].view);
    return n;
}

uint32_t grebe__endpoint_load_in_flight(const struct grebe__endpoint_load *load)
{
    const struct grebe__load_view *first = &load->views[0].view;
    uint32_t n = grebe__crew_is_one(first->crew) ? count_of(first) : count_all(load);

    return (int32_t)n < 0 ? 0 : n;
}

static struct grebe__endpoint_load *of(struct grebe__kept *kept)
{
    return grebe_container_of(kept, struct grebe__endpoint_load, kept);
}

static void free_load(struct grebe__kept *kept)
{
    struct grebe__endpoint_load *load = of(kept);
    struct grebe__crew *crew = load->views[0].view.crew;

    grebe__line_free(crew->mem, load);
    grebe__crew_unref(crew);
}

static bool is_unused(struct grebe__kept *kept)
{
    return count_all(of(kept)) == 0;
}

static const struct grebe__kept_ops kept_ops = {.free = free_load,
                                                .is_unused = is_unused};

static struct grebe__endpoint_load *new_load(const struct grebe__load_book *book)
{
    struct grebe__endpoint_load *load = grebe__line_alloc(book->mem, book->size);

    if (load == NULL)
        return NULL;
    memset(load, 0, book->size);
    grebe__load_views_init(load->views, grebe__crew_ref(book->crew));
    grebe__kept_init(&load->kept, &kept_ops);
    if (book->init != NULL)
        book->init(load, book->arg);
    return load;
}

/* ---- Book ------------------------------------------------------------------------------ */

static struct grebe__crew *new_crew(const struct grebe__load_book *book)
{
    size_t size = book->crew_size == 0 ? sizeof(struct grebe__crew) : book->crew_size;
    struct grebe__crew *crew = grebe__crew_new(book->mem, size);

    if (crew != NULL && book->init_crew != NULL)
        book->init_crew(crew);
    return crew;
}

int grebe__load_book_open(struct grebe__load_book *book)
{
    if (book->crew == NULL)
        book->crew = new_crew(book);
    if (book->crew == NULL)
        return GREBE_ERR_NOMEM;
    return book->loads == NULL ? grebe_endpoint_map_new(book->mem, &book->loads)
                               : GREBE_OK;
}

void grebe__load_book_fini(struct grebe__load_book *book)
{
    size_t cursor = 0;
    void *value;

    grebe__crew_unref(book->crew);
    book->crew = NULL;
    if (book->loads == NULL)
        return;
    while (grebe_endpoint_map_next(book->loads, &cursor, NULL, &value)) {
        struct grebe__endpoint_load *load = value;

        grebe__kept_unref(&load->kept);
    }
    grebe_endpoint_map_free(book->loads);
    book->loads = NULL;
}

uint32_t grebe__load_book_in_flight(const struct grebe__load_book *book)
{
    uint32_t n = 0;
    size_t cursor = 0;
    void *load;

    while (book->loads != NULL &&
           grebe_endpoint_map_next(book->loads, &cursor, NULL, &load))
        n += grebe__endpoint_load_in_flight(load);
    return n;
}

/* ---- Rounds ------------------------------------------------------------------------------ */

int grebe__load_book_begin(struct grebe__load_book *book)
{
    book->round++;
    book->n_entered = 0;
    return grebe__load_book_open(book);
}

static struct grebe__endpoint_load *find_or_make(const struct grebe__load_book *book,
                                                 struct grebe_endpoint *endpoint)
{
    struct grebe__endpoint_load *load = grebe_endpoint_map_get(book->loads, endpoint);

    if (load != NULL)
        return load;
    load = new_load(book);
    if (load == NULL)
        return NULL;
    if (grebe_endpoint_map_put(book->loads, endpoint, load) != GREBE_OK) {
        grebe__kept_unref(&load->kept);
        return NULL;
    }
    return load;
}

/* Children are leaves: one that is READY has a subconn. */
struct grebe__endpoint_load *grebe__load_book_enter(
    struct grebe__load_book *book, const struct grebe_sharding_child *child)
{
    struct grebe__endpoint_load *load = find_or_make(book, child->endpoint);

    if (load == NULL)
        return NULL;
    if (child->state == GREBE_READY) {
        struct grebe_subconn *subconn = grebe_picker_subconn(child->picker);

        GREBE_ASSERT(subconn != NULL);
        if (grebe__keep(book->mem, subconn, book, &load->kept) != GREBE_OK)
            return NULL;
    }
    book->n_entered += load->round != book->round;
    load->round = book->round;
    return load;
}

void grebe__load_book_end(struct grebe__load_book *book)
{
    struct grebe_endpoint *endpoint;
    size_t cursor = 0;
    void *value;

    if (book->n_entered == grebe_endpoint_map_n(book->loads))
        return;
    while (grebe_endpoint_map_next(book->loads, &cursor, &endpoint, &value)) {
        struct grebe__endpoint_load *load = value;

        if (load->round == book->round)
            continue;
        grebe_endpoint_map_remove(book->loads, endpoint);
        grebe__kept_unref(&load->kept);
    }
}

/* False: out of memory, and what `out` has is the caller's to release. */
static bool enter_all(struct grebe__load_book *book,
                      const struct grebe_sharding_child *children, size_t n,
                      struct grebe__loaded *out, uint32_t *n_out)
{
    for (size_t i = 0; i < n; i++) {
        const struct grebe_sharding_child *child = &children[i];
        bool is_ready = child->state == GREBE_READY;
        struct grebe__endpoint_load *load;

        if (book->is_forgetful && !is_ready)
            continue;
        load = grebe__load_book_enter(book, child);
        if (load == NULL)
            return false;
        if (!is_ready)
            continue;
        grebe__kept_ref(&load->kept);
        out[(*n_out)++] = (struct grebe__loaded){
            .leaf = grebe__leaf_hold(child->picker),
            .load = load,
            .weight = grebe__endpoint_weight(child->endpoint),
        };
    }
    return true;
}

int grebe__load_book_take(struct grebe__load_book *book,
                          const struct grebe_sharding_child *children, size_t n,
                          struct grebe__loaded *out, uint32_t *n_out)
{
    uint32_t n_taken = 0;

    if (grebe__load_book_begin(book) != GREBE_OK)
        return GREBE_ERR_NOMEM;
    if (!enter_all(book, children, n, out, &n_taken)) {
        grebe__loaded_release(out, n_taken);
        return GREBE_ERR_NOMEM;
    }
    grebe__load_book_end(book);
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
        grebe__leaf_release(&loaded[i].leaf);
        grebe__kept_unref(&loaded[i].load->kept);
    }
}
