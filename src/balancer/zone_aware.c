/* SPDX-License-Identifier: Apache-2.0 */
/* zone_aware -- calls stay in the client's zone, as far as that can bear them.
 *
 * The endpoints of each zone (GREBE_ATTRIBUTE_LOCALITY; those without one are a zone, too)
 * have a child of their own.  How much stays, and where the rest goes, zone_routing.h works
 * out of the numbers of clients, which are configured, and of endpoints that are healthy,
 * which child_health.c counts.  Where it does not apply calls are spread over all endpoints
 * alike: a zone gets as many as it has healthy endpoints.
 *
 * Source: Envoy, zone aware routing.  Healthy is here who is READY and was not ejected.
 */
#include "balancer/zone_aware.h"

#include <stdio.h>
#include <string.h>

#include <grebe/locality.h>
#include <grebe/parent.h>
#include <grebe/state_evaluator.h>

#include "balancer/child_policy.h"
#include "balancer/counted_children.h"
#include "balancer/groups.h"
#include "balancer/weighted_picker.h"
#include "balancer/zone_config.h"
#include "balancer/zone_picker.h"

static const char policy_name[] = "zone_aware";
enum { PANIC_PERCENT = 50 }; /* as many must be healthy, or zones do not matter */

struct zone_aware {
    struct grebe_balancer base;
    struct grebe_client_conn *cc;
    const struct grebe_mem *mem;
    const struct grebe__zone_config *config; /* of the last update; NULL before it */
    struct grebe__counted_children zones;    /* by the names of their zones */
};

static struct zone_aware *of(struct grebe_balancer *base)
{
    return grebe_container_of(base, struct zone_aware, base);
}

/* ---- Publishing ------------------------------------------------------------------------- */

/* What is known of all zones together. */
struct summary {
    struct grebe_state_evaluator states;
    size_t n_endpoints, n_healthy;
};

static struct summary sum_up(const struct zone_aware *za)
{
    struct summary summary = {.n_endpoints = 0};
    struct grebe__map_entry *entry = NULL;
    const struct grebe__counted_child *zone;

    while ((zone = grebe__counted_children_next(&za->zones, &entry)) != NULL) {
        grebe_state_evaluator_record(&summary.states, GREBE_SHUTDOWN, zone->state);
        summary.n_endpoints += zone->n_endpoints;
        summary.n_healthy += grebe__counted_child_n_healthy(zone);
    }
    return summary;
}

static size_t n_zones_with_clients(const struct grebe__zone_config *config)
{
    size_t n = 0;

    for (size_t i = 0; i < config->n_zones; i++)
        n += config->clients[i].n > 0;
    return n;
}

/* NULL: calls are routed by zone. */
static const char *why_spread(const struct zone_aware *za, const struct summary *summary)
{
    const struct grebe__zone_config *config = za->config;
    const struct grebe__counted_child *own;

    if (config->local_zone == NULL)
        return "the own zone is not known";
    if (n_zones_with_clients(config) < 2)
        return "fewer than two zones have clients";
    if (za->zones.by_name.n < 2)
        return "fewer than two zones have endpoints";
    if (summary->n_healthy < config->min_cluster_size)
        return "too few endpoints are healthy";
    if (100 * summary->n_healthy < PANIC_PERCENT * summary->n_endpoints)
        return "less than half of the endpoints are healthy";
    own = grebe__counted_children_find(&za->zones, config->local_zone);
    if ((own == NULL || grebe__counted_child_n_healthy(own) == 0) &&
        grebe__zone_config_clients(config, config->local_zone) == 0)
        return "nobody is known in the own zone";
    return NULL;
}

static struct grebe__zone_view view_of(const struct zone_aware *za, const char *name,
                                       const struct grebe__counted_child *zone)
{
    return (struct grebe__zone_view){
        .name = name,
        .picker = zone != NULL && zone->state == GREBE_READY ? zone->picker : NULL,
        .n_healthy = zone == NULL ? 0 : grebe__counted_child_n_healthy(zone),
        .n_clients = grebe__zone_config_clients(za->config, name),
    };
}

/* The own zone first, then those that have endpoints, then those that have only clients.
 * Returns how many there are. */
static size_t view_all(const struct zone_aware *za, struct grebe__zone_view *views)
{
    const struct grebe__zone_config *config = za->config;
    const char *own = config->local_zone;
    struct grebe__map_entry *entry = NULL;
    const struct grebe__counted_child *zone;
    size_t n = 0;

    if (own != NULL)
        views[n++] = view_of(za, own, grebe__counted_children_find(&za->zones, own));
    while ((zone = grebe__counted_children_next(&za->zones, &entry)) != NULL)
        if (own == NULL || strcmp(zone->name, own) != 0)
            views[n++] = view_of(za, zone->name, zone);
    for (size_t i = 0; i < config->n_zones; i++) {
        const char *name = config->clients[i].zone;

        if (grebe__counted_children_find(&za->zones, name) == NULL &&
            (own == NULL || strcmp(name, own) != 0))
            views[n++] = view_of(za, name, NULL);
    }
    return n;
}

static struct grebe_picker *ready_picker(const struct zone_aware *za,
                                         const struct summary *summary)
{
    size_t room = 1 + za->zones.by_name.n + za->config->n_zones;
    struct grebe__zone_view *views = grebe_mem_alloc(za->mem, room * sizeof *views);
    struct grebe_picker *picker;

    if (views == NULL)
        return NULL;
    picker = grebe__zone_picker(za->cc, views, view_all(za, views),
                                why_spread(za, summary), za->config->percent);
    grebe_mem_free(za->mem, views);
    return picker;
}

/* Over those that are as all are: IDLE ones are woken, failed ones tell why they did. */
static struct grebe_picker *other_picker(const struct zone_aware *za,
                                         enum grebe_connectivity state)
{
    struct grebe__weighted_child *children =
        grebe_mem_alloc(za->mem, za->zones.by_name.n * sizeof *children);
    struct grebe__map_entry *entry = NULL;
    struct grebe_picker *picker;
    const struct grebe__counted_child *zone;
    size_t n = 0;

    if (children == NULL)
        return NULL;
    while ((zone = grebe__counted_children_next(&za->zones, &entry)) != NULL)
        children[n++] = (struct grebe__weighted_child){
            .name = zone->name,
            .picker = zone->picker,
            .state = zone->state,
            .weight = zone->n_endpoints,
            .takes_part = zone->state == state,
        };
    picker = grebe__weighted_picker(za->cc, policy_name, children, n);
    grebe_mem_free(za->mem, children);
    return picker;
}

static struct grebe_picker *failing_picker(const struct zone_aware *za,
                                           const char *resolver_error)
{
    struct grebe_status status;
    char text[512];

    snprintf(text, sizeof text, "no endpoints to pick from%s%s",
             resolver_error == NULL ? "" : "; last resolver error: ",
             resolver_error == NULL ? "" : resolver_error);
    status = grebe_status_of(GREBE_STATUS_UNAVAILABLE, text);
    return grebe_picker_failing(za->mem, &status);
}

static struct grebe_picker *new_picker(const struct zone_aware *za,
                                       enum grebe_connectivity state,
                                       const struct summary *summary)
{
    if (za->zones.by_name.n == 0)
        return failing_picker(za, NULL);
    if (state == GREBE_READY)
        return ready_picker(za, summary);
    if (state == GREBE_CONNECTING)
        return grebe_picker_queueing();
    return other_picker(za, state);
}

static bool publish(void *arg)
{
    const struct zone_aware *za = arg;
    struct summary summary = sum_up(za);
    enum grebe_connectivity state = grebe_state_evaluator_state(&summary.states);
    struct grebe_picker *picker = new_picker(za, state, &summary);

    if (picker == NULL)
        return false;
    grebe_client_conn_update_state(za->cc, state, picker);
    return true;
}

/* ---- Updates ---------------------------------------------------------------------------- */

static const char *zone_of(const struct grebe_endpoint *endpoint)
{
    const struct grebe_locality *locality = grebe_attributes_get(
        grebe_endpoint_attributes(endpoint), &GREBE_ATTRIBUTE_LOCALITY);

    return locality == NULL ? "" : grebe_locality_zone(locality);
}

static int group_by_zone(struct grebe__groups *groups, const struct grebe_mem *mem,
                         const struct grebe_balancer_update *update)
{
    grebe__groups_init(groups, mem);
    for (size_t i = 0; i < update->n_endpoints; i++) {
        struct grebe_endpoint *endpoint = update->endpoints[i];
        int result;

        if (grebe_endpoint_n_addresses(endpoint) == 0)
            continue;
        result = grebe__groups_add(groups, zone_of(endpoint), endpoint);
        if (result != GREBE_OK) {
            grebe__groups_fini(groups);
            return result;
        }
    }
    return GREBE_OK;
}

/* All zones hear of it; of their errors the first is returned. */
static int tell_zones(struct zone_aware *za, const struct grebe_balancer_update *update,
                      const struct grebe__groups *groups)
{
    size_t n = groups->by_name.n, at = 0;
    struct grebe__counted_wish *wishes =
        grebe_mem_alloc(za->mem, (n + 1) * sizeof *wishes);
    struct grebe__map_entry *entry = NULL;
    int result;

    if (wishes == NULL)
        return GREBE_ERR_NOMEM;
    while ((entry = grebe__map_next(&groups->by_name, entry)) != NULL) {
        const struct grebe__group *group = entry->value;

        wishes[at++] = (struct grebe__counted_wish){
            .name = entry->key,
            .policy = za->config->child,
            .endpoints = group->endpoints,
            .n = group->n,
        };
    }
    result = grebe__counted_children_apply(&za->zones, wishes, n, update);
    for (size_t i = 0; i < n && result == GREBE_OK; i++)
        result = wishes[i].result;
    grebe_mem_free(za->mem, wishes);
    return n == 0 && result == GREBE_OK ? GREBE_ERR_BAD_RESOLVER_STATE : result;
}

static int za_update(struct grebe_balancer *base,
                     const struct grebe_balancer_update *update)
{
    struct zone_aware *za = of(base);
    struct grebe__groups groups;
    int result;

    if (update->config == NULL)
        return grebe__child_policy_missing(za->cc, policy_name);
    za->config = update->config;
    grebe__counted_children_begin(&za->zones);
    result = group_by_zone(&groups, za->mem, update);
    if (result != GREBE_OK)
        return result;
    result = tell_zones(za, update, &groups);
    grebe__groups_fini(&groups);
    return result;
}

static void za_resolver_error(struct grebe_balancer *base,
                              const struct grebe_status *status)
{
    struct zone_aware *za = of(base);

    if (za->zones.by_name.n == 0)
        grebe_client_conn_update_state(za->cc, GREBE_TRANSIENT_FAILURE,
                                       failing_picker(za, status->message));
    grebe__counted_children_resolver_error(&za->zones, status);
}

static void za_exit_idle(struct grebe_balancer *base)
{
    grebe__counted_children_exit_idle(&of(base)->zones);
}

static void za_settled(struct grebe_balancer *base)
{
    grebe__counted_children_settled(&of(base)->zones);
}

/* ---- Life ------------------------------------------------------------------------------- */

static void za_destroy(struct grebe_balancer *base)
{
    struct zone_aware *za = of(base);

    grebe__counted_children_fini(&za->zones);
    grebe_mem_free(za->mem, za);
}

static const struct grebe_balancer_ops za_ops = {
    .update = za_update,
    .resolver_error = za_resolver_error,
    .exit_idle = za_exit_idle,
    .settled = za_settled,
    .destroy = za_destroy,
};

static int build(struct grebe_client_conn *cc, const struct grebe_build_options *options,
                 struct grebe_balancer **out)
{
    const struct grebe_mem *mem = grebe_client_conn_mem(cc);
    struct zone_aware *za = grebe_mem_zalloc(mem, sizeof *za);
    int result;

    (void)options;
    if (za == NULL)
        return GREBE_ERR_NOMEM;
    grebe_balancer_init(&za->base, &za_ops);
    za->cc = cc;
    za->mem = mem;
    result = grebe__counted_children_init(&za->zones, cc, policy_name, publish, za);
    if (result != GREBE_OK) {
        za_destroy(&za->base);
        return result;
    }
    *out = &za->base;
    return GREBE_OK;
}

const struct grebe_balancer_builder grebe__zone_aware = {
    .api = GREBE_BALANCER_API,
    .name = "zone_aware",
    .parse_config = grebe__zone_config_parse,
    .free_config = grebe__zone_config_free,
    .build = build,
};

/* As it is called where it is new. */
const struct grebe_balancer_builder grebe__zone_aware_experimental = {
    .api = GREBE_BALANCER_API,
    .name = "zone_aware_experimental",
    .parse_config = grebe__zone_config_parse,
    .free_config = grebe__zone_config_free,
    .build = build,
};
