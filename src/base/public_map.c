/* SPDX-License-Identifier: Apache-2.0 */
/* grebe/map.h over base/map.h: typed, and with references to its keys. */
#include <grebe/map.h>

#include <grebe/error.h>

#include "base/endpoint.h"

/* Keys are held as `const void *`; what is held is the caller's, and not const. */
static void *without_const(const void *key)
{
    return (void *)(uintptr_t)key;
}

static bool next(const struct grebe__map *map, size_t *cursor, void **key, void **value)
{
    const struct grebe__map_entry *entry =
        grebe__map_next(map, *cursor == 0 ? NULL : &map->entries[*cursor - 1]);

    if (entry == NULL)
        return false;
    *cursor = (size_t)(entry - map->entries) + 1;
    *key = without_const(entry->key);
    if (value != NULL)
        *value = entry->value;
    return true;
}

/* ---- Addresses ------------------------------------------------------------------------ */

struct grebe_address_map {
    struct grebe__map map;
};

int grebe_address_map_new(const struct grebe_mem *mem, struct grebe_address_map **out)
{
    struct grebe_address_map *made = grebe_mem_alloc(mem, sizeof *made);

    if (made == NULL)
        return GREBE_ERR_NOMEM;
    grebe__map_init(&made->map, mem, &grebe__by_address);
    *out = made;
    return GREBE_OK;
}

void grebe_address_map_free(struct grebe_address_map *map)
{
    struct grebe_address *key;
    size_t cursor = 0;

    if (map == NULL)
        return;
    while (grebe_address_map_next(map, &cursor, &key, NULL))
        grebe_address_unref(key);
    grebe__map_fini(&map->map);
    grebe_mem_free(map->map.mem, map);
}

int grebe_address_map_put(struct grebe_address_map *map, struct grebe_address *address,
                          void *value)
{
    uint32_t n = map->map.n;
    int result = grebe__map_put(&map->map, address, value);

    if (map->map.n > n)
        grebe_address_ref(address);
    return result;
}

void *grebe_address_map_get(const struct grebe_address_map *map,
                            const struct grebe_address *address)
{
    return grebe__map_get(&map->map, address);
}

void *grebe_address_map_remove(struct grebe_address_map *map,
                               const struct grebe_address *address)
{
    struct grebe__map_entry *entry = grebe__map_find(&map->map, address);
    struct grebe_address *key;
    void *value;

    if (entry == NULL)
        return NULL;
    key = without_const(entry->key);
    value = grebe__map_remove(&map->map, address);
    grebe_address_unref(key);
    return value;
}

size_t grebe_address_map_n(const struct grebe_address_map *map)
{
    return map->map.n;
}

bool grebe_address_map_next(const struct grebe_address_map *map, size_t *cursor,
                            struct grebe_address **key, void **value)
{
    void *found;

    if (!next(&map->map, cursor, &found, value))
        return false;
    if (key != NULL)
        *key = found;
    return true;
}

/* ---- Endpoints ------------------------------------------------------------------------ */

struct grebe_endpoint_map {
    struct grebe__map map;
};

int grebe_endpoint_map_new(const struct grebe_mem *mem, struct grebe_endpoint_map **out)
{
    struct grebe_endpoint_map *made = grebe_mem_alloc(mem, sizeof *made);

    if (made == NULL)
        return GREBE_ERR_NOMEM;
    grebe__map_init(&made->map, mem, &grebe__by_endpoint);
    *out = made;
    return GREBE_OK;
}

void grebe_endpoint_map_free(struct grebe_endpoint_map *map)
{
    struct grebe_endpoint *key;
    size_t cursor = 0;

    if (map == NULL)
        return;
    while (grebe_endpoint_map_next(map, &cursor, &key, NULL))
        grebe_endpoint_unref(key);
    grebe__map_fini(&map->map);
    grebe_mem_free(map->map.mem, map);
}

int grebe_endpoint_map_put(struct grebe_endpoint_map *map,
                           struct grebe_endpoint *endpoint, void *value)
{
    uint32_t n = map->map.n;
    int result = grebe__map_put(&map->map, endpoint, value);

    if (map->map.n > n)
        grebe_endpoint_ref(endpoint);
    return result;
}

void *grebe_endpoint_map_get(const struct grebe_endpoint_map *map,
                             const struct grebe_endpoint *endpoint)
{
    return grebe__map_get(&map->map, endpoint);
}

void *grebe_endpoint_map_remove(struct grebe_endpoint_map *map,
                                const struct grebe_endpoint *endpoint)
{
    struct grebe__map_entry *entry = grebe__map_find(&map->map, endpoint);
    struct grebe_endpoint *key;
    void *value;

    if (entry == NULL)
        return NULL;
    key = without_const(entry->key);
    value = grebe__map_remove(&map->map, endpoint);
    grebe_endpoint_unref(key);
    return value;
}

size_t grebe_endpoint_map_n(const struct grebe_endpoint_map *map)
{
    return map->map.n;
}

bool grebe_endpoint_map_next(const struct grebe_endpoint_map *map, size_t *cursor,
                             struct grebe_endpoint **key, void **value)
{
    void *found;

    if (!next(&map->map, cursor, &found, value))
        return false;
    if (key != NULL)
        *key = found;
    return true;
}
