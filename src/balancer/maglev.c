/* SPDX-License-Identifier: Apache-2.0 */
/* maglev -- calls with the same hash go to the same endpoint, at the price of one look-up.
 *
 * A table of M slots says which endpoint has a hash: the one in slot hash mod M.  Endpoints
 * take turns to claim slots, each in an order of its own that its key decides, so that
 * everybody has as many as its weight demands, to the slot, and a list with one endpoint less
 * makes nearly the same table.
 *
 * M is a prime, so that any step from 1 to M - 1 leads through all slots.
 *
 * Sources: Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer"
 * (NSDI 2016); Envoy's load balancer of that name, for weights.
 */
#include "balancer/maglev.h"

#include <inttypes.h>
#include <string.h>

#include "balancer/hash_family.h"
#include "base/hash.h"

enum { SIZE_AT_FIRST = 65537, SIZE_MAX_EVER = 5000011 };

/* ---- The table -------------------------------------------------------------------------- */

struct maglev {
    struct grebe__hash_table base;
    uint32_t n;       /* slots: M */
    uint64_t inverse; /* 2^64 / M, for a remainder without a division */
    uint32_t slots[]; /* whose each is */
};

static const uint32_t nobody = UINT32_MAX;

/* An endpoint that claims slots. */
struct claimant {
    uint32_t slot; /* the next in its order */
    uint32_t step;
    double weight; /* of 1 in all */
    double target; /* what passes times weight have to reach before its next claim */
};

static struct claimant claimant_of(const struct grebe__hash_members *members, uint32_t i,
                                   uint32_t n_slots)
{
    const struct grebe__hash_member *member = &members->list[i];
    size_t length = strlen(member->key);

    return (struct claimant){
        .slot = (uint32_t)(grebe__hash64(member->key, length, 0) % n_slots),
        .step = (uint32_t)(grebe__hash64(member->key, length, 1) % (n_slots - 1) + 1),
        .weight = member->weight / (double)members->weight,
    };
}

static uint32_t claim(struct maglev *table, struct claimant *claimant)
{
    uint32_t slot;

    do {
        slot = claimant->slot;
        claimant->slot += claimant->step;
        if (claimant->slot >= table->n)
            claimant->slot -= table->n;
    } while (table->slots[slot] != nobody);
    return slot;
}

/* In pass t an endpoint has claimed t * weight / heaviest slots, rounded up: the heaviest
 * one has a turn in every pass, and those whose turn it is come in their order. */
struct turn {
    uint64_t pass;
    uint32_t claimant;
};

static bool is_before(const struct turn *a, const struct turn *b)
{
    return a->pass != b->pass ? a->pass < b->pass : a->claimant < b->claimant;
}

/* The first of a heap was put off: let it sink to its place. */
static void sink(struct turn *turns, uint32_t n)
{
    struct turn sinking = turns[0];
    uint32_t i = 0;

    for (uint32_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && is_before(&turns[child + 1], &turns[child]))
            child++;
        if (!is_before(&turns[child], &sinking))
            break;
        turns[i] = turns[child];
    }
    turns[i] = sinking;
}

/* The first pass after this one in which the target is reached. */
static uint64_t next_pass(const struct claimant *claimant, uint64_t pass)
{
    uint64_t next = (uint64_t)(claimant->target / claimant->weight);

    while ((double)next * claimant->weight < claimant->target)
        next++;
    return next > pass ? next : pass + 1;
}

/* The passes in which nobody has a turn, and those who wait, cost nothing. */
static void fill_by_turns(struct maglev *table, struct claimant *claimants,
                          struct turn *turns, uint32_t n, double heaviest)
{
    for (uint32_t i = 0; i < n; i++)
        turns[i] = (struct turn){.pass = 1, .claimant = i};
    for (uint32_t n_claimed = 0; n_claimed < table->n; n_claimed++) {
        struct claimant *claimant = &claimants[turns[0].claimant];

        table->slots[claim(table, claimant)] = turns[0].claimant;
        claimant->target += heaviest;
        turns[0].pass = next_pass(claimant, turns[0].pass);
        sink(turns, n);
    }
}

/* The same, looking at everybody in every pass. */
static void fill_by_passes(struct maglev *table, struct claimant *claimants, uint32_t n,
                           double heaviest)
{
    uint32_t n_claimed = 0;

    for (uint32_t pass = 1; n_claimed < table->n; pass++)
        for (uint32_t i = 0; i < n && n_claimed < table->n; i++) {
            if (pass * claimants[i].weight < claimants[i].target)
                continue;
            claimants[i].target += heaviest;
            table->slots[claim(table, &claimants[i])] = i;
            n_claimed++;
        }
}

/* In a pass one in heaviest * n has a turn: when they are too few, it is quicker to know
 * who is next than to ask everybody. */
static void fill(struct maglev *table, struct claimant *claimants, struct turn *turns,
                 uint32_t n)
{
    double heaviest = 0;

    for (uint32_t i = 0; i < n; i++)
        if (claimants[i].weight > heaviest)
            heaviest = claimants[i].weight;
    if (heaviest * n < 32)
        fill_by_passes(table, claimants, n, heaviest);
    else
        fill_by_turns(table, claimants, turns, n, heaviest);
}

static struct grebe__hash_table *new_table(const struct grebe_mem *mem,
                                           const struct grebe__hash_members *members,
                                           const struct grebe__hash_config *config)
{
    uint32_t n = (uint32_t)config->min_size;
    struct claimant *claimants = grebe_mem_alloc(mem, members->n * sizeof *claimants);
    struct turn *turns = grebe_mem_alloc(mem, members->n * sizeof *turns);
    struct maglev *table =
        grebe_mem_alloc(mem, sizeof *table + n * sizeof table->slots[0]);

    if (claimants == NULL || turns == NULL || table == NULL) {
        grebe_mem_free(mem, claimants);
        grebe_mem_free(mem, turns);
        grebe_mem_free(mem, table);
        return NULL;
    }
    grebe__hash_table_init(&table->base, mem);
    table->n = n;
    table->inverse = UINT64_MAX / n;
    for (uint32_t i = 0; i < n; i++)
        table->slots[i] = nobody;
    for (uint32_t i = 0; i < members->n; i++)
        claimants[i] = claimant_of(members, i, n);
    fill(table, claimants, turns, members->n);
    grebe_mem_free(mem, claimants);
    grebe_mem_free(mem, turns);
    return &table->base;
}

static const struct maglev *of(const struct grebe__hash_table *table)
{
    return (const struct maglev *)table; /* its first member */
}

/* The quotient is too small by 1 at most: the inverse is, by less than 1. */
static uint32_t slot_of(const struct maglev *table, uint64_t hash)
{
    __extension__ unsigned __int128 product = (unsigned __int128)hash * table->inverse;
    uint64_t rest = hash - (uint64_t)(product >> 64) * table->n;

    return (uint32_t)(rest >= table->n ? rest - table->n : rest);
}

static bool find(const struct grebe__hash_table *base, uint64_t hash,
                 const struct grebe__hash_filter *filter, struct grebe__hash_place *out)
{
    const struct maglev *table = of(base);

    return grebe__hash_walk(table->slots, table->n, slot_of(table, hash), filter, out);
}

static const struct grebe__hash_layout layout = {
    .rule = "the slot of the table at the hash",
    .score_name = "slot",
    .new_table = new_table,
    .find = find,
    .score = grebe__hash_slot,
};

/* ---- Configuration -------------------------------------------------------------------------- */

static bool is_prime(uint64_t n)
{
    if (n < 2)
        return false;
    for (uint64_t i = 2; i * i <= n; i++)
        if (n % i == 0)
            return false;
    return true;
}

static int get_size(const struct grebe_json *json, struct grebe_diag *diag, uint64_t *out)
{
    int result;

    *out = 0;
    result = grebe__hash_config_size(json, "tableSize", out, diag);
    if (result != GREBE_OK)
        return result;
    if (*out == 0)
        *out = SIZE_AT_FIRST;
    if (*out > SIZE_MAX_EVER) {
        grebe_diag_set(diag, "tableSize: %" PRIu64 " is more than %d", *out,
                       SIZE_MAX_EVER);
        return GREBE_ERR_CONFIG;
    }
    if (!is_prime(*out)) {
        grebe_diag_set(diag, "tableSize: %" PRIu64 " is not a prime number", *out);
        return GREBE_ERR_CONFIG;
    }
    return GREBE_OK;
}

static int read_config(const struct grebe_json *json, struct grebe_diag *diag,
                       struct grebe__hash_config *config)
{
    int result = get_size(json, diag, &config->min_size);

    return result == GREBE_OK ? grebe__hash_config_bound(json, diag, config) : result;
}

static int parse(const struct grebe_json *json, struct grebe_diag *diag, void **out)
{
    return grebe__hash_config_parse(json, diag, read_config, out);
}

/* ---- The policy ------------------------------------------------------------------------------- */

static struct grebe__hash_config defaults(void)
{
    return (struct grebe__hash_config){.min_size = SIZE_AT_FIRST};
}

const struct grebe__hash_policy grebe__maglev_policy = {
    .name = "maglev",
    .layout = &layout,
    .defaults = defaults,
};

static int build(struct grebe_client_conn *cc, const struct grebe_build_options *options,
                 struct grebe_balancer **out)
{
    (void)options;
    return grebe__hash_family_new(cc, &grebe__maglev_policy, out);
}

const struct grebe_balancer_builder grebe__maglev = {
    .api = GREBE_BALANCER_API,
    .name = "maglev",
    .parse_config = parse,
    .free_config = grebe__hash_config_free,
    .build = build,
};

const struct grebe_balancer_builder grebe__maglev_experimental = {
    .api = GREBE_BALANCER_API,
    .name = "maglev_experimental",
    .parse_config = parse,
    .free_config = grebe__hash_config_free,
    .build = build,
};
