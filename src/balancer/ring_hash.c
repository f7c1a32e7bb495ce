/* SPDX-License-Identifier: Apache-2.0 */
/* ring_hash -- calls with the same hash go to the same endpoint.
 *
 * Hashes are a circle.  Every endpoint has a number of entries on it, in proportion to its
 * weight, at hashes of its key; a call goes to the first entry at or after its own hash.
 * An endpoint that leaves takes its entries away and leaves all others where they are.
 *
 * The ring is that of grpc-go, entry by entry, so that clients of both agree: the order of
 * the additions below is part of the protocol, for rounding shows in it.
 *
 * Sources: gRFC A42, A76; grpc-go package balancer/ringhash.
 */
#include "balancer/ring_hash.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <grebe/ring_hash.h>

#include "balancer/hash_family.h"
#include "base/hash.h"
#include "base/sort.h"

enum { SIZE_MAX_EVER = 8388608, CAP_AT_FIRST = 4096 };

static uint64_t cap = CAP_AT_FIRST; /* atomic */

void grebe_ring_hash_set_cap(uint64_t entries)
{
    if (entries < 1)
        entries = 1;
    if (entries > SIZE_MAX_EVER)
        entries = SIZE_MAX_EVER;
    __atomic_store_n(&cap, entries, __ATOMIC_RELAXED);
}

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

    for (uint32_t i = 1; i < members->n; i++)
        if (members->list[i].weight < lightest)
            lightest = members->list[i].weight;
    share = lightest / sum;
    scale = round_up(share * (double)config->min_size) / share;
    return scale < (double)config->max_size ? scale : (double)config->max_size;
}

static double sum_of_weights(const struct grebe__hash_members *members)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < members->n; i++)
        sum += members->list[i].weight;
    return (double)sum;
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

/* Returns how many there are; `entries` NULL: they are only counted. */
static uint32_t lay_out(const struct grebe__hash_members *members,
                        const struct grebe__hash_config *config, struct entry *entries)
{
    double sum = sum_of_weights(members), scale = scale_for(members, sum, config);
    double target = 0;
    uint32_t n = 0;

    for (uint32_t i = 0; i < members->n; i++) {
        double share = members->list[i].weight / sum, part = scale * share;
        uint32_t end;

        target += part;
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
                                           const struct grebe__hash_config *config);

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

static double score(const struct grebe__hash_table *table, uint64_t hash,
                    const struct grebe__hash_place *place)
{
    (void)table, (void)hash;
    return place->slot;
}

/* ---- The policy ---------------------------------------------------------------------------- */

static uint64_t at_most_cap(uint64_t size)
{
    uint64_t most = __atomic_load_n(&cap, __ATOMIC_RELAXED);

    return size < most ? size : most;
}

static struct grebe__hash_config defaults(void)
{
    return (struct grebe__hash_config){.min_size = at_most_cap(1024),
                                       .max_size = at_most_cap(4096)};
}

const struct grebe__hash_policy grebe__ring_hash_policy = {
    .name = "ring_hash",
    .rule = "the first entry on the ring at or after the hash",
    .score_name = "entry",
    .defaults = defaults,
    .new_table = new_table,
    .find = find,
    .score = score,
};

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
    grebe__hash_table_init(&ring->base, &grebe__ring_hash_policy, mem);
    (void)lay_out(members, config, entries);
    grebe__sort(entries, entries + n, n, sizeof *entries, is_after);
    fill(ring, entries);
    grebe_mem_free(mem, entries);
    return &ring->base;
}

/* ---- Configuration -------------------------------------------------------------------------- */

static int get_size(const struct grebe_json *json, const char *name,
                    uint64_t unless_given, struct grebe_diag *diag, uint64_t *out)
{
    int result;

    *out = 0;
    result = grebe__hash_config_size(json, name, out, diag);
    if (result != GREBE_OK)
        return result;
    if (*out > SIZE_MAX_EVER) {
        grebe_diag_set(diag, "%s: %" PRIu64 " is more than %d", name, *out,
                       SIZE_MAX_EVER);
        return GREBE_ERR_CONFIG;
    }
    if (*out == 0)
        *out = unless_given;
    return GREBE_OK;
}

/* The cap comes last: what is wrong with a config does not depend on the process. */
static int get_sizes(const struct grebe_json *json, struct grebe_diag *diag,
                     struct grebe__hash_config *config)
{
    int result = get_size(json, "minRingSize", 1024, diag, &config->min_size);

    if (result == GREBE_OK)
        result = get_size(json, "maxRingSize", 4096, diag, &config->max_size);
    if (result != GREBE_OK)
        return result;
    if (config->min_size > config->max_size) {
        grebe_diag_set(diag,
                       "minRingSize: %" PRIu64 " is more than maxRingSize, %" PRIu64,
                       config->min_size, config->max_size);
        return GREBE_ERR_CONFIG;
    }
    config->min_size = at_most_cap(config->min_size);
    config->max_size = at_most_cap(config->max_size);
    return GREBE_OK;
}

static int parse_config(const struct grebe_json *json, struct grebe_diag *diag,
                        void **out)
{
    struct grebe__hash_config *config;
    int result = grebe__hash_config_new(json, diag, &config);

    if (result != GREBE_OK)
        return result;
    result = get_sizes(json, diag, config);
    if (result != GREBE_OK) {
        grebe__hash_config_free(config);
        return result;
    }
    *out = config;
    return GREBE_OK;
}

static int build(struct grebe_client_conn *cc, const struct grebe_build_options *options,
                 struct grebe_balancer **out)
{
    (void)options;
    return grebe__hash_family_new(cc, &grebe__ring_hash_policy, out);
}

const struct grebe_balancer_builder grebe__ring_hash = {
    .api = GREBE_BALANCER_API,
    .name = "ring_hash",
    .parse_config = parse_config,
    .free_config = grebe__hash_config_free,
    .build = build,
};

const struct grebe_balancer_builder grebe__ring_hash_experimental = {
    .api = GREBE_BALANCER_API,
    .name = "ring_hash_experimental",
    .parse_config = parse_config,
    .free_config = grebe__hash_config_free,
    .build = build,
};
