/* SPDX-License-Identifier: Apache-2.0 */
/* endpoint sharding -- one child policy for each endpoint, for policies that balance over
 * them.
 *
 *   children   in the order of the last update, rotated by chance so that clients started
 *              together do not connect in the same order
 *   views      what the owner sees of them, in the same order
 *   by_endpoint  endpoint -> child; the identity is the set of its addresses
 *
 * While an update (or a resolver error, or an exit from idle) goes through the children,
 * their reports are noted but not passed on: the owner hears once, when all have settled.
 *
 * Source: grpc-go package balancer/endpointsharding; gRFC A61.
 */
#include <grebe/parent.h>
#include <grebe/state_evaluator.h>

#include "balancer/pick_first.h"
#include "base/assert.h"
#include "base/endpoint.h"
#include "base/options.h"

struct child {
    struct grebe_endpoint_sharding *owner;
    uint32_t index; /* into children and views */
    bool is_listed; /* in the update being applied */
    bool is_new;    /* made for it */
};

struct grebe_endpoint_sharding {
    struct grebe_client_conn *cc;
    const struct grebe_mem *mem;
    const struct grebe_balancer_builder *builder;
    const struct grebe_endpoint_sharding_ops *ops;
    void *arg;
    bool leaves_idle_alone;
    bool is_settling; /* reports are noted only */
    uint32_t n;
    struct grebe_state_evaluator states; /* of the children */
    struct child **children;
    struct grebe_sharding_child *views; /* each with references to endpoint and picker */
    struct grebe__map by_endpoint;
};

/* ---- Publishing ----------------------------------------------------------------------- */

static void publish(struct grebe_endpoint_sharding *sharding)
{
    sharding->ops->on_children(sharding->arg, sharding->cc,
                               grebe_state_evaluator_state(&sharding->states),
                               sharding->views, sharding->n);
}

static void on_update_state(void *arg, enum grebe_connectivity state,
                            struct grebe_picker *picker)
{
    struct child *child = arg;
    struct grebe_endpoint_sharding *sharding = child->owner;
    struct grebe_sharding_child *view = &sharding->views[child->index];

    grebe_state_evaluator_record(&sharding->states, view->state, state);
    view->state = state;
    grebe_picker_unref(view->picker);
    view->picker = picker;
    if (!sharding->is_settling)
        publish(sharding);
    if (state == GREBE_IDLE && !sharding->leaves_idle_alone)
        grebe_client_conn_exit_idle(view->cc);
}

static const struct grebe_client_conn_ops child_ops = {
    .update_state = on_update_state,
};

/* ---- Children -------------------------------------------------------------------------- */

static void close_child(struct grebe_endpoint_sharding *sharding, struct child *child,
                        struct grebe_sharding_child *view)
{
    grebe_client_conn_close(view->cc);
    grebe_picker_unref(view->picker);
    grebe_endpoint_unref(view->endpoint);
    grebe_mem_free(sharding->mem, child);
}

static int new_child(struct grebe_endpoint_sharding *sharding,
                     struct grebe_endpoint *endpoint, struct child **out,
                     struct grebe_sharding_child *view)
{
    struct child *child = grebe_mem_alloc(sharding->mem, sizeof *child);
    struct grebe_client_conn *cc;
    int result;

    if (child == NULL)
        return GREBE_ERR_NOMEM;
    *child = (struct child){.owner = sharding, .is_new = true};
    result = grebe_client_conn_new_child(sharding->cc, &child_ops, child, &cc);
    if (result == GREBE_OK) {
        result = grebe_client_conn_build(cc, sharding->builder);
        if (result != GREBE_OK)
            grebe_client_conn_close(cc);
    }
    if (result != GREBE_OK) {
        grebe_mem_free(sharding->mem, child);
        return result;
    }
    *view = (struct grebe_sharding_child){
        .endpoint = grebe_endpoint_ref(endpoint),
        .state = GREBE_CONNECTING,
        .picker = grebe_picker_queueing(),
        .cc = cc,
    };
    *out = child;
    return GREBE_OK;
}

/* ---- Updates ---------------------------------------------------------------------------- */

/* The children as an update wants them, beside those there are. */
struct plan {
    struct child **children;
    struct grebe_sharding_child *views;
    struct grebe__map by_endpoint;
    uint32_t n;
};

static void drop_planned(struct grebe_endpoint_sharding *sharding, struct child *child,
                         struct grebe_sharding_child *view)
{
    if (child->is_new)
        close_child(sharding, child, view);
    else
        grebe_endpoint_unref(view->endpoint);
}

/* A child that exists is kept, with the endpoint as it is described now. */
static int plan_endpoint(struct grebe_endpoint_sharding *sharding, struct plan *plan,
                         struct grebe_endpoint *endpoint)
{
    struct child *child = grebe__map_get(&sharding->by_endpoint, endpoint);
    struct grebe_sharding_child *view = &plan->views[plan->n];
    int result;

    if (child == NULL) {
        result = new_child(sharding, endpoint, &child, view);
        if (result != GREBE_OK)
            return result;
    } else {
        *view = sharding->views[child->index];
        view->endpoint = grebe_endpoint_ref(endpoint);
    }
    result = grebe__map_put(&plan->by_endpoint, endpoint, child);
    if (result != GREBE_OK) {
        drop_planned(sharding, child, view);
        return result;
    }
    child->is_listed = true;
    plan->children[plan->n++] = child;
    return GREBE_OK;
}

/* Undoes a plan: children it made are closed, others stay as they are. */
static void drop_plan(struct grebe_endpoint_sharding *sharding, struct plan *plan)
{
    for (uint32_t i = 0; i < plan->n; i++) {
        struct child *child = plan->children[i];

        child->is_listed = false;
        drop_planned(sharding, child, &plan->views[i]);
    }
    grebe__map_fini(&plan->by_endpoint);
    grebe_mem_free(sharding->mem, plan->children);
    grebe_mem_free(sharding->mem, plan->views);
}

static int make_plan(struct grebe_endpoint_sharding *sharding,
                     const struct grebe_balancer_update *update, struct plan *plan)
{
    uint32_t n = (uint32_t)update->n_endpoints;
    uint32_t first = n == 0 ? 0 : grebe_client_conn_random_below(sharding->cc, n);

    *plan = (struct plan){
        .children = grebe_mem_alloc(sharding->mem, n * sizeof(struct child *)),
        .views = grebe_mem_alloc(sharding->mem, n * sizeof(struct grebe_sharding_child)),
    };
    grebe__map_init(&plan->by_endpoint, sharding->mem, &grebe__by_endpoint);
    if (plan->children == NULL || plan->views == NULL) {
        drop_plan(sharding, plan);
        return GREBE_ERR_NOMEM;
    }
    for (uint32_t i = 0; i < n; i++) {
        struct grebe_endpoint *endpoint = update->endpoints[(first + i) % n];
        int result;

        if (grebe_endpoint_n_addresses(endpoint) == 0 ||
            grebe__map_find(&plan->by_endpoint, endpoint) != NULL)
            continue;
        result = plan_endpoint(sharding, plan, endpoint);
        if (result != GREBE_OK) {
            drop_plan(sharding, plan);
            return result;
        }
    }
    return GREBE_OK;
}

/* From here on nothing can fail. */
static void carry_out(struct grebe_endpoint_sharding *sharding, struct plan *plan)
{
    for (uint32_t i = 0; i < sharding->n; i++) {
        if (sharding->children[i]->is_listed)
            grebe_endpoint_unref(sharding->views[i].endpoint);
        else
            close_child(sharding, sharding->children[i], &sharding->views[i]);
    }
    sharding->states = (struct grebe_state_evaluator){{0}};
    for (uint32_t i = 0; i < plan->n; i++) {
        struct child *child = plan->children[i];

        child->index = i;
        child->is_listed = child->is_new = false;
        grebe_state_evaluator_record(&sharding->states, GREBE_SHUTDOWN,
                                     plan->views[i].state);
    }
    grebe__map_fini(&sharding->by_endpoint);
    grebe_mem_free(sharding->mem, sharding->children);
    grebe_mem_free(sharding->mem, sharding->views);
    sharding->children = plan->children;
    sharding->views = plan->views;
    sharding->by_endpoint = plan->by_endpoint;
    sharding->n = plan->n;
}

int grebe_endpoint_sharding_update(struct grebe_endpoint_sharding *sharding,
                                   const struct grebe_balancer_update *update)
{
    struct grebe_balancer_update for_child = {.attributes = update->attributes,
                                              .config = update->config};
    struct plan plan;
    int result = make_plan(sharding, update, &plan);

    if (result != GREBE_OK)
        return result;
    sharding->is_settling = true;
    carry_out(sharding, &plan);
    if (sharding->n == 0)
        return GREBE_ERR_BAD_RESOLVER_STATE;
    for (uint32_t i = 0; i < sharding->n; i++) {
        struct grebe_endpoint *endpoint = sharding->views[i].endpoint;
        int of_child;

        for_child.endpoints = &endpoint;
        for_child.n_endpoints = 1;
        of_child = grebe_client_conn_update(sharding->views[i].cc, &for_child);
        if (result == GREBE_OK)
            result = of_child;
    }
    return result;
}

void grebe_endpoint_sharding_resolver_error(struct grebe_endpoint_sharding *sharding,
                                            const struct grebe_status *status)
{
    sharding->is_settling = true;
    for (uint32_t i = 0; i < sharding->n; i++)
        grebe_client_conn_resolver_error(sharding->views[i].cc, status);
}

void grebe_endpoint_sharding_exit_idle(struct grebe_endpoint_sharding *sharding)
{
    sharding->is_settling = true;
    for (uint32_t i = 0; i < sharding->n; i++)
        grebe_client_conn_exit_idle(sharding->views[i].cc);
}

void grebe_endpoint_sharding_settled(struct grebe_endpoint_sharding *sharding)
{
    sharding->is_settling = false;
    publish(sharding);
}

int grebe_endpoints_validate(struct grebe_endpoint *const *endpoints, size_t n,
                             struct grebe_diag *diag)
{
    if (n == 0) {
        grebe_diag_set(diag, "the list of endpoints is empty");
        return GREBE_ERR_BAD_RESOLVER_STATE;
    }
    for (size_t i = 0; i < n; i++)
        if (grebe_endpoint_n_addresses(endpoints[i]) > 0)
            return GREBE_OK;
    grebe_diag_set(diag, "none of %zu endpoints has an address", n);
    return GREBE_ERR_BAD_RESOLVER_STATE;
}

/* ---- Life -------------------------------------------------------------------------------- */

int grebe_endpoint_sharding_new(struct grebe_client_conn *cc,
                                const struct grebe_endpoint_sharding_options *asked,
                                struct grebe_endpoint_sharding **out)
{
    const struct grebe_mem *mem = grebe_client_conn_mem(cc);
    struct grebe_endpoint_sharding_options options = GREBE_ENDPOINT_SHARDING_OPTIONS_INIT;
    struct grebe_endpoint_sharding *sharding = grebe_mem_alloc(mem, sizeof *sharding);

    grebe__options_read(&options, sizeof options, asked);
    if (sharding == NULL)
        return GREBE_ERR_NOMEM;
    *sharding = (struct grebe_endpoint_sharding){
        .cc = cc,
        .mem = mem,
        .builder = options.child == NULL ? &grebe__pick_first : options.child,
        .ops = options.ops,
        .arg = options.arg,
        .leaves_idle_alone = options.leaves_idle_alone,
    };
    grebe__map_init(&sharding->by_endpoint, mem, &grebe__by_endpoint);
    *out = sharding;
    return GREBE_OK;
}

void grebe_endpoint_sharding_destroy(struct grebe_endpoint_sharding *sharding)
{
    for (uint32_t i = 0; i < sharding->n; i++)
        close_child(sharding, sharding->children[i], &sharding->views[i]);
    grebe__map_fini(&sharding->by_endpoint);
    grebe_mem_free(sharding->mem, sharding->children);
    grebe_mem_free(sharding->mem, sharding->views);
    grebe_mem_free(sharding->mem, sharding);
}
