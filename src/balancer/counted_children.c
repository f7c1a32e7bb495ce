/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/counted_children.h"

#include <string.h>

#include "base/endpoint.h"

static const uint64_t retry_ns = UINT64_C(1000000000);

struct grebe__counted_child *grebe__counted_children_next(
    const struct grebe__counted_children *children, struct grebe__map_entry **entry)
{
    *entry = grebe__map_next(&children->by_name, *entry);
    return *entry == NULL ? NULL : (*entry)->value;
}

struct grebe__counted_child *grebe__counted_children_find(
    const struct grebe__counted_children *children, const char *name)
{
    return grebe__map_get(&children->by_name, name);
}

/* ---- Publishing ------------------------------------------------------------------------- */

/* The last picker stays, if all children that it knows do; else calls wait. */
static void bear_shortness(struct grebe__counted_children *children)
{
    grebe_client_conn_log(children->cc, GREBE_LOG_ERROR,
                          "%s: out of memory, no new picker yet", children->policy);
    grebe_timer_start(children->timer, grebe_client_conn_now_ns(children->cc) + retry_ns);
    if (children->has_losses)
        grebe_client_conn_update_state(children->cc, GREBE_CONNECTING, NULL);
}

static void publish(struct grebe__counted_children *children)
{
    if (!children->publish(children->arg)) {
        bear_shortness(children);
        return;
    }
    grebe_timer_cancel(children->timer);
    children->has_news = children->has_losses = false;
}

static void on_time(void *arg)
{
    publish(arg);
}

static void on_news(struct grebe__counted_children *children)
{
    children->has_news = true;
    if (!children->is_settling)
        publish(children);
}

/* ---- Children --------------------------------------------------------------------------- */

static void on_loss(void *arg)
{
    const struct grebe__counted_child *child = arg;

    on_news(child->owner);
}

/* Whoever publishes may have to listen to the same subconn anew: not from inside. */
static void on_unheard(void *arg)
{
    const struct grebe__counted_child *child = arg;
    struct grebe__counted_children *children = child->owner;

    children->has_news = true;
    grebe_timer_start(children->timer, grebe_client_conn_now_ns(children->cc));
}

static void on_update_state(void *arg, enum grebe_connectivity state,
                            struct grebe_picker *picker)
{
    struct grebe__counted_child *child = arg;
    bool has_fallen_idle = state == GREBE_IDLE && child->state != GREBE_IDLE;

    grebe_picker_unref(child->picker);
    child->picker = picker;
    child->state = state;
    if (has_fallen_idle && child->owner->wakes_idle)
        grebe_client_conn_request_exit_idle(child->cc);
    on_news(child->owner);
}

static void on_resolve_now(void *arg)
{
    const struct grebe__counted_child *child = arg;

    if (!child->ignores_reresolution)
        grebe_client_conn_resolve_now(child->owner->cc);
}

void grebe__counted_child_fail(struct grebe__counted_child *child, int error)
{
    struct grebe_status status =
        grebe_status_of(GREBE_STATUS_UNAVAILABLE, grebe_strerror(error));

    on_update_state(child, GREBE_TRANSIENT_FAILURE,
                    grebe_picker_failing(child->owner->mem, &status));
}

static int on_new_subconn(void *arg, const struct grebe_subconn_options *options,
                          struct grebe_subconn **out)
{
    struct grebe__counted_child *child = arg;

    return grebe__child_health_new_subconn(&child->health, options, out);
}

static void on_watch_health(void *arg, struct grebe_subconn *subconn,
                            grebe_subconn_state_fn on_health, void *health_arg)
{
    struct grebe__counted_child *child = arg;

    grebe__child_health_listen(&child->health, subconn, on_health, health_arg);
}

static const struct grebe_client_conn_ops child_ops = {
    .update_state = on_update_state,
    .resolve_now = on_resolve_now,
    .new_subconn = on_new_subconn,
    .watch_health = on_watch_health,
};

static void free_child(struct grebe__counted_child *child)
{
    const struct grebe_mem *mem = child->owner->mem;

    grebe_client_conn_close(child->cc);
    grebe__child_health_fini(&child->health);
    grebe_picker_unref(child->picker);
    grebe_mem_free(mem, child);
}

static void drop_child(struct grebe__counted_child *child)
{
    grebe__map_remove(&child->owner->by_name, child->name);
    child->owner->has_news = child->owner->has_losses = true;
    free_child(child);
}

static int add_child(struct grebe__counted_children *children, const char *name)
{
    size_t size = strlen(name) + 1;
    struct grebe__counted_child *child =
        grebe_mem_zalloc(children->mem, sizeof *child + size);
    int result;

    if (child == NULL)
        return GREBE_ERR_NOMEM;
    child->owner = children;
    child->state = GREBE_CONNECTING;
    child->picker = grebe_picker_queueing();
    child->is_new = true;
    memcpy(child->name, name, size);
    grebe__child_health_init(&child->health, children->cc, on_loss, on_unheard, child);
    result = grebe_client_conn_new_child(children->cc, &child_ops, child, &child->cc);
    if (result == GREBE_OK)
        result = grebe_client_conn_build(child->cc, &grebe_graceful_switch);
    if (result == GREBE_OK)
        result = grebe__map_put(&children->by_name, child->name, child);
    if (result != GREBE_OK) {
        free_child(child);
        return result;
    }
    children->has_news = true;
    return GREBE_OK;
}

/* ---- Updates ---------------------------------------------------------------------------- */

void grebe__counted_children_begin(struct grebe__counted_children *children)
{
    children->is_settling = children->has_news = true;
}

/* When memory is short, those that were added go again. */
static int add_children(struct grebe__counted_children *children,
                        const struct grebe__counted_wish *wishes, size_t n)
{
    struct grebe__map_entry *entry = NULL;
    struct grebe__counted_child *child;
    int result = GREBE_OK;

    for (size_t i = 0; i < n && result == GREBE_OK; i++)
        if (grebe__map_find(&children->by_name, wishes[i].name) == NULL)
            result = add_child(children, wishes[i].name);
    while (result != GREBE_OK &&
           (child = grebe__counted_children_next(children, &entry)) != NULL)
        if (child->is_new)
            drop_child(child);
    return result;
}

static int count_distinct(const struct grebe_mem *mem, struct grebe__counted_wish *wish)
{
    struct grebe__map seen;
    int result = GREBE_OK;

    grebe__map_init(&seen, mem, &grebe__by_endpoint);
    for (size_t i = 0; i < wish->n && result == GREBE_OK; i++)
        if (grebe_endpoint_n_addresses(wish->endpoints[i]) > 0)
            result = grebe__map_put(&seen, wish->endpoints[i], NULL);
    wish->n_distinct = seen.n;
    grebe__map_fini(&seen);
    return result;
}

static int tell_child(struct grebe__counted_child *child,
                      const struct grebe__counted_wish *wish,
                      const struct grebe_balancer_update *update)
{
    struct grebe_balancer_update for_child = *update;

    child->n_endpoints = wish->n_distinct;
    child->ignores_reresolution = wish->ignores_reresolution;
    child->is_listed = true;
    child->is_new = false;
    for_child.endpoints = wish->endpoints;
    for_child.n_endpoints = wish->n;
    for_child.config = wish->policy;
    return grebe_client_conn_update(child->cc, &for_child);
}

static void drop_unlisted(struct grebe__counted_children *children)
{
    struct grebe__map_entry *entry = NULL;
    struct grebe__counted_child *child;

    while ((child = grebe__counted_children_next(children, &entry)) != NULL) {
        if (!child->is_listed)
            drop_child(child);
        else
            child->is_listed = false;
    }
}

int grebe__counted_children_apply(struct grebe__counted_children *children,
                                  struct grebe__counted_wish *wishes, size_t n,
                                  const struct grebe_balancer_update *update)
{
    int result = GREBE_OK;

    for (size_t i = 0; i < n && result == GREBE_OK; i++)
        result = count_distinct(children->mem, &wishes[i]);
    if (result == GREBE_OK)
        result = add_children(children, wishes, n);
    if (result != GREBE_OK)
        return result;
    for (size_t i = 0; i < n; i++)
        wishes[i].result = tell_child(
            grebe__counted_children_find(children, wishes[i].name), &wishes[i], update);
    drop_unlisted(children);
    return GREBE_OK;
}

void grebe__counted_children_resolver_error(struct grebe__counted_children *children,
                                            const struct grebe_status *status)
{
    struct grebe__map_entry *entry = NULL;
    const struct grebe__counted_child *child;

    while ((child = grebe__counted_children_next(children, &entry)) != NULL)
        grebe_client_conn_resolver_error(child->cc, status);
}

void grebe__counted_children_exit_idle(struct grebe__counted_children *children)
{
    struct grebe__map_entry *entry = NULL;
    const struct grebe__counted_child *child;

    while ((child = grebe__counted_children_next(children, &entry)) != NULL)
        grebe_client_conn_exit_idle(child->cc);
}

void grebe__counted_children_settled(struct grebe__counted_children *children)
{
    children->is_settling = false;
    if (children->has_news)
        publish(children);
}

/* ---- Life ------------------------------------------------------------------------------- */

int grebe__counted_children_init(struct grebe__counted_children *children,
                                 struct grebe_client_conn *cc, const char *policy,
                                 bool (*publish_all)(void *arg), void *arg)
{
    *children = (struct grebe__counted_children){
        .cc = cc,
        .mem = grebe_client_conn_mem(cc),
        .policy = policy,
        .publish = publish_all,
        .arg = arg,
    };
    grebe__map_init(&children->by_name, children->mem, &grebe__by_text);
    return grebe_timer_new(cc, on_time, children, &children->timer);
}

void grebe__counted_children_fini(struct grebe__counted_children *children)
{
    struct grebe__map_entry *entry = NULL;
    struct grebe__counted_child *child;

    while ((child = grebe__counted_children_next(children, &entry)) != NULL)
        free_child(child);
    grebe__map_fini(&children->by_name);
    grebe_timer_destroy(children->timer);
}
