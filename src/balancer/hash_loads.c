/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/hash_loads.h"

void grebe__hash_load_done(void *arg, const struct grebe_done_info *info)
{
    struct grebe__load_view *view = arg;
    unsigned number = grebe__crew_number(view->crew);

    (void)info;
    grebe__load_view_end(grebe__hash_total_view(view->crew, number), number);
    grebe__load_view_end(view, number);
}

static void init_total(struct grebe__crew *crew)
{
    grebe__load_views_init(
        grebe_container_of(crew, struct grebe__hash_total, crew)->views, crew);
}

void grebe__hash_loads_init(struct grebe__load_book *book, const struct grebe_mem *mem)
{
    *book = (struct grebe__load_book){
        .mem = mem,
        .size = sizeof(struct grebe__endpoint_load),
        .crew_size = sizeof(struct grebe__hash_total),
        .is_forgetful = true,
        .init_crew = init_total,
    };
}
