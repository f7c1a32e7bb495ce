/* SPDX-License-Identifier: Apache-2.0 */
/* balancer group -- grebe/balancer_group.h.
 *
 * Source: grpc-go package internal/balancergroup.
 */
#include <grebe/balancer_group.h>

#include <string.h>

#include "base/map.h"
#include "base/options.h"

struct child {
    struct grebe_balancer_group *group;
    const struct grebe_balancer_builder *builder;
    struct grebe_client_conn *cc; /* whose balancer is a graceful switch */
    enum grebe_connectivity state;
    struct grebe_picker *picker; /* a reference; queues before the first report */
    struct grebe_timer *timer;   /* ends the parking */
    bool is_parked;
    char name[];
};

struct grebe_balancer_group {
    struct grebe_client_conn *cc;
    const struct grebe_mem *mem;
    struct grebe_balancer_group_options options;
    struct grebe__map children; /* name -> struct child, parked ones too */
};

/* ---- Children ------------------------------------------------------------------------- */

/* A parked child is remembered and not heard. */
static void on_update_state(void *arg, enum grebe_connectivity state,
                            struct grebe_picker *picker)
{
    struct child *child = arg;
    const struct grebe_balancer_group_options *options = &child->group->options;

    grebe_picker_unref(child->picker);
    child->picker = picker;
    child->state = state;
    if (!child->is_parked)
        options->on_state(options->arg, child->name, state, picker);
}

static void on_resolve_now(void *arg)
{
    struct child *child = arg;
    const struct grebe_balancer_group_options *options = &child->group->options;

    if (child->is_parked)
        return;
    if (options->on_resolve_now != NULL)
        options->on_resolve_now(options->arg, child->name);
    else
        grebe_client_conn_resolve_now(child->group->cc);
}

static const struct grebe_client_conn_ops child_ops = {
    .update_state = on_update_state,
    .resolve_now = on_resolve_now,
};

/* It is in no map any more. */
static void close_child(struct child *child)
{
    const struct grebe_mem *mem = child->group->mem;

    grebe_client_conn_close(child->cc);
    grebe_timer_destroy(child->timer);
    grebe_picker_unref(child->picker);
    grebe_mem_free(mem, child);
}

static void drop_child(struct child *child)
{
    grebe__map_remove(&child->group->children, child->name);
    close_child(child);
}

static void end_parking(void *arg)
{
    drop_child(arg);
}

static int build_child(struct child *child)
{
    int result =
        grebe_client_conn_new_child(child->group->cc, &child_ops, child, &child->cc);

    if (result == GREBE_OK)
        result = grebe_client_conn_build(child->cc, &grebe_graceful_switch);
    if (result == GREBE_OK)
        result = grebe_timer_new(child->group->cc, end_parking, child, &child->timer);
    if (result == GREBE_OK)
        result = grebe__map_put(&child->group->children, child->name, child);
    return result;
}

static int new_child(struct grebe_balancer_group *group, const char *name,
                     const struct grebe_balancer_builder *builder)
{
    size_t size = strlen(name) + 1;
    struct child *child = grebe_mem_alloc(group->mem, sizeof *child + size);
    int result;

    if (child == NULL)
        return GREBE_ERR_NOMEM;
    *child = (struct child){
        .group = group,
        .builder = builder,
        .state = GREBE_CONNECTING,
        .picker = grebe_picker_queueing(),
    };
    memcpy(child->name, name, size);
    result = build_child(child);
    if (result != GREBE_OK)
        close_child(child);
    return result;
}

/* NULL if there is none, or it is parked. */
static struct child *find(const struct grebe_balancer_group *group, const char *name)
{
    struct child *child = grebe__map_get(&group->children, name);

    return child == NULL || child->is_parked ? NULL : child;
}

/* ---- What owners do ---------------------------------------------------------------------- */

int grebe_balancer_group_add(struct grebe_balancer_group *group, const char *name,
                             const struct grebe_balancer_builder *builder)
{
    struct child *child = grebe__map_get(&group->children, name);

    if (child == NULL)
        return new_child(group, name, builder);
    if (!child->is_parked)
        return GREBE_OK;
    if (child->builder != builder) {
        drop_child(child);
        return new_child(group, name, builder);
    }
    child->is_parked = false;
    grebe_timer_cancel(child->timer);
    return GREBE_OK;
}

void grebe_balancer_group_remove(struct grebe_balancer_group *group, const char *name)
{
    struct child *child = find(group, name);

    if (child == NULL)
        return;
    if (group->options.park_ns == 0) {
        drop_child(child);
        return;
    }
    child->is_parked = true;
    grebe_timer_start(child->timer,
                      grebe_client_conn_now_ns(group->cc) + group->options.park_ns);
}

void grebe_balancer_group_drop(struct grebe_balancer_group *group, const char *name)
{
    struct child *child = grebe__map_get(&group->children, name);

    if (child != NULL)
        drop_child(child);
}

int grebe_balancer_group_update(struct grebe_balancer_group *group, const char *name,
                                const struct grebe_balancer_update *update)
{
    struct child *child = find(group, name);

    return child == NULL ? GREBE_ERR_CLOSED : grebe_client_conn_update(child->cc, update);
}

void grebe_balancer_group_resolver_error(struct grebe_balancer_group *group,
                                         const struct grebe_status *status)
{
    struct grebe__map_entry *entry = NULL;

    while ((entry = grebe__map_next(&group->children, entry)) != NULL) {
        struct child *child = entry->value;

        if (!child->is_parked)
            grebe_client_conn_resolver_error(child->cc, status);
    }
}

void grebe_balancer_group_exit_idle(struct grebe_balancer_group *group)
{
    struct grebe__map_entry *entry = NULL;

    while ((entry = grebe__map_next(&group->children, entry)) != NULL) {
        struct child *child = entry->value;

        if (!child->is_parked)
            grebe_client_conn_exit_idle(child->cc);
    }
}

void grebe_balancer_group_exit_idle_one(struct grebe_balancer_group *group,
                                        const char *name)
{
    struct child *child = find(group, name);

    if (child != NULL)
        grebe_client_conn_exit_idle(child->cc);
}

bool grebe_balancer_group_state(const struct grebe_balancer_group *group,
                                const char *name, enum grebe_connectivity *state,
                                struct grebe_picker **picker)
{
    const struct child *child = find(group, name);

    if (child == NULL)
        return false;
    *state = child->state;
    *picker = child->picker;
    return true;
}

/* ---- Life ---------------------------------------------------------------------------------- */

int grebe_balancer_group_new(struct grebe_client_conn *cc,
                             const struct grebe_balancer_group_options *options,
                             struct grebe_balancer_group **out)
{
    const struct grebe_mem *mem = grebe_client_conn_mem(cc);
    struct grebe_balancer_group *group;

    if (options->on_state == NULL)
        return GREBE_ERR_INVALID;
    group = grebe_mem_zalloc(mem, sizeof *group);
    if (group == NULL)
        return GREBE_ERR_NOMEM;
    group->cc = cc;
    group->mem = mem;
    grebe__options_read(&group->options, sizeof group->options, options);
    grebe__map_init(&group->children, mem, &grebe__by_text);
    *out = group;
    return GREBE_OK;
}

void grebe_balancer_group_destroy(struct grebe_balancer_group *group)
{
    struct grebe__map_entry *entry = NULL;

    if (group == NULL)
        return;
    while ((entry = grebe__map_next(&group->children, entry)) != NULL)
        close_child(entry->value);
    grebe__map_fini(&group->children);
    grebe_mem_free(group->mem, group);
}
