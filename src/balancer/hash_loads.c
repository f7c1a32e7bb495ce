/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/hash_loads.h"

/* ---- Calls -------------------------------------------------------------------------------- */

static struct grebe__load_view *total_view(struct grebe__crew *crew, unsigned number)
{
    return &grebe_container_of(crew, struct grebe__hash_total, crew)->views[number].view;
}

static uint32_t in_flight(struct grebe__load_view *view, uint64_t now_ns)
{
    if (!grebe__crew_is_alone(view->crew, view->number))
        (void)grebe__load_view_glance(view, now_ns);
    return grebe__load_view_in_flight(view);
}

uint32_t grebe__hash_load_calls(struct grebe__endpoint_load *load, uint64_t now_ns)
{
    return in_flight(grebe__endpoint_load_view(load), now_ns);
}

uint64_t grebe__hash_load_total(const struct grebe__endpoint_load *load, uint64_t now_ns)
{
    struct grebe__crew *crew = load->views[0].view.crew;

    return in_flight(total_view(crew, grebe__crew_number(crew)), now_ns);
}

static void on_done(void *arg, const struct grebe_done_info *info)
{
    struct grebe__load_view *view = arg;
    unsigned number = grebe__crew_number(view->crew);

    (void)info;
    grebe__load_view_end(total_view(view->crew, number), number);
    grebe__load_view_end(view, number);
}

void grebe__hash_load_begin(struct grebe__endpoint_load *load, struct grebe_pick *pick)
{
    struct grebe__load_view *view = grebe__endpoint_load_view(load);

    if (grebe__load_view_begin(view, pick, on_done))
        grebe__crew_count(&total_view(view->crew, view->number)->begun, view->number);
}

/* (n_calls + 1) * factor %, and of that the share: both rounded up.  More than fits into 32
 * bits is as good as no bound. */
uint64_t grebe__hash_load_slots(uint64_t n_calls, uint32_t factor, uint32_t weight,
                                uint64_t weight_of_all)
{
    uint64_t calls = n_calls < UINT32_MAX ? n_calls + 1 : UINT32_MAX;
    uint64_t all = (calls * factor + 99) / 100, slots;

    if (all > UINT32_MAX)
        all = UINT32_MAX;
    slots = (all * weight + weight_of_all - 1) / weight_of_all;
    return slots > 0 ? slots : 1;
}

/* ---- Loads -------------------------------------------------------------------------------- */

void grebe__hash_loads_init(struct grebe__load_book *book, const struct grebe_mem *mem)
{
    *book = (struct grebe__load_book){
        .mem = mem,
        .size = sizeof(struct grebe__endpoint_load),
        .crew_size = sizeof(struct grebe__hash_total),
        .is_forgetful = true,
    };
}

int grebe__hash_loads_begin(struct grebe__load_book *book)
{
    bool is_new = book->crew == NULL;
    int result = grebe__load_book_begin(book);

    if (is_new && book->crew != NULL)
        grebe__load_views_init(
            grebe_container_of(book->crew, struct grebe__hash_total, crew)->views,
            book->crew);
    return result;
}
