/* SPDX-License-Identifier: Apache-2.0 */
/* priority_load -- the first priority takes as many calls as its healthy endpoints can bear,
 * the next one what is left, and so on.
 *
 * Configured as priority is, with endpoints by their path, but nobody is parked: who is
 * healthy has to be known before calls go there.  How many go where priority_shares.h works
 * out, anew with each report of a child; the picker then draws.
 *
 * A priority in panic is to use all endpoints it has a connection to, those that are ill or
 * ejected as well, or none: its calls fail, if that is what is configured.
 *
 * Source: Envoy, priority levels and panic threshold.  Healthy is here who is READY and was
 * not ejected.  Envoy may send calls to an endpoint without a connection; where health speaks
 * for nobody they go here to priorities that have one, if any has, or wait for one.
 */
#include "balancer/priority_load.h"

#include <stdio.h>

#include <grebe/state_evaluator.h>

#include "balancer/by_path.h"
#include "balancer/child_policy.h"
#include "balancer/counted_children.h"
#include "balancer/priority_load_config.h"
#include "balancer/priority_load_picker.h"

static const char policy_name[] = "priority_load";

struct priority_load {
    struct grebe_balancer base;
    struct grebe_client_conn *cc;
    const struct grebe_mem *mem;
    struct grebe__counted_children children;
    struct grebe__counted_child *
        *order; /* n of them, the best first; NULL: no update yet */
    size_t n;
    /* As configured when these were. */
    uint32_t factor, panic_threshold;
    bool fails_in_panic;
};

static struct priority_load *of(struct grebe_balancer *base)
{
    return grebe_container_of(base, struct priority_load, base);
}

/* ---- Panic ------------------------------------------------------------------------------ */

/* Those that have not come to an end of their first attempt may end the panic yet; and while
 * the child is not READY calls wait, or it knows better why they fail. */
static bool has_to_fail(const struct priority_load *pl,
                        const struct grebe__counted_child *child,
                        const struct grebe__priority_share *share)
{
    uint64_t n_hopeful = (uint64_t)share->n_healthy + child->health.n_undecided;

    return pl->fails_in_panic && share->is_in_panic && child->state == GREBE_READY &&
           grebe__priority_is_short(n_hopeful, share->n_endpoints, pl->panic_threshold);
}

static struct grebe_picker *failing_picker(const struct priority_load *pl,
                                           const struct grebe__counted_child *child,
                                           const struct grebe__priority_share *share)
{
    struct grebe_status status;
    char text[256];

    snprintf(text, sizeof text,
             "%s: \"%.128s\" is in panic: %u of %u endpoints are healthy", policy_name,
             child->name, (unsigned)share->n_healthy, (unsigned)share->n_endpoints);
    status = grebe_status_of(GREBE_STATUS_UNAVAILABLE, text);
    return grebe_picker_failing(pl->mem, &status);
}

/* ---- Publishing ------------------------------------------------------------------------- */

/* Who fails in panic has failed. */
static enum grebe_connectivity state_of(const struct priority_load *pl, size_t i,
                                        const struct grebe__priority_share *shares)
{
    return has_to_fail(pl, pl->order[i], &shares[i]) ? GREBE_TRANSIENT_FAILURE
                                                     : pl->order[i]->state;
}

static enum grebe_connectivity best_state(const struct priority_load *pl,
                                          const struct grebe__priority_share *shares)
{
    struct grebe_state_evaluator states = {{0}};

    for (size_t i = 0; i < pl->n; i++)
        grebe_state_evaluator_record(&states, GREBE_SHUTDOWN, state_of(pl, i, shares));
    return grebe_state_evaluator_state(&states);
}

/* Returns the state of all together.  Where nobody is healthy, or all are in panic, those are
 * of use that are in this state; and who is in panic does not depend on that. */
static enum grebe_connectivity share_out(const struct priority_load *pl,
                                         struct grebe__priority_share *shares)
{
    enum grebe_connectivity best;

    for (size_t i = 0; i < pl->n; i++)
        shares[i] = (struct grebe__priority_share){
            .n_endpoints = pl->order[i]->n_endpoints,
            .n_healthy = grebe__counted_child_n_healthy(pl->order[i]),
            .is_usable = true,
        };
    grebe__priority_shares(shares, pl->n, pl->factor, pl->panic_threshold);
    best = best_state(pl, shares);
    for (size_t i = 0; i < pl->n; i++)
        shares[i].is_usable = state_of(pl, i, shares) == best;
    grebe__priority_shares(shares, pl->n, pl->factor, pl->panic_threshold);
    return best;
}

/* Fills in `views`, each with a reference to a picker. */
static void look_at_all(const struct priority_load *pl,
                        const struct grebe__priority_share *shares,
                        struct grebe__priority_view *views)
{
    for (size_t i = 0; i < pl->n; i++) {
        struct grebe__counted_child *child = pl->order[i];

        grebe__child_health_set_panic(&child->health,
                                      shares[i].is_in_panic && !pl->fails_in_panic);
        views[i].name = child->name;
        views[i].picker = has_to_fail(pl, child, &shares[i])
                              ? failing_picker(pl, child, &shares[i])
                              : grebe_picker_ref(child->picker);
    }
}

static bool publish_all(const struct priority_load *pl,
                        struct grebe__priority_share *shares,
                        struct grebe__priority_view *views)
{
    enum grebe_connectivity state = share_out(pl, shares);
    struct grebe_picker *picker;

    look_at_all(pl, shares, views);
    picker = state == GREBE_CONNECTING
                 ? grebe_picker_queueing()
                 : grebe__priority_load_picker(pl->cc, views, shares, pl->n);
    for (size_t i = 0; i < pl->n; i++)
        grebe_picker_unref(views[i].picker);
    if (picker == NULL)
        return false;
    grebe_client_conn_update_state(pl->cc, state, picker);
    return true;
}

static void publish_none(const struct priority_load *pl)
{
    struct grebe_status status = grebe_status_of(
        GREBE_STATUS_UNAVAILABLE, "no priority is provided, all priorities are removed");

    grebe_client_conn_update_state(pl->cc, GREBE_TRANSIENT_FAILURE,
                                   grebe_picker_failing(pl->mem, &status));
}

static bool publish(void *arg)
{
    const struct priority_load *pl = arg;
    struct grebe__priority_share *shares;
    struct grebe__priority_view *views;
    bool is_published;

    if (pl->n == 0) {
        if (pl->order != NULL)
            publish_none(pl);
        return true;
    }
    shares = grebe_mem_alloc(pl->mem, pl->n * sizeof *shares);
    views = grebe_mem_alloc(pl->mem, pl->n * sizeof *views);
    is_published = shares != NULL && views != NULL && publish_all(pl, shares, views);
    grebe_mem_free(pl->mem, shares);
    grebe_mem_free(pl->mem, views);
    return is_published;
}

/* ---- Updates ---------------------------------------------------------------------------- */

static void wish_for_all(const struct grebe__priorities *priorities,
                         const struct grebe__groups *groups,
                         struct grebe__counted_wish *wishes)
{
    for (size_t i = 0; i < priorities->children.n; i++) {
        const struct grebe__named_child *child = priorities->order[i];
        const struct grebe__group *group = grebe__groups_get(groups, child->name);

        wishes[i] = (struct grebe__counted_wish){
            .name = child->name,
            .policy = child->policy,
            .endpoints = group->endpoints,
            .n = group->n,
            .ignores_reresolution = child->ignores_reresolution,
        };
    }
}

/* One that serves goes on serving without the news, when memory is short.  What a child says
 * of its mistake itself comes later, and is better. */
static int look_at_result(struct grebe__counted_child *child, int result)
{
    if (result == GREBE_OK)
        return GREBE_OK;
    if (result != GREBE_ERR_NOMEM || child->state != GREBE_READY)
        grebe__counted_child_fail(child, result);
    return result == GREBE_ERR_NOMEM ? result : GREBE_OK;
}

/* Takes over `order`, which has room for all. */
static int settle(struct priority_load *pl,
                  const struct grebe__priority_load_config *config,
                  const struct grebe__counted_wish *wishes,
                  struct grebe__counted_child **order)
{
    int result = GREBE_OK;

    grebe_mem_free(pl->mem, pl->order);
    pl->order = order;
    pl->n = config->priorities.children.n;
    pl->factor = config->factor;
    pl->panic_threshold = config->panic_threshold;
    pl->fails_in_panic = config->fails_in_panic;
    for (size_t i = 0; i < pl->n; i++) {
        order[i] = grebe__counted_children_find(&pl->children, wishes[i].name);
        if (look_at_result(order[i], wishes[i].result) != GREBE_OK)
            result = GREBE_ERR_NOMEM;
    }
    return result;
}

static int apply(struct priority_load *pl,
                 const struct grebe__priority_load_config *config,
                 const struct grebe_balancer_update *update,
                 const struct grebe__groups *groups)
{
    size_t n = config->priorities.children.n;
    struct grebe__counted_wish *wishes =
        grebe_mem_alloc(pl->mem, (n + 1) * sizeof *wishes);
    struct grebe__counted_child **order =
        grebe_mem_alloc(pl->mem, (n + 1) * sizeof *order);
    int result = wishes == NULL || order == NULL ? GREBE_ERR_NOMEM : GREBE_OK;

    if (result == GREBE_OK) {
        wish_for_all(&config->priorities, groups, wishes);
        result = grebe__counted_children_apply(&pl->children, wishes, n, update);
    }
    if (result == GREBE_OK)
        result = settle(pl, config, wishes, order);
    else
        grebe_mem_free(pl->mem, order);
    grebe_mem_free(pl->mem, wishes);
    return result;
}

static int pl_update(struct grebe_balancer *base,
                     const struct grebe_balancer_update *update)
{
    struct priority_load *pl = of(base);
    const struct grebe__priority_load_config *config = update->config;
    struct grebe__groups groups;
    int result;

    if (config == NULL)
        return grebe__child_policy_missing(pl->cc, policy_name);
    grebe__counted_children_begin(&pl->children);
    result = grebe__by_path(&groups, pl->cc, policy_name, &config->priorities.children,
                            update);
    if (result != GREBE_OK)
        return result;
    result = apply(pl, config, update, &groups);
    grebe__groups_fini(&groups);
    return result;
}

static void pl_resolver_error(struct grebe_balancer *base,
                              const struct grebe_status *status)
{
    struct priority_load *pl = of(base);

    if (pl->order == NULL) /* there was no memory for its first update */
        grebe_client_conn_update_state(pl->cc, GREBE_TRANSIENT_FAILURE,
                                       grebe_picker_failing(pl->mem, status));
    grebe__counted_children_resolver_error(&pl->children, status);
}

static void pl_exit_idle(struct grebe_balancer *base)
{
    grebe__counted_children_exit_idle(&of(base)->children);
}

static void pl_settled(struct grebe_balancer *base)
{
    grebe__counted_children_settled(&of(base)->children);
}

/* ---- Life ------------------------------------------------------------------------------- */

static void pl_destroy(struct grebe_balancer *base)
{
    struct priority_load *pl = of(base);

    grebe__counted_children_fini(&pl->children);
    grebe_mem_free(pl->mem, pl->order);
    grebe_mem_free(pl->mem, pl);
}

static const struct grebe_balancer_ops pl_ops = {
    .update = pl_update,
    .resolver_error = pl_resolver_error,
    .exit_idle = pl_exit_idle,
    .settled = pl_settled,
    .destroy = pl_destroy,
};

static int build(struct grebe_client_conn *cc, const struct grebe_build_options *options,
                 struct grebe_balancer **out)
{
    const struct grebe_mem *mem = grebe_client_conn_mem(cc);
    struct priority_load *pl = grebe_mem_zalloc(mem, sizeof *pl);
    int result;

    (void)options;
    if (pl == NULL)
        return GREBE_ERR_NOMEM;
    grebe_balancer_init(&pl->base, &pl_ops);
    pl->cc = cc;
    pl->mem = mem;
    result = grebe__counted_children_init(&pl->children, cc, policy_name, publish, pl);
    if (result != GREBE_OK) {
        pl_destroy(&pl->base);
        return result;
    }
    pl->children.wakes_idle = true; /* as long as it is IDLE nobody in it is healthy */
    *out = &pl->base;
    return GREBE_OK;
}

const struct grebe_balancer_builder grebe__priority_load = {
    .api = GREBE_BALANCER_API,
    .name = "priority_load",
    .parse_config = grebe__priority_load_config_parse,
    .free_config = grebe__priority_load_config_free,
    .build = build,
};

/* As it is called where it is new. */
const struct grebe_balancer_builder grebe__priority_load_experimental = {
    .api = GREBE_BALANCER_API,
    .name = "priority_load_experimental",
    .parse_config = grebe__priority_load_config_parse,
    .free_config = grebe__priority_load_config_free,
    .build = build,
};
