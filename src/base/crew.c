/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crew.h"

#include <string.h>

#include "base/line.h"
#include "base/ref.h"

struct grebe__crew *grebe__crew_new(const struct grebe_mem *mem, size_t size)
{
    struct grebe__crew *crew = grebe__line_alloc(mem, size);

    if (crew == NULL)
        return NULL;
    memset(crew, 0, size);
    crew->mem = mem;
    crew->refs = 1;
    grebe__claims_init(crew->threads, GREBE__CREW_OTHERS);
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
        grebe__line_free(crew->mem, crew);
}
