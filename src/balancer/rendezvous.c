/* SPDX-License-Identifier: Apache-2.0 */
/* rendezvous -- calls with the same hash go to the same endpoint, by the highest score.
 *
 * Call and endpoint together have a score, as if by chance, and the endpoint with the
 * highest one has the call.  There is no table, shares are as the weights are, and an
 * endpoint that leaves moves its own calls and no others: at the price of a score for each
 * endpoint, which is fine for some dozens of them.
 *
 * Sources: Thaler, Ravishankar, "Using name-based mappings to increase hit rates" (1998);
 * Schindelhauer, Schomaker, and Resch for weights; Envoy's load balancer of that name.
 */
#include "balancer/rendezvous.h"

#include <string.h>

#include "balancer/hash_family.h"
#include "base/hash.h"
#include "base/ln.h"

/* ---- Scores ----------------------------------------------------------------------------- */

struct contender {
    uint64_t hash; /* of its key */
    double weight;
};

struct rendezvous {
    struct grebe__hash_table base;
    uint32_t n;
    bool is_even;                  /* all have the same weight */
    struct contender contenders[]; /* by their keys: of equal scores the first wins */
};

static const struct rendezvous *of(const struct grebe__hash_table *table)
{
    return (const struct rendezvous *)table; /* its first member */
}

/* 53 bits of chance that depend on both hashes: one step of xorshift64*. */
static uint64_t mix(const struct contender *contender, uint64_t hash)
{
    uint64_t x = hash ^ contender->hash;

    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    return x * UINT64_C(2685821657736338717) & ((UINT64_C(1) << 53) - 1);
}

/* The exponential variable with that chance, upside down: the highest of several is that of
 * an endpoint as often as its share of all weights. */
static double score_of(const struct contender *contender, uint64_t hash)
{
    uint64_t chance = mix(contender, hash);

    return chance == 0 ? 0 : -contender->weight / grebe__ln((double)chance * 0x1p-53);
}

/* The score rises with the chance, so equal weights can do without it. */
static double rank_of(const struct rendezvous *table, uint32_t i, uint64_t hash)
{
    const struct contender *contender = &table->contenders[i];

    return table->is_even ? (double)mix(contender, hash) : score_of(contender, hash);
}

/* ---- The table ---------------------------------------------------------------------------- */

static struct grebe__hash_table *new_table(const struct grebe_mem *mem,
                                           const struct grebe__hash_members *members,
                                           const struct grebe__hash_config *config)
{
    struct rendezvous *table =
        grebe_mem_alloc(mem, sizeof *table + members->n * sizeof table->contenders[0]);

    (void)config;
    if (table == NULL)
        return NULL;
    grebe__hash_table_init(&table->base, mem);
    table->n = members->n;
    table->is_even = true;
    for (uint32_t i = 0; i < members->n; i++) {
        const struct grebe__hash_member *member = &members->list[i];

        table->contenders[i] =
            (struct contender){grebe__hash64_text(member->key), member->weight};
        if (member->weight != members->list[0].weight)
            table->is_even = false;
    }
    return &table->base;
}

static bool find(const struct grebe__hash_table *base, uint64_t hash,
                 const struct grebe__hash_filter *filter, struct grebe__hash_place *out)
{
    const struct rendezvous *table = of(base);
    double highest = -1;

    for (uint32_t i = 0; i < table->n; i++) {
        double rank;

        if (!grebe__hash_will_do(filter, i))
            continue;
        rank = rank_of(table, i, hash);
        if (rank > highest) {
            highest = rank;
            *out = (struct grebe__hash_place){.member = i};
        }
    }
    return highest >= 0;
}

static double score(const struct grebe__hash_table *base, uint64_t hash,
                    const struct grebe__hash_place *place)
{
    return score_of(&of(base)->contenders[place->member], hash);
}

static const struct grebe__hash_layout layout = {
    .rule = "the highest score of call and endpoint",
    .score_name = "score",
    .new_table = new_table,
    .find = find,
    .score = score,
};

/* ---- The policy ----------------------------------------------------------------------------- */

static struct grebe__hash_config defaults(void)
{
    return (struct grebe__hash_config){0};
}

const struct grebe__hash_policy grebe__rendezvous_policy = {
    .name = "rendezvous",
    .layout = &layout,
    .defaults = defaults,
};

static int parse(const struct grebe_json *json, struct grebe_diag *diag, void **out)
{
    return grebe__hash_config_parse(json, diag, NULL, out);
}

static int build(struct grebe_client_conn *cc, const struct grebe_build_options *options,
                 struct grebe_balancer **out)
{
    (void)options;
    return grebe__hash_family_new(cc, &grebe__rendezvous_policy, out);
}

const struct grebe_balancer_builder grebe__rendezvous = {
    .api = GREBE_BALANCER_API,
    .name = "rendezvous",
    .parse_config = parse,
    .free_config = grebe__hash_config_free,
    .build = build,
};

const struct grebe_balancer_builder grebe__rendezvous_hash_experimental = {
    .api = GREBE_BALANCER_API,
    .name = "rendezvous_hash_experimental",
    .parse_config = parse,
    .free_config = grebe__hash_config_free,
    .build = build,
};
