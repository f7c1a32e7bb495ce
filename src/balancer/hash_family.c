/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/hash_family.h"

#include <grebe/lazy.h>
#include <grebe/parent.h>

#include "balancer/hash_picker.h"
#include "balancer/petiole.h"
#include "balancer/pick_first.h"

struct hash_family {
    struct grebe__petiole petiole; /* first */
    struct grebe__petiole_ops ops; /* its, with the policy's name */
    const struct grebe__hash_policy *policy;
    struct grebe__hash_config config; /* with a header of ours */
    bool is_listed_anew;              /* the children: what stands below is of before */
    struct grebe__hash_members members;
    struct grebe__hash_table *table;        /* a reference; NULL: there are no members */
    struct grebe__hash_config table_config; /* what it was made with; without header */
    struct grebe__load_book loads;
};

static struct hash_family *of(struct grebe_balancer *base)
{
    return (struct hash_family *)grebe__petiole_of(base);
}

static const struct grebe_mem *mem_of(const struct hash_family *family)
{
    return family->petiole.mem;
}

/* ---- The table -------------------------------------------------------------------------- */

static bool suits_config(const struct hash_family *family)
{
    return family->table_config.min_size == family->config.min_size &&
           family->table_config.max_size == family->config.max_size &&
           family->table_config.entries_per_weight == family->config.entries_per_weight;
}

static int make_table(struct hash_family *family,
                      const struct grebe__hash_members *members)
{
    struct grebe__hash_table *table =
        family->policy->layout->new_table(mem_of(family), members, &family->config);

    if (table == NULL)
        return GREBE_ERR_NOMEM;
    grebe__hash_table_unref(family->table);
    family->table = table;
    family->table_config = family->config;
    family->table_config.header = NULL;
    return GREBE_OK;
}

/* After an update.  Endpoints with other addresses, or attributes, are no reason for
 * another table, as long as keys and weights are the same. */
static int take_members(struct hash_family *family,
                        const struct grebe_sharding_child *children, size_t n)
{
    struct grebe__hash_members members;
    int result = grebe__hash_members_init(&members, mem_of(family), children, n);

    if (result != GREBE_OK)
        return result;
    if (family->table == NULL || !suits_config(family) ||
        !grebe__hash_members_equal(&members, &family->members))
        result = make_table(family, &members);
    if (result != GREBE_OK) {
        grebe__hash_members_fini(&members, mem_of(family));
        return result;
    }
    grebe__hash_members_fini(&family->members, mem_of(family));
    family->members = members;
    family->is_listed_anew = false;
    return GREBE_OK;
}

static void forget_members(struct hash_family *family)
{
    grebe__hash_members_fini(&family->members, mem_of(family));
    grebe__hash_table_unref(family->table);
    family->table = NULL;
}

/* ---- State ------------------------------------------------------------------------------ */

static uint32_t count(const struct grebe_sharding_child *children, size_t n,
                      enum grebe_connectivity state)
{
    uint32_t found = 0;

    for (size_t i = 0; i < n; i++)
        found += children[i].state == state;
    return found;
}

static enum grebe_connectivity state_of(const struct grebe_sharding_child *children,
                                        size_t n)
{
    uint32_t n_failed = count(children, n, GREBE_TRANSIENT_FAILURE);

    if (count(children, n, GREBE_READY) > 0)
        return GREBE_READY;
    if (n_failed >= 2)
        return GREBE_TRANSIENT_FAILURE;
    if (count(children, n, GREBE_CONNECTING) > 0 || (n_failed == 1 && n > 1))
        return GREBE_CONNECTING;
    return n_failed == 1 ? GREBE_TRANSIENT_FAILURE : GREBE_IDLE;
}

/* Unless one is CONNECTING.  Asked again before it has begun, it is the same one. */
static void connect_one(const struct hash_family *family,
                        const struct grebe_sharding_child *children)
{
    if (count(children, family->members.n, GREBE_CONNECTING) > 0)
        return;
    for (uint32_t i = 0; i < family->members.n; i++) {
        const struct grebe_sharding_child *child =
            &children[family->members.list[i].child];

        if (child->state == GREBE_IDLE) {
            grebe_client_conn_exit_idle(child->cc);
            return;
        }
    }
}

/* ---- Pickers ------------------------------------------------------------------------------ */

static struct grebe_picker *new_picker(struct grebe__petiole *petiole,
                                       enum grebe_connectivity state,
                                       const struct grebe_sharding_child *children,
                                       size_t n)
{
    struct hash_family *family = (struct hash_family *)petiole;

    if (n == 0) {
        forget_members(family);
        grebe__load_book_fini(&family->loads);
        return grebe__petiole_turns(petiole, state, children, n);
    }
    if (family->is_listed_anew && take_members(family, children, n) != GREBE_OK)
        return NULL;
    if (state == GREBE_CONNECTING || state == GREBE_TRANSIENT_FAILURE)
        connect_one(family, children);
    return grebe__hash_picker_new(petiole->mem, &(struct grebe__hash_picker_options){
                                                    .policy = family->policy,
                                                    .table = family->table,
                                                    .members = &family->members,
                                                    .children = children,
                                                    .config = &family->config,
                                                    .loads = &family->loads,
                                                });
}

/* ---- Balancer ------------------------------------------------------------------------------ */

/* A copy: pickers are built when `from` is gone. */
static int copy_config(struct hash_family *family, const struct grebe__hash_config *from,
                       struct grebe__hash_config *out)
{
    *out = from == NULL ? family->policy->defaults() : *from;
    if (out->header == NULL)
        return GREBE_OK;
    out->header = grebe_mem_strdup(mem_of(family), out->header);
    return out->header == NULL ? GREBE_ERR_NOMEM : GREBE_OK;
}

static int on_update(struct grebe_balancer *base,
                     const struct grebe_balancer_update *update)
{
    struct hash_family *family = of(base);
    struct grebe__hash_config config, unused;
    int result = copy_config(family, update->config, &config);

    if (result != GREBE_OK)
        return result;
    result = grebe__petiole_update(&family->petiole, update, NULL);
    family->is_listed_anew = true;
    unused = result == GREBE_ERR_NOMEM ? config : family->config;
    if (result != GREBE_ERR_NOMEM)
        family->config = config;
    grebe_mem_free(mem_of(family), unused.header);
    return result;
}

/* Connections are made for calls, and by the rule above: not because somebody would like
 * to have all of them. */
static void on_exit_idle(struct grebe_balancer *base)
{
    (void)base;
}

static void destroy(struct grebe_balancer *base)
{
    struct hash_family *family = of(base);
    const struct grebe_mem *mem = mem_of(family);

    grebe__petiole_fini(&family->petiole);
    forget_members(family);
    grebe__load_book_fini(&family->loads);
    grebe_mem_free(mem, family->config.header);
    grebe_mem_free(mem, family);
}

static const struct grebe_balancer_ops balancer_ops = {
    .update = on_update,
    .resolver_error = grebe__petiole_resolver_error,
    .exit_idle = on_exit_idle,
    .settled = grebe__petiole_settled,
    .destroy = destroy,
};

static int build_lazy(struct grebe_client_conn *cc,
                      const struct grebe_build_options *options,
                      struct grebe_balancer **out)
{
    (void)options;
    return grebe_lazy_new(cc, &grebe__pick_first, out);
}

static const struct grebe_balancer_builder lazy_pick_first = {
    .api = GREBE_BALANCER_API,
    .name = "lazy pick_first",
    .build = build_lazy,
};

static const struct grebe__petiole_ops family_ops = {
    .new_picker = new_picker,
    .leaf = &lazy_pick_first,
    .state_of = state_of,
    .leaves_idle_alone = true,
    .no_children = "produced zero addresses",
};

int grebe__hash_family_new(struct grebe_client_conn *cc,
                           const struct grebe__hash_policy *policy,
                           struct grebe_balancer **out)
{
    struct hash_family *family =
        grebe_mem_zalloc(grebe_client_conn_mem(cc), sizeof *family);
    int result;

    if (family == NULL)
        return GREBE_ERR_NOMEM;
    family->policy = policy;
    family->config =
        policy->defaults(); /* until an update is taken: the first may fail */
    grebe__hash_loads_init(&family->loads, grebe_client_conn_mem(cc));
    family->ops = family_ops;
    family->ops.policy = policy->name;
    result = grebe__petiole_init(&family->petiole, cc, &balancer_ops, &family->ops);
    if (result != GREBE_OK) {
        grebe_mem_free(grebe_client_conn_mem(cc), family);
        return result;
    }
    *out = &family->petiole.base;
    return GREBE_OK;
}
