/* SPDX-License-Identifier: Apache-2.0 */
/* Hashes are a circle.  Every endpoint has a number of entries on it, in proportion to its
 * weight, at hashes of its key; a call goes to the first entry at or after its own hash.
 * An endpoint that cannot be reached leaves all entries where they are: its own calls go to
 * the next ones.
 *
 * The ring is that of grpc-go, entry by entry, so that clients of both agree: the order of
 * the additions below is part of the protocol, for rounding shows in it.  A ring of so many
 * entries in all has more of each endpoint when there are fewer of them, so that one that
 * leaves moves calls of the others too.  With entriesPerWeight, which is ours, the number of an
 * endpoint's entries is its own business, and the others' calls stay.
 *
 * Sources: gRFC A42; grpc-go package balancer/ringhash.
 */
#include "balancer/hash_ring.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/sort.h"

/* ---- Laying out ------------------------------------------------------------------------- */

struct entry {
    uint64_t hash;
    uint32_t member;
};

/* Sorted by hash.  The range of hashes is cut into as many parts as there are entries, about,
 * and `parts` says with which entry each begins: there are few to search in one part. */
struct ring {
    struct grebe__hash_table base;
    uint32_t n; /* entries, > 0 */
    unsigned shift;
    uint64_t *hashes;
    uint32_t *members;
    uint32_t *parts; /* the last one stands behind the last part: n */
    uint64_t block[];
};

/* Of a number that fits. */
static double round_up(double x)
{
    double whole = (double)(uint64_t)x;

    return whole < x ? whole + 1 : whole;
}

/* So many entries that the lightest endpoint has a whole number of them, at least its share
 * of min_size; but no more than max_size. */
static double scale_for(const struct grebe__hash_members *members, double sum,
                        const struct grebe__hash_config *config)
{
    uint32_t lightest = members->list[0].weight;
    double share, scale;

    if (config->entries_per_weight > 0)
        return (double)config->max_size; /* they would be more: see below */
    for (uint32_t i = 1; i < members->n; i++)
        if (members->list[i].weight < lightest)
            lightest = members->list[i].weight;
    share = lightest / sum;
    scale = round_up(share * (double)config->min_size) / share;
    return scale < (double)config->max_size ? scale : (double)config->max_size;
}

static void add_entries(struct entry *entries, uint32_t n, uint32_t member,
                        const char *key)
{
    struct grebe__hash64_state key_, numbered;
    char number[12];

    grebe__hash64_begin(&key_, 0);
    grebe__hash64_add(&key_, key, strlen(key));
    grebe__hash64_add(&key_, "_", 1);
    for (uint32_t i = 0; i < n; i++) {
        int length = snprintf(number, sizeof number, "%" PRIu32, i);

        numbered = key_;
        grebe__hash64_add(&numbered, number, (size_t)length);
        entries[i] =
            (struct entry){.hash = grebe__hash64_end(&numbered), .member = member};
    }
}

/* Of an endpoint whose entries depend on its weight alone. */
static double fixed_entries(const struct grebe__hash_config *config, uint32_t weight)
{
    return round_up(weight * config->entries_per_weight);
}

/* Does the ring have room for these?  Else they are scaled down, to the largest ring. */
static bool are_entries_fixed(const struct grebe__hash_members *members,
                              const struct grebe__hash_config *config)
{
    double n = 0;

    for (uint32_t i = 0; i < members->n; i++)
        n += fixed_entries(config, members->list[i].weight);
    return n > 0 && n <= (double)config->max_size;
}

/* Returns how many there are; `entries` NULL: they are only counted. */
static uint32_t lay_out(const struct grebe__hash_members *members,
                        const struct grebe__hash_config *config, struct entry *entries)
{
    double sum = (double)members->weight, scale = scale_for(members, sum, config);
    bool is_fixed = are_entries_fixed(members, config);
    double target = 0;
    uint32_t n = 0;

    for (uint32_t i = 0; i < members->n; i++) {
        uint32_t weight = members->list[i].weight, end;
        double share = weight / sum, part = scale * share;

        target += is_fixed ? fixed_entries(config, weight) : part;
        end = (uint32_t)round_up(target);
        if (end <= n)
            continue;
        if (entries != NULL)
            add_entries(entries + n, end - n, i, members->list[i].key);
        n = end;
    }
    return n;
}

/* Entries at the same hash keep the order of the members. */
static bool is_after(const void *a, const void *b)
{
    return ((const struct entry *)a)->hash > ((const struct entry *)b)->hash;
}

static struct ring *new_ring(const struct grebe_mem *mem, uint32_t n)
{
    unsigned bits = 1;
    struct ring *ring;
    size_t n_parts;

    while (bits < 32 && UINT64_C(1) << bits < n)
        bits++;
    n_parts = (size_t)1 << bits;
    ring = grebe_mem_alloc(mem, sizeof *ring + n * sizeof ring->hashes[0] +
                                    n * sizeof ring->members[0] +
                                    (n_parts + 1) * sizeof ring->parts[0]);
    if (ring == NULL)
        return NULL;
    ring->n = n;
    ring->shift = 64 - bits;
    ring->hashes = ring->block;
    ring->members = (uint32_t *)(ring->hashes + n);
    ring->parts = ring->members + n;
    return ring;
}

static void fill(struct ring *ring, const struct entry *entries)
{
    uint64_t part = 0;

    for (uint32_t i = 0; i < ring->n; i++) {
        ring->hashes[i] = entries[i].hash;
        ring->members[i] = entries[i].member;
        while (part <= entries[i].hash >> ring->shift)
            ring->parts[part++] = i;
    }
    while (part <= UINT64_C(1) << (64 - ring->shift))
        ring->parts[part++] = ring->n;
}

static struct grebe__hash_table *new_table(const struct grebe_mem *mem,
                                           const struct grebe__hash_members *members,
                                           const struct grebe__hash_config *config)
{
    uint32_t n = lay_out(members, config, NULL);
    struct entry *entries =
        grebe_mem_alloc(mem, ((size_t)n + (n + 1) / 2) * sizeof *entries);
    struct ring *ring = new_ring(mem, n);

    if (entries == NULL || ring == NULL) {
        grebe_mem_free(mem, entries);
        grebe_mem_free(mem, ring);
        return NULL;
    }
    grebe__hash_table_init(&ring->base, mem);
    (void)lay_out(members, config, entries);
    grebe__sort(entries, entries + n, n, sizeof *entries, is_after);
    fill(ring, entries);
    grebe_mem_free(mem, entries);
    return &ring->base;
}

/* ---- Finding ------------------------------------------------------------------------------ */

static const struct ring *of(const struct grebe__hash_table *table)
{
    return (const struct ring *)table; /* its first member */
}

/* The first entry at or after `hash`; beyond the last one the circle begins anew. */
static uint32_t search(const struct ring *ring, uint64_t hash)
{
    uint64_t part = hash >> ring->shift;
    uint32_t first = ring->parts[part], end = ring->parts[part + 1];

    while (first < end) {
        uint32_t middle = first + (end - first) / 2;

        if (ring->hashes[middle] < hash)
            first = middle + 1;
        else
            end = middle;
    }
    return first == ring->n ? 0 : first;
}

static bool find(const struct grebe__hash_table *table, uint64_t hash,
                 const struct grebe__hash_filter *filter, struct grebe__hash_place *out)
{
    const struct ring *ring = of(table);

    return grebe__hash_walk(ring->members, ring->n, search(ring, hash), filter, out);
}

const struct grebe__hash_layout grebe__hash_ring = {
    .rule = "the first entry on the ring at or after the hash",
    .score_name = "entry",
    .new_table = new_table,
    .find = find,
    .score = grebe__hash_slot,
};
