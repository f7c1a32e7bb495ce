/* SPDX-License-Identifier: Apache-2.0 */
/* support/hash_bench.h -- the tables of policies that hash, without their balancer. */
#ifndef SUPPORT_HASH_BENCH_H
#define SUPPORT_HASH_BENCH_H

#include "balancer/hash_table.h"

enum { HASH_BENCH_MEMBERS = 128 };

struct hash_bench {
    const struct grebe__hash_policy *policy;
    struct grebe__hash_members members;
    struct grebe__hash_table *table;
    uint8_t states[HASH_BENCH_MEMBERS]; /* all READY at first */
};

/* "a*3 b": two endpoints with these keys, and the weights 3 and 1; "a#k": one
 * with the address a and the key k.  `config` NULL: as
 * without any. */
void hash_bench_init(struct hash_bench *bench, const struct grebe__hash_policy *policy,
                     const char *keys, const struct grebe__hash_config *config);
void hash_bench_fini(struct hash_bench *bench);

/* Where a hash falls among the members that are READY. */
struct grebe__hash_place hash_bench_place(const struct hash_bench *bench, uint64_t hash);
/* The key of the member there; of the hash of a text. */
const char *hash_bench_find(const struct hash_bench *bench, uint64_t hash);
const char *hash_bench_find_text(const struct hash_bench *bench, const char *text);

/* Of the keys k0 ... k19999, when one of `n` endpoints of equal weight is no longer there,
 * or, if `is_listed`, is in TRANSIENT_FAILURE: those that were its own, and those that find
 * another endpoint now. */
enum { HASH_BENCH_KEYS = 20000 };
struct hash_bench_moves {
    unsigned n_own, n_moved;
};
struct hash_bench_moves hash_bench_leave(const struct grebe__hash_policy *policy,
                                         unsigned n,
                                         const struct grebe__hash_config *config,
                                         bool is_listed);

/* What a configuration is parsed to; the caller's to free. */
struct grebe__hash_config *hash_bench_config(const struct grebe_balancer_builder *builder,
                                             const char *json);
/* Why it is refused. */
const char *hash_bench_flaw(const struct grebe_balancer_builder *builder,
                            const char *json);

#endif
