/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/lineup.h"

#include <string.h>

#include "base/hash.h"
#include "base/sort.h"

struct place {
    uint64_t hash;
    struct grebe_endpoint *endpoint;
};

/* The smallest of its addresses: the same in whatever order they are. */
static uint64_t hash_of(const struct grebe_endpoint *endpoint, uint64_t seed)
{
    uint64_t smallest = UINT64_MAX;

    for (size_t i = 0; i < grebe_endpoint_n_addresses(endpoint); i++) {
        const char *text = grebe_address_text(grebe_endpoint_address(endpoint, i));
        uint64_t hash = grebe__hash64(text, strlen(text), seed);

        if (hash < smallest)
            smallest = hash;
    }
    return smallest;
}

static bool is_after(const void *a, const void *b)
{
    const struct place *first = a, *second = b;

    return first->hash > second->hash;
}

/* Among the `n` of the lineup, whose places are the first of `places`; it would be one of
 * the last, with the same hash. */
static bool is_there(const struct place *places, uint32_t n, const struct place *place)
{
    while (n-- > 0 && places[n].hash == place->hash)
        if (grebe_endpoint_equal(places[n].endpoint, place->endpoint))
            return true;
    return false;
}

static uint32_t drop_repeated(struct place *places, uint32_t n)
{
    uint32_t n_kept = 0;

    for (uint32_t i = 0; i < n; i++)
        if (!is_there(places, n_kept, &places[i]))
            places[n_kept++] = places[i];
    return n_kept;
}

/* Into `places`, which has room for half as many again. */
static uint32_t take_places(struct place *places,
                            const struct grebe_balancer_update *update, uint64_t seed)
{
    uint32_t n = 0;

    for (size_t i = 0; i < update->n_endpoints; i++)
        if (grebe_endpoint_n_addresses(update->endpoints[i]) > 0) {
            places[n].endpoint = update->endpoints[i];
            places[n].hash = hash_of(places[n].endpoint, seed);
            n++;
        }
    grebe__sort(places, places + n, n, sizeof *places, is_after);
    return drop_repeated(places, n);
}

int grebe__lineup_init(struct grebe__lineup *lineup, const struct grebe_mem *mem,
                       const struct grebe_balancer_update *update, uint64_t seed)
{
    size_t room = update->n_endpoints + 1;
    struct place *places = grebe_mem_alloc(mem, (room + room / 2) * sizeof *places);
    struct grebe_endpoint **endpoints = grebe_mem_alloc(mem, room * sizeof *endpoints);
    uint32_t n;

    if (places == NULL || endpoints == NULL) {
        grebe_mem_free(mem, places);
        grebe_mem_free(mem, endpoints);
        return GREBE_ERR_NOMEM;
    }
    n = take_places(places, update, seed);
    for (uint32_t i = 0; i < n; i++)
        endpoints[i] = grebe_endpoint_ref(places[i].endpoint);
    grebe_mem_free(mem, places);
    *lineup = (struct grebe__lineup){endpoints, n};
    return GREBE_OK;
}

void grebe__lineup_fini(struct grebe__lineup *lineup, const struct grebe_mem *mem)
{
    for (uint32_t i = 0; i < lineup->n; i++)
        grebe_endpoint_unref(lineup->endpoints[i]);
    grebe_mem_free(mem, lineup->endpoints);
    *lineup = (struct grebe__lineup){NULL, 0};
}
