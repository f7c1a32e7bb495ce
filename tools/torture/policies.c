/* SPDX-License-Identifier: Apache-2.0 */
#include "policies.h"

#include <stdlib.h>
#include <string.h>

#include <grebe/balancer_group.h>
#include <grebe/base_balancer.h>
#include <grebe/lazy.h>
#include <grebe/parent.h>
#include <grebe/state_evaluator.h>

#include "base/assert.h"
#include "spy.h"

/* ---- The table ----------------------------------------------------------------------------- */

/* Number 0 is what a channel runs that is told nothing. */
const struct policy policies[] = {
    {.name = "pick_first",
     .config = "{('shuffleAddressList':true||)}",
     .weight = 6,
     .rule = PICKS_ONE,
     .keeps = true},
    {.name = "round_robin", .weight = 8, .rule = PICKS_IN_TURNS},
    {.name = "random_subsetting",
     .config = "{'subsetSize':<1-4>,'childPolicy':<policy>}",
     .weight = 3,
     .traits = POLICY_LEAVES_OUT},
    {.name = "deterministic_subsetting",
     .config = "{'subsetSize':<1-4>,'clientIndex':<0-9>,'childPolicy':<policy>}",
     .weight = 3,
     .traits = POLICY_LEAVES_OUT},
    {.name = "ring_hash",
     .config =
         "{'requestHashHeader':'(x-user|x-user|x-nobody)'"
         "(,'minRingSize':<1-40>,'maxRingSize':<40-200>|,'entriesPerWeight':<1-40>|)}",
     .weight = 6,
     .rule = PICKS_BY_HASH},
    {.name = "bounded_load_ring_hash",
     .config = "{'requestHashHeader':'(x-user|x-user|x-nobody)',"
               "'hashBalanceFactor':<100-200>}",
     .weight = 4,
     .rule = PICKS_BY_HASH},
    {.name = "maglev",
     .config = "{'requestHashHeader':'(x-user|x-user|x-nobody)','tableSize':(11|53|127)"
               "(,'hashBalanceFactor':<100-200>|)}",
     .weight = 4,
     .rule = PICKS_BY_HASH},
    {.name = "rendezvous",
     .config = "{'requestHashHeader':'(x-user|x-user|x-nobody)'}",
     .weight = 4,
     .rule = PICKS_BY_HASH},
    {.name = "least_request",
     .config = "{'choiceCount':<2-5>(,'weighted':true|)"
               "(,'slowStartConfig':{'slowStartWindow':<0-5000ms>}|)}",
     .weight = 4},
    {.name = "least_request_full",
     .config = "{'bias':<0-3>(,'weighted':true|)(,'fullScan':true|)"
               "(,'slowStartConfig':{'slowStartWindow':<0-5000ms>}|)}",
     .weight = 3},
    {.name = "p2c_ewma",
     .config = "{'loadMetric':'(peakEwma|pending|orcaUtilization)','decay':<1-9000ms>,"
               "'failurePenalty':<0-3000ms>(,'probeOnce':true|)}",
     .weight = 4},
    {.name = "load_aware",
     .config = "{('enableOobLoadReport':true,'oobReportingPeriod':<1000-5000ms>,|)"
               "'weightExpirationPeriod':<1000-9000ms>(,'floor':0.2|)}",
     .weight = 3},
    {.name = "aperture",
     .config = "{'minAperture':<1-4>(,'clientIndex':<0-4>,'clientCount':<5-9>|"
               ",'highLoad':<1-2>(,'lowLoad':0|)|)}",
     .weight = 4,
     .traits = POLICY_LEAVES_OUT},
    {.name = "static_weighted_round_robin",
     .config = "{'mode':'(stride|smooth|edf)'"
               "(,'slowStartConfig':{'slowStartWindow':<0-5000ms>}|)}",
     .weight = 3},
    {.name = "slow_start",
     .config = "{'slowStartWindow':<0-5000ms>,'minWeightPercent':<0-100>,"
               "'childPolicy':<policy>}",
     .weight = 3},
    {.name = "weighted_target",
     .config = "{'targets':{'a':{'weight':<0-4>,'childPolicy':<policy>},"
               "'b':{'weight':<0-4>,'childPolicy':<policy>}"
               "(,'c':{'weight':<0-4>,'childPolicy':<policy>}|)}}",
     .weight = 5,
     .traits = POLICY_GOES_BY_PATH},
    {.name = "weighted_round_robin",
     .config = "{('enableOobLoadReport':true,'oobReportingPeriod':<1000-5000ms>,|)"
               "'blackoutPeriod':<0-3000ms>,'weightExpirationPeriod':<2000-9000ms>,"
               "'weightUpdatePeriod':<100-3000ms>(,'errorUtilizationPenalty':<0-3>|)}",
     .weight = 5},
    {.name = "outlier_detection",
     .config = "{'interval':<100-2000ms>,'baseEjectionTime':<1-3000ms>,"
               "'maxEjectionTime':<1000-6000ms>,'maxEjectionPercent':<10-100>,"
               "('successRateEjection':{'stdevFactor':<100-1500>,'minimumHosts':<1-3>,"
               "'requestVolume':<1-3>},|)"
               "('failurePercentageEjection':{'threshold':<0-80>,"
               "'enforcementPercentage':<50-100>,'minimumHosts':<1-3>,"
               "'requestVolume':<1-3>},|)"
               "('panicThreshold':<1-100>,|)'childPolicy':<policy>}",
     .weight = 9,
     .traits = POLICY_SETS_ASIDE},
    {.name = "priority",
     .config = "{('priorities':(['a','b']|['b','a']),'children':{"
               "'a':{'config':<policy>},'b':{'config':<policy>}}|"
               "'priorities':['a','c','b'],'children':{'a':{'config':<policy>},"
               "'c':{'config':<policy>},'b':{'config':<policy>}})"
               "(,'cacheRemovedChildren':true|)}",
     .weight = 5,
     .traits = POLICY_GOES_BY_PATH | POLICY_SETS_ASIDE},
    {.name = "priority_experimental",
     .config = "{'priorities':['a','b'],'children':{"
               "'a':{'config':<policy>,'ignoreReresolutionRequests':true},"
               "'b':{'config':<policy>}}}",
     .weight = 1,
     .traits = POLICY_GOES_BY_PATH | POLICY_SETS_ASIDE | POLICY_IGNORES_LOSSES},
    {.name = "priority_load",
     .config = "{('priorities':(['a','b']|['b','a']),'children':{"
               "'a':{'config':<policy>},'b':{'config':<policy>}}|"
               "'priorities':['a','c','b'],'children':{'a':{'config':<policy>},"
               "'c':{'config':<policy>},'b':{'config':<policy>}})"
               "(,'panicThreshold':<0-100>|)(,'overprovisioningFactor':<100-300>|)}",
     .weight = 5,
     .traits = POLICY_GOES_BY_PATH | POLICY_PANICS},
    {.name = "priority_load_experimental",
     .config = "{'priorities':['a','b'],'children':{"
               "'a':{'config':[{'round_robin':{}}]},'b':{'config':[{'round_robin':{}}],"
               "'ignoreReresolutionRequests':true}},"
               "'failTrafficOnPanic':true(,'panicThreshold':<1-100>|)}",
     .weight = 2,
     .traits = POLICY_GOES_BY_PATH | POLICY_LEAVES_OUT | POLICY_SETS_ASIDE |
               POLICY_IGNORES_LOSSES | POLICY_PANICS},
    {.name = "zone_aware",
     .config = "{('localZone':'(z0|z1|z9)',|)'localCounts':{'z0':<0-4>,'z1':<0-4>,"
               "'z9':<0-2>},'minClusterSize':<0-3>(,'routingEnabledPercent':<0-99>|),"
               "'childPolicy':<policy>}",
     .weight = 5},
    {.name = "torture_spread",
     .weight = 3,
     .rule = PICKS_IN_TURNS,
     .keeps = true,
     .builder = &torture_spread},
    {.name = "torture_lazy", .weight = 2, .rule = PICKS_ONE, .builder = &torture_lazy},
    {.name = "torture_shards", .weight = 3, .builder = &torture_shards},
    {.name = "torture_group",
     .weight = 3,
     .traits = POLICY_SETS_ASIDE,
     .builder = &torture_group},
    {.name = "torture_wild",
     .weight = 8,
     .traits = POLICY_IS_ERRATIC,
     .builder = &torture_wild},
};
const unsigned n_policies = GREBE_ARRAY_LEN(policies);

unsigned policy_draw(struct grebe__rng *rng, uint64_t allowed)
{
    uint32_t sum = 0, at;

    for (unsigned i = 0; i < n_policies; i++)
        sum += allowed >> i & 1 ? policies[i].weight : 0;
    at = grebe__rng_below(rng, sum);
    for (unsigned i = 0; i < n_policies; i++) {
        uint32_t weight = allowed >> i & 1 ? policies[i].weight : 0;

        if (at < weight)
            return i;
        at -= weight;
    }
    return 0;
}

const struct policy *policy_find(const char *name)
{
    for (unsigned i = 0; i < n_policies; i++)
        if (strcmp(policies[i].name, name) == 0)
            return &policies[i];
    return NULL;
}

void policies_register(void)
{
    for (unsigned i = 0; i < n_policies; i++)
        if (policies[i].builder != NULL) {
            int result = grebe_balancer_register(policies[i].builder);

            GREBE_ASSERT(result == GREBE_OK);
        }
    spies_register(policies, n_policies);
}

/* ---- Pickers in turns ------------------------------------------------------------------------ */

/* Over pickers of children, or pickers of one subconn each: one after the other. */
struct turns_picker {
    struct grebe_picker base;
    uint32_t at; /* atomic */
    uint32_t n;
    struct grebe_picker *parts[]; /* references */
};

static void turns_pick(struct grebe_picker *base, const struct grebe_pick_args *args,
                       struct grebe_pick *out)
{
    struct turns_picker *picker = grebe_container_of(base, struct turns_picker, base);
    uint32_t at = __atomic_fetch_add(&picker->at, 1, __ATOMIC_RELAXED);

    grebe_picker_pick(picker->parts[at % picker->n], args, out);
}

static void turns_destroy(struct grebe_picker *base)
{
    struct turns_picker *picker = grebe_container_of(base, struct turns_picker, base);

    for (uint32_t i = 0; i < picker->n; i++)
        grebe_picker_unref(picker->parts[i]);
    free(picker);
}

static const struct grebe_picker_ops turns_ops = {
    .pick = turns_pick,
    .destroy = turns_destroy,
};

/* Room for `n` parts. */
static struct turns_picker *turns_new(size_t n)
{
    struct turns_picker *picker =
        calloc(1, sizeof *picker + n * sizeof(struct grebe_picker *));

    GREBE_ASSERT(picker != NULL);
    grebe_picker_init(&picker->base, &turns_ops);
    return picker;
}

/* ---- torture_spread: a picker, and nothing else ------------------------------------------------ */

static struct grebe_picker *build_spread_picker(void *arg, struct grebe_client_conn *cc,
                                                const struct grebe_ready_subconn *ready,
                                                size_t n)
{
    struct turns_picker *picker;

    (void)arg;
    if (n == 0)
        return grebe_picker_queueing();
    picker = turns_new(n);
    while (picker->n < n) {
        struct grebe_picker *part =
            grebe_picker_fixed(grebe_client_conn_mem(cc), ready[picker->n].subconn);

        if (part == NULL) {
            grebe_picker_unref(&picker->base);
            return NULL;
        }
        picker->parts[picker->n++] = part;
    }
    return &picker->base;
}

static int spread_build(struct grebe_client_conn *cc,
                        const struct grebe_build_options *options,
                        struct grebe_balancer **out)
{
    struct grebe_base_balancer_options base = GREBE_BASE_BALANCER_OPTIONS_INIT;

    (void)options;
    base.build_picker = build_spread_picker;
    return grebe_base_balancer_new(cc, &base, out);
}

const struct grebe_balancer_builder torture_spread = {
    .api = GREBE_BALANCER_API,
    .name = "torture_spread",
    .build = spread_build,
};

/* ---- torture_lazy: a child when it is needed ------------------------------------------------------ */

static int lazy_build(struct grebe_client_conn *cc,
                      const struct grebe_build_options *options,
                      struct grebe_balancer **out)
{
    (void)options;
    return grebe_lazy_new(cc, grebe_balancer_get("pick_first"), out);
}

const struct grebe_balancer_builder torture_lazy = {
    .api = GREBE_BALANCER_API,
    .name = "torture_lazy",
    .build = lazy_build,
};

/* ---- torture_shards: lazy children in turns --------------------------------------------------------- */

struct shards {
    struct grebe_balancer base;
    struct grebe_endpoint_sharding *sharding;
};

static struct shards *shards_of(struct grebe_balancer *base)
{
    return grebe_container_of(base, struct shards, base);
}

static void on_shards(void *arg, struct grebe_client_conn *cc,
                      enum grebe_connectivity state,
                      const struct grebe_sharding_child *children, size_t n)
{
    struct turns_picker *picker;
    struct grebe_status none =
        grebe_status_of(GREBE_STATUS_UNAVAILABLE, "there are no shards");

    (void)arg;
    if (n == 0) {
        grebe_client_conn_update_state(
            cc, GREBE_TRANSIENT_FAILURE,
            grebe_picker_failing(grebe_client_conn_mem(cc), &none));
        return;
    }
    picker = turns_new(n);
    for (size_t i = 0; i < n; i++)
        if (children[i].state == state)
            picker->parts[picker->n++] = grebe_picker_ref(children[i].picker);
    grebe_client_conn_update_state(cc, state, &picker->base);
}

static const struct grebe_endpoint_sharding_ops shards_sharding_ops = {
    .on_children = on_shards,
};

static int shards_update(struct grebe_balancer *base,
                         const struct grebe_balancer_update *update)
{
    return grebe_endpoint_sharding_update(shards_of(base)->sharding, update);
}

static void shards_resolver_error(struct grebe_balancer *base,
                                  const struct grebe_status *status)
{
    grebe_endpoint_sharding_resolver_error(shards_of(base)->sharding, status);
}

static void shards_exit_idle(struct grebe_balancer *base)
{
    grebe_endpoint_sharding_exit_idle(shards_of(base)->sharding);
}

static void shards_settled(struct grebe_balancer *base)
{
    grebe_endpoint_sharding_settled(shards_of(base)->sharding);
}

static void shards_destroy(struct grebe_balancer *base)
{
    grebe_endpoint_sharding_destroy(shards_of(base)->sharding);
    free(shards_of(base));
}

static const struct grebe_balancer_ops shards_ops = {
    .update = shards_update,
    .resolver_error = shards_resolver_error,
    .exit_idle = shards_exit_idle,
    .settled = shards_settled,
    .destroy = shards_destroy,
};

static int shards_build(struct grebe_client_conn *cc,
                        const struct grebe_build_options *options,
                        struct grebe_balancer **out)
{
    struct grebe_endpoint_sharding_options how = GREBE_ENDPOINT_SHARDING_OPTIONS_INIT;
    struct shards *shards = calloc(1, sizeof *shards);
    int result;

    (void)options;
    GREBE_ASSERT(shards != NULL);
    grebe_balancer_init(&shards->base, &shards_ops);
    how.child = grebe_balancer_get("torture_lazy");
    how.ops = &shards_sharding_ops;
    how.arg = shards;
    how.leaves_idle_alone = true;
    result = grebe_endpoint_sharding_new(cc, &how, &shards->sharding);
    if (result != GREBE_OK) {
        free(shards);
        return result;
    }
    *out = &shards->base;
    return GREBE_OK;
}

const struct grebe_balancer_builder torture_shards = {
    .api = GREBE_BALANCER_API,
    .name = "torture_shards",
    .build = shards_build,
};

/* ---- torture_group: two children by name ---------------------------------------------------------------- */

/* Endpoints go to "east" or "west" by their hash; who has none is removed, and parked for a
 * while. */
struct group {
    struct grebe_balancer base;
    struct grebe_client_conn *cc;
    struct grebe_balancer_group *children;
    struct grebe_lb_config *config; /* of each child */
};

static const char *const sides[] = {"east", "west"};

static struct group *group_of(struct grebe_balancer *base)
{
    return grebe_container_of(base, struct group, base);
}

static void publish_group(struct group *group)
{
    struct grebe_state_evaluator states = {{0}};
    struct turns_picker *picker = turns_new(GREBE_ARRAY_LEN(sides));
    enum grebe_connectivity state, all = GREBE_TRANSIENT_FAILURE;
    struct grebe_picker *of_child;

    for (size_t i = 0; i < GREBE_ARRAY_LEN(sides); i++)
        if (grebe_balancer_group_state(group->children, sides[i], &state, &of_child))
            all = grebe_state_evaluator_record(&states, GREBE_SHUTDOWN, state);
    for (size_t i = 0; i < GREBE_ARRAY_LEN(sides); i++)
        if (grebe_balancer_group_state(group->children, sides[i], &state, &of_child) &&
            state == all)
            picker->parts[picker->n++] = grebe_picker_ref(of_child);
    if (picker->n == 0) {
        struct grebe_status none =
            grebe_status_of(GREBE_STATUS_UNAVAILABLE, "the group is empty");

        picker->parts[picker->n++] =
            grebe_picker_failing(grebe_client_conn_mem(group->cc), &none);
    }
    grebe_client_conn_update_state(group->cc, all, &picker->base);
}

static void on_group_state(void *arg, const char *name, enum grebe_connectivity state,
                           struct grebe_picker *picker)
{
    (void)name, (void)state, (void)picker;
    publish_group(arg);
}

static int update_side(struct group *group, size_t side,
                       const struct grebe_balancer_update *update)
{
    struct grebe_balancer_update for_child = *update;
    struct grebe_endpoint *endpoints[64];
    size_t n = 0;
    int result;

    for (size_t i = 0; i < update->n_endpoints && n < GREBE_ARRAY_LEN(endpoints); i++)
        if (grebe_endpoint_hash(update->endpoints[i]) % GREBE_ARRAY_LEN(sides) == side)
            endpoints[n++] = update->endpoints[i];
    if (n == 0) {
        grebe_balancer_group_remove(group->children, sides[side]);
        return GREBE_OK;
    }
    result = grebe_balancer_group_add(group->children, sides[side],
                                      grebe_lb_config_builder(group->config));
    if (result != GREBE_OK)
        return result;
    for_child.endpoints = endpoints;
    for_child.n_endpoints = n;
    for_child.config = group->config;
    return grebe_balancer_group_update(group->children, sides[side], &for_child);
}

static int group_update(struct grebe_balancer *base,
                        const struct grebe_balancer_update *update)
{
    struct group *group = group_of(base);
    int result = update->n_endpoints == 0 ? GREBE_ERR_BAD_RESOLVER_STATE : GREBE_OK;

    for (size_t side = 0; side < GREBE_ARRAY_LEN(sides); side++) {
        int of_side = update_side(group, side, update);

        if (result == GREBE_OK)
            result = of_side;
    }
    publish_group(group);
    return result;
}

static void group_resolver_error(struct grebe_balancer *base,
                                 const struct grebe_status *status)
{
    grebe_balancer_group_resolver_error(group_of(base)->children, status);
    publish_group(group_of(base));
}

static void group_exit_idle(struct grebe_balancer *base)
{
    grebe_balancer_group_exit_idle(group_of(base)->children);
}

static void group_destroy(struct grebe_balancer *base)
{
    struct group *group = group_of(base);

    grebe_balancer_group_destroy(group->children);
    grebe_lb_config_unref(group->config);
    free(group);
}

static const struct grebe_balancer_ops group_ops = {
    .update = group_update,
    .resolver_error = group_resolver_error,
    .exit_idle = group_exit_idle,
    .destroy = group_destroy,
};

static int group_build(struct grebe_client_conn *cc,
                       const struct grebe_build_options *options,
                       struct grebe_balancer **out)
{
    struct grebe_balancer_group_options how = GREBE_BALANCER_GROUP_OPTIONS_INIT;
    struct group *group = calloc(1, sizeof *group);
    int result;

    (void)options;
    GREBE_ASSERT(group != NULL);
    grebe_balancer_init(&group->base, &group_ops);
    group->cc = cc;
    how.on_state = on_group_state;
    how.arg = group;
    how.park_ns = UINT64_C(700000000);
    result = grebe_lb_config_new(grebe_balancer_get("round_robin"), &group->config);
    if (result == GREBE_OK)
        result = grebe_balancer_group_new(cc, &how, &group->children);
    if (result != GREBE_OK) {
        grebe_lb_config_unref(group->config);
        free(group);
        return result;
    }
    *out = &group->base;
    return GREBE_OK;
}

const struct grebe_balancer_builder torture_group = {
    .api = GREBE_BALANCER_API,
    .name = "torture_group",
    .build = group_build,
};
