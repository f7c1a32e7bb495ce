/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include <string.h>

#include <grebe/error.h>

#include "base/assert.h"
#include "base/hash.h"

enum { MIN_SLOTS = 8, MAX_SLOTS = 1 << 30 };

static uint64_t hash_text(const void *key)
{
    return grebe__hash64_text(key);
}

static bool is_same_text(const void *a, const void *b)
{
    return strcmp(a, b) == 0;
}

const struct grebe__map_ops grebe__by_text = {.hash = hash_text, .equal = is_same_text};

void grebe__map_init(struct grebe__map *map, const struct grebe_mem *mem,
                     const struct grebe__map_ops *ops)
{
    *map = (struct grebe__map){.ops = ops, .mem = mem};
}

void grebe__map_fini(struct grebe__map *map)
{
    grebe_mem_free(map->mem, map->entries);
    grebe__map_init(map, map->mem, map->ops);
}

/* Where `key` is, or the free slot where it belongs.  At least half of the slots are
 * free, so the walk ends. */
static uint32_t slot_of(const struct grebe__map *map, const void *key, uint64_t hash)
{
    uint32_t mask = map->n_slots - 1;
    uint32_t slot = (uint32_t)hash & mask;

    for (; map->slots[slot] != 0; slot = (slot + 1) & mask) {
        const struct grebe__map_entry *entry = &map->entries[map->slots[slot] - 1];

        if (entry->hash == hash && map->ops->equal(entry->key, key))
            break;
    }
    return slot;
}

/* For a key that is known to be absent. */
static uint32_t free_slot(const struct grebe__map *map, uint64_t hash)
{
    uint32_t mask = map->n_slots - 1;
    uint32_t slot = (uint32_t)hash & mask;

    while (map->slots[slot] != 0)
        slot = (slot + 1) & mask;
    return slot;
}

static void append(struct grebe__map *map, const struct grebe__map_entry *entry)
{
    uint32_t slot = free_slot(map, entry->hash);

    map->entries[map->n_used++] = *entry;
    map->slots[slot] = map->n_used;
    map->n++;
}

/* Room for one more entry, in a block without holes. */
static int grow(struct grebe__map *map)
{
    struct grebe__map bigger = {.ops = map->ops, .mem = map->mem, .n_slots = MIN_SLOTS};
    size_t entry_bytes;

    while (bigger.n_slots / 2 <= map->n + map->n / 2) {
        if (bigger.n_slots == MAX_SLOTS)
            return GREBE_ERR_NOMEM;
        bigger.n_slots *= 2;
    }
    entry_bytes = bigger.n_slots / 2 * sizeof bigger.entries[0];
    bigger.entries =
        grebe_mem_alloc(map->mem, entry_bytes + bigger.n_slots * sizeof bigger.slots[0]);
    if (bigger.entries == NULL)
        return GREBE_ERR_NOMEM;
    bigger.slots = (uint32_t *)(void *)((char *)bigger.entries + entry_bytes);
    memset(bigger.slots, 0, bigger.n_slots * sizeof bigger.slots[0]);
    for (uint32_t i = 0; i < map->n_used; i++)
        if (map->entries[i].key != NULL)
            append(&bigger, &map->entries[i]);
    grebe_mem_free(map->mem, map->entries);
    *map = bigger;
    return GREBE_OK;
}

int grebe__map_put(struct grebe__map *map, const void *key, void *value)
{
    struct grebe__map_entry *entry = grebe__map_find(map, key);

    GREBE_ASSERT(key != NULL);
    if (entry != NULL) {
        entry->value = value;
        return GREBE_OK;
    }
    if (map->n_used == map->n_slots / 2) {
        int error = grow(map);

        if (error != GREBE_OK)
            return error;
    }
    append(map, &(struct grebe__map_entry){
                    .key = key, .value = value, .hash = map->ops->hash(key)});
    return GREBE_OK;
}

struct grebe__map_entry *grebe__map_find(const struct grebe__map *map, const void *key)
{
    uint32_t number;

    if (map->n == 0)
        return NULL;
    number = map->slots[slot_of(map, key, map->ops->hash(key))];
    return number == 0 ? NULL : &map->entries[number - 1];
}

void *grebe__map_get(const struct grebe__map *map, const void *key)
{
    const struct grebe__map_entry *entry = grebe__map_find(map, key);

    return entry == NULL ? NULL : entry->value;
}

/* Free `hole`, and move up whatever was pushed behind it by a collision: then no walk
 * stops short, and no slot is lost to a marker (Knuth 6.4, algorithm R). */
static void vacate(struct grebe__map *map, uint32_t hole)
{
    uint32_t mask = map->n_slots - 1;

    for (uint32_t slot = (hole + 1) & mask; map->slots[slot] != 0;
         slot = (slot + 1) & mask) {
        uint32_t home = (uint32_t)map->entries[map->slots[slot] - 1].hash & mask;

        if (((slot - home) & mask) >= ((slot - hole) & mask)) {
            map->slots[hole] = map->slots[slot];
            hole = slot;
        }
    }
    map->slots[hole] = 0;
}

void *grebe__map_remove(struct grebe__map *map, const void *key)
{
    struct grebe__map_entry *entry = grebe__map_find(map, key);

    if (entry == NULL)
        return NULL;
    vacate(map, slot_of(map, key, entry->hash));
    entry->key = NULL;
    map->n--;
    return entry->value;
}

struct grebe__map_entry *grebe__map_next(const struct grebe__map *map,
                                         const struct grebe__map_entry *entry)
{
    uint32_t i = entry == NULL ? 0 : (uint32_t)(entry - map->entries) + 1;

    for (; i < map->n_used; i++)
        if (map->entries[i].key != NULL)
            return &map->entries[i];
    return NULL;
}
