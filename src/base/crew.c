/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crew.h"

#include <stdbool.h>

#include "base/ref.h"

/* Who has a number that is free: no thread, for they are aligned. */
static const uintptr_t nobody = 1;

struct grebe__crew *grebe__crew_new(const struct grebe_mem *mem)
{
    struct grebe__crew *crew = grebe_mem_zalloc(mem, sizeof *crew);

    if (crew == NULL)
        return NULL;
    crew->mem = mem;
    crew->refs = 1;
    for (unsigned i = 0; i < GREBE__CREW_OTHERS; i++)
        crew->threads[i] = nobody;
    return crew;
}

struct grebe__crew *grebe__crew_ref(struct grebe__crew *crew)
{
    grebe__ref_get(&crew->refs);
    return crew;
}

void grebe__crew_unref(struct grebe__crew *crew)
{
    if (crew != NULL && grebe__ref_put(&crew->refs))
        grebe_mem_free(crew->mem, crew);
}

unsigned grebe__crew_enter(struct grebe__crew *crew, uintptr_t thread)
{
    for (unsigned i = 0; i < GREBE__CREW_OTHERS && thread != 0; i++) {
        uintptr_t before = nobody;

        if (__atomic_compare_exchange_n(&crew->threads[i], &before, thread, false,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            return i;
    }
    return GREBE__CREW_OTHERS;
}
