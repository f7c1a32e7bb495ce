/* SPDX-License-Identifier: Apache-2.0 */
/* graceful switch -- replaces one policy by another without a gap.
 *
 * There is a current child and, while it is being replaced, a pending one.  The pending
 * child takes over as soon as it reports anything but CONNECTING, or the current one is
 * not READY: until then nobody above hears of it.  Updates go to the newest child only.
 *
 * Source: grpc-go package balancer/gracefulswitch.
 */
#include <string.h>

#include <grebe/parent.h>

#include "base/assert.h"

struct graceful_switch;

struct child {
    struct graceful_switch *owner;
    const struct grebe_balancer_builder *builder;
    struct grebe_client_conn *cc;
    enum grebe_connectivity state;  /* the last it reported, CONNECTING before that */
    struct grebe_picker *picker;    /* a reference; that queues before the first report */
    struct grebe_lb_config *config; /* a reference: of its last update; NULL before it */
};

struct graceful_switch {
    struct grebe_balancer base;
    struct grebe_client_conn *cc;
    struct child *current; /* NULL before the first update */
    struct child *pending;
};

static struct graceful_switch *of(struct grebe_balancer *base)
{
    return grebe_container_of(base, struct graceful_switch, base);
}

static struct child *latest(const struct graceful_switch *gs)
{
    return gs->pending != NULL ? gs->pending : gs->current;
}

static void close_child(struct child *child)
{
    if (child == NULL)
        return;
    grebe_client_conn_close(child->cc);
    grebe_picker_unref(child->picker);
    grebe_lb_config_unref(child->config);
    grebe_mem_free(grebe_client_conn_mem(child->owner->cc), child);
}

static void publish(struct graceful_switch *gs, const struct child *child)
{
    grebe_client_conn_update_state(gs->cc, child->state, grebe_picker_ref(child->picker));
}

static void swap(struct graceful_switch *gs)
{
    struct child *old = gs->current;

    gs->current = gs->pending;
    gs->pending = NULL;
    publish(gs, gs->current);
    close_child(old);
}

static void on_update_state(void *arg, enum grebe_connectivity state,
                            struct grebe_picker *picker)
{
    struct child *child = arg;
    struct graceful_switch *gs = child->owner;

    grebe_picker_unref(child->picker);
    child->picker = picker;
    child->state = state;
    if (child == gs->pending) {
        if (state != GREBE_CONNECTING || gs->current->state != GREBE_READY)
            swap(gs);
        return;
    }
    if (gs->pending != NULL && state != GREBE_READY)
        swap(gs);
    else
        publish(gs, child);
}

static void on_resolve_now(void *arg)
{
    struct child *child = arg;

    if (child == latest(child->owner))
        grebe_client_conn_resolve_now(child->owner->cc);
}

static const struct grebe_client_conn_ops child_ops = {
    .update_state = on_update_state,
    .resolve_now = on_resolve_now,
};

static int new_child(struct graceful_switch *gs,
                     const struct grebe_balancer_builder *builder, struct child **out)
{
    const struct grebe_mem *mem = grebe_client_conn_mem(gs->cc);
    struct child *child = grebe_mem_alloc(mem, sizeof *child);
    int result;

    if (child == NULL)
        return GREBE_ERR_NOMEM;
    *child = (struct child){
        .owner = gs,
        .builder = builder,
        .state = GREBE_CONNECTING,
        .picker = grebe_picker_queueing(),
    };
    result = grebe_client_conn_new_child(gs->cc, &child_ops, child, &child->cc);
    if (result == GREBE_OK)
        result = grebe_client_conn_build(child->cc, builder);
    if (result != GREBE_OK) {
        close_child(child);
        return result;
    }
    *out = child;
    return GREBE_OK;
}

/* The new child becomes current if there is none, else pending, in place of an earlier
 * pending one. */
static int switch_to(struct graceful_switch *gs,
                     const struct grebe_balancer_builder *builder)
{
    struct child *child = NULL;
    int result = new_child(gs, builder, &child);

    if (result != GREBE_OK)
        return result;
    if (gs->current == NULL) {
        gs->current = child;
        return GREBE_OK;
    }
    close_child(gs->pending);
    gs->pending = child;
    return GREBE_OK;
}

int grebe_graceful_switch_to(struct grebe_balancer *base,
                             const struct grebe_balancer_builder *builder)
{
    return switch_to(of(base), builder);
}

/* A child may use its configuration until it has the next: the one before lives as long. */
static int update_child(struct child *child, struct grebe_lb_config *config,
                        const struct grebe_balancer_update *update)
{
    struct grebe_lb_config *before = child->config;
    struct grebe_balancer_update for_child = *update;
    int result;

    child->config = grebe_lb_config_ref(config);
    for_child.config = grebe_lb_config_value(config);
    result = grebe_client_conn_update(child->cc, &for_child);
    grebe_lb_config_unref(before);
    return result;
}

static int gs_update(struct grebe_balancer *base,
                     const struct grebe_balancer_update *update)
{
    struct graceful_switch *gs = of(base);
    struct grebe_lb_config *config = (void *)(uintptr_t)update->config;
    const struct grebe_balancer_builder *builder = grebe_lb_config_builder(config);

    if (latest(gs) == NULL || strcmp(latest(gs)->builder->name, builder->name) != 0) {
        int result = switch_to(gs, builder);

        if (result != GREBE_OK)
            return result;
    }
    return update_child(latest(gs), config, update);
}

static void gs_resolver_error(struct grebe_balancer *base,
                              const struct grebe_status *status)
{
    struct graceful_switch *gs = of(base);

    if (latest(gs) != NULL) {
        grebe_client_conn_resolver_error(latest(gs)->cc, status);
        return;
    }
    grebe_client_conn_update_state(
        gs->cc, GREBE_TRANSIENT_FAILURE,
        grebe_picker_failing(grebe_client_conn_mem(gs->cc), status));
}

static void gs_exit_idle(struct grebe_balancer *base)
{
    struct graceful_switch *gs = of(base);

    if (latest(gs) != NULL)
        grebe_client_conn_exit_idle(latest(gs)->cc);
}

static void gs_destroy(struct grebe_balancer *base)
{
    struct graceful_switch *gs = of(base);

    close_child(gs->pending);
    close_child(gs->current);
    grebe_mem_free(grebe_client_conn_mem(gs->cc), gs);
}

static const struct grebe_balancer_ops gs_ops = {
    .update = gs_update,
    .resolver_error = gs_resolver_error,
    .exit_idle = gs_exit_idle,
    .destroy = gs_destroy,
};

static int gs_build(struct grebe_client_conn *cc,
                    const struct grebe_build_options *options,
                    struct grebe_balancer **out)
{
    struct graceful_switch *gs = grebe_mem_alloc(grebe_client_conn_mem(cc), sizeof *gs);

    (void)options;
    if (gs == NULL)
        return GREBE_ERR_NOMEM;
    *gs = (struct graceful_switch){.cc = cc};
    grebe_balancer_init(&gs->base, &gs_ops);
    *out = &gs->base;
    return GREBE_OK;
}

const struct grebe_balancer_builder grebe_graceful_switch = {
    .api = GREBE_BALANCER_API,
    .name = "graceful_switch",
    .build = gs_build,
};
