/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/hash_members.h"

#include <string.h>

#include "base/endpoint.h"
#include "base/sort.h"

static const char *key_of(const struct grebe_endpoint *endpoint)
{
    const char *key = grebe_attributes_get(grebe_endpoint_attributes(endpoint),
                                           &GREBE_ATTRIBUTE_HASH_KEY);

    if (key != NULL && key[0] != '\0')
        return key;
    return grebe_address_text(grebe_endpoint_address(endpoint, 0));
}

static bool is_after(const void *a, const void *b)
{
    const struct grebe__hash_member *left = a, *right = b;
    int order = strcmp(left->key, right->key);

    if (order != 0)
        return order > 0;
    return grebe_endpoint_hash(left->endpoint) > grebe_endpoint_hash(right->endpoint);
}

int grebe__hash_members_init(struct grebe__hash_members *members,
                             const struct grebe_mem *mem,
                             const struct grebe_sharding_child *children, size_t n)
{
    /* Half as many again, for the sort. */
    struct grebe__hash_member *list =
        grebe_mem_alloc(mem, (n + (n + 1) / 2) * sizeof *list);
    uint64_t weight = 0;

    if (list == NULL)
        return GREBE_ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        list[i] = (struct grebe__hash_member){
            .endpoint = grebe_endpoint_ref(children[i].endpoint),
            .key = key_of(children[i].endpoint),
            .weight = grebe__endpoint_weight(children[i].endpoint),
            .child = (uint32_t)i,
        };
        weight += list[i].weight;
    }
    grebe__sort(list, list + n, n, sizeof *list, is_after);
    *members = (struct grebe__hash_members){list, (uint32_t)n, weight};
    return GREBE_OK;
}

void grebe__hash_members_fini(struct grebe__hash_members *members,
                              const struct grebe_mem *mem)
{
    for (uint32_t i = 0; i < members->n; i++)
        grebe_endpoint_unref(members->list[i].endpoint);
    grebe_mem_free(mem, members->list);
    *members = (struct grebe__hash_members){0};
}

bool grebe__hash_members_equal(const struct grebe__hash_members *a,
                               const struct grebe__hash_members *b)
{
    if (a->n != b->n)
        return false;
    for (uint32_t i = 0; i < a->n; i++)
        if (a->list[i].weight != b->list[i].weight ||
            strcmp(a->list[i].key, b->list[i].key) != 0)
            return false;
    return true;
}
