/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/hash_table.h"

#include "base/ref.h"

void grebe__hash_table_init(struct grebe__hash_table *table, const struct grebe_mem *mem)
{
    *table = (struct grebe__hash_table){.mem = mem, .refs = 1};
}

struct grebe__hash_table *grebe__hash_table_ref(struct grebe__hash_table *table)
{
    grebe__ref_get(&table->refs);
    return table;
}

void grebe__hash_table_unref(struct grebe__hash_table *table)
{
    if (table != NULL && grebe__ref_put(&table->refs))
        grebe_mem_free(table->mem, table);
}

bool grebe__hash_is_excepted(const struct grebe__hash_filter *filter, uint32_t member)
{
    for (uint32_t i = 0; i < filter->n_but; i++)
        if (filter->but[i] == member)
            return true;
    return false;
}

double grebe__hash_slot(const struct grebe__hash_table *table, uint64_t hash,
                        const struct grebe__hash_place *place)
{
    (void)table, (void)hash;
    return place->slot;
}
