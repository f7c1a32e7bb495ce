/* SPDX-License-Identifier: Apache-2.0 */
/* base/map.h -- a hash map that remembers the order of insertion.
 *
 *   slots     open addressing, each 0 or the number of an entry
 *   entries   in the order of their first put, with holes where one was removed
 *
 * Iteration follows the entries, so it never depends on hashes or on addresses in memory.
 * Keys and values are borrowed.  A pointer to an entry is good until the next put.
 *
 * One owner, no locking.
 */
#ifndef GREBE_BASE_MAP_H
#define GREBE_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <grebe/mem.h>

struct grebe__map_ops {
    uint64_t (*hash)(const void *key);
    bool (*equal)(const void *a, const void *b); /* asked for equal hashes only */
};

extern const struct grebe__map_ops grebe__by_text; /* const char *, by its bytes */

struct grebe__map_entry {
    const void *key; /* NULL: a hole */
    void *value;
    uint64_t hash;
};

struct grebe__map {
    const struct grebe__map_ops *ops;
    const struct grebe_mem *mem;
    struct grebe__map_entry *entries; /* slots follow in the same block; NULL: none */
    uint32_t *slots;
    uint32_t n;       /* keys in the map */
    uint32_t n_used;  /* entries, holes included */
    uint32_t n_slots; /* a power of two, at least twice the entries there is room for */
};

void grebe__map_init(struct grebe__map *map, const struct grebe_mem *mem,
                     const struct grebe__map_ops *ops);
void grebe__map_fini(struct grebe__map *map);

/* A key that is there already keeps its first pointer and gets the new value.
 * GREBE_ERR_NOMEM leaves the map as it was. */
int grebe__map_put(struct grebe__map *map, const void *key, void *value);

/* NULL if the key is not there. */
struct grebe__map_entry *grebe__map_find(const struct grebe__map *map, const void *key);
void *grebe__map_get(const struct grebe__map *map, const void *key);

/* The value that was there, or NULL.  Harmless while iterating. */
void *grebe__map_remove(struct grebe__map *map, const void *key);

/* The entry after `entry` in order of insertion; NULL asks for the first and ends the
 * iteration. */
struct grebe__map_entry *grebe__map_next(const struct grebe__map *map,
                                         const struct grebe__map_entry *entry);

#endif
