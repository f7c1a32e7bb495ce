/* SPDX-License-Identifier: Apache-2.0 */
#include "core/churn.h"

#include <grebe/attr.h>

enum { LOSSES_MAX = 10, ENTRIES_MAX = 64 };
static const uint64_t window_ns = UINT64_C(10000000000);

/* The losses of one address. */
struct entry {
    struct grebe__list link;
    struct grebe_address *address; /* a reference */
    uint64_t since_ns;             /* the first */
    uint32_t n;
};

static struct entry *entry_of(struct grebe__list *link)
{
    return grebe_container_of(link, struct entry, link);
}

static void drop(struct grebe__churn *churn, struct entry *entry)
{
    grebe__list_remove(&entry->link);
    churn->n--;
    grebe_address_unref(entry->address);
    grebe_mem_free(churn->mem, entry);
}

static void drop_old(struct grebe__churn *churn, uint64_t now_ns)
{
    while (churn->n > 0) {
        struct entry *oldest = entry_of(churn->entries.next);

        if (churn->n < ENTRIES_MAX && now_ns - oldest->since_ns <= window_ns)
            return;
        drop(churn, oldest);
    }
}

static struct entry *find(struct grebe__churn *churn, const struct grebe_address *address)
{
    grebe__list_foreach (link, &churn->entries) {
        if (grebe_address_equal(entry_of(link)->address, address))
            return entry_of(link);
    }
    return NULL;
}

/* NULL when out of memory: then nothing is counted. */
static struct entry *add(struct grebe__churn *churn, struct grebe_address *address,
                         uint64_t now_ns)
{
    struct entry *entry = grebe_mem_alloc(churn->mem, sizeof *entry);

    if (entry == NULL)
        return NULL;
    *entry = (struct entry){
        .address = grebe_address_ref(address),
        .since_ns = now_ns,
    };
    grebe__list_init(&entry->link);
    grebe__list_append(&churn->entries, &entry->link);
    churn->n++;
    return entry;
}

bool grebe__churn_lost(struct grebe__churn *churn, struct grebe_address *address,
                       bool has_answered, uint64_t now_ns)
{
    struct entry *entry;

    drop_old(churn, now_ns);
    entry = find(churn, address);
    if (has_answered) {
        if (entry != NULL)
            drop(churn, entry);
        return false;
    }
    if (entry == NULL)
        entry = add(churn, address, now_ns);
    return entry != NULL && ++entry->n > LOSSES_MAX;
}

void grebe__churn_init(struct grebe__churn *churn, const struct grebe_mem *mem)
{
    *churn = (struct grebe__churn){.mem = mem};
    grebe__list_init(&churn->entries);
}

void grebe__churn_fini(struct grebe__churn *churn)
{
    while (churn->n > 0)
        drop(churn, entry_of(churn->entries.next));
}
