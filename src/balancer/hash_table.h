/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/hash_table.h -- what makes a policy of the family that hashes calls.
 *
 * A hash gives an order to the endpoints: the one it falls to comes first, then those that
 * take over when it cannot be reached.  How, is laid down in a table that is made of the
 * endpoints' keys and weights when these change, and shared by all pickers until then.
 * Everything else, states, connections and the rules of picking, is common to the family:
 * balancer/hash_family.h.
 */
#ifndef GREBE_BALANCER_HASH_TABLE_H
#define GREBE_BALANCER_HASH_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include <grebe/balancer.h>
#include <grebe/explain.h>

#include "balancer/hash_config.h"
#include "balancer/hash_members.h"

/* The first member of a policy's table, which is immutable and one block of memory. */
struct grebe__hash_table {
    const struct grebe_mem *mem;
    uint32_t refs;
};

/* Which endpoints will do. */
struct grebe__hash_filter {
    const uint8_t *states; /* enum grebe_connectivity of each member; NULL: all will do */
    unsigned wanted;       /* 1 << state, for each state that will do */
    const uint32_t *but;   /* not these, n of them: for explanations */
    uint32_t n_but;
};

struct grebe__hash_place {
    uint32_t member;
    uint32_t slot; /* of the table, where it was found; if the policy has slots */
};

/* How endpoints are laid out, and found.  Static storage, texts included. */
struct grebe__hash_layout {
    const char *rule;       /* which endpoint has a call, for explanations */
    const char *score_name; /* what score() is */

    /* A table for the members, at least one of them, begun with grebe__hash_table_init().
     * NULL when out of memory. */
    struct grebe__hash_table *(*new_table)(const struct grebe_mem *mem,
                                           const struct grebe__hash_members *members,
                                           const struct grebe__hash_config *config);
    /* The first member in the order of `hash` that will do; false if there is none. */
    bool (*find)(const struct grebe__hash_table *table, uint64_t hash,
                 const struct grebe__hash_filter *filter, struct grebe__hash_place *out);
    /* Why it is there, as a number. */
    double (*score)(const struct grebe__hash_table *table, uint64_t hash,
                    const struct grebe__hash_place *place);
};

struct grebe__hash_policy {
    const char *name;
    const struct grebe__hash_layout *layout;
    /* What holds without any configuration. */
    struct grebe__hash_config (*defaults)(void);
};

/* The table has one reference, the caller's. */
void grebe__hash_table_init(struct grebe__hash_table *table, const struct grebe_mem *mem);
struct grebe__hash_table *grebe__hash_table_ref(struct grebe__hash_table *table);
void grebe__hash_table_unref(struct grebe__hash_table *table); /* NULL: no-op */

/* score() for layouts with slots: which one it is. */
double grebe__hash_slot(const struct grebe__hash_table *table, uint64_t hash,
                        const struct grebe__hash_place *place);

bool grebe__hash_is_excepted(const struct grebe__hash_filter *filter, uint32_t member);

static inline bool grebe__hash_will_do(const struct grebe__hash_filter *filter,
                                       uint32_t member)
{
    return (filter->states == NULL ||
            (filter->wanted >> filter->states[member] & 1) != 0) &&
           (filter->n_but == 0 || !grebe__hash_is_excepted(filter, member));
}

/* find() for tables that are a circle of `n` slots, each with the number of a member: from
 * slot `first` around. */
static inline bool grebe__hash_walk(const uint32_t *slots, uint32_t n, uint32_t first,
                                    const struct grebe__hash_filter *filter,
                                    struct grebe__hash_place *out)
{
    uint32_t at = first;

    do {
        if (grebe__hash_will_do(filter, slots[at])) {
            *out = (struct grebe__hash_place){.member = slots[at], .slot = at};
            return true;
        }
        at = at + 1 == n ? 0 : at + 1;
    } while (at != first);
    return false;
}

#endif
