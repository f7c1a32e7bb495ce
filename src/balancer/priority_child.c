/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/priority_child.h"

#include <string.h>

static const uint64_t failover_ns = UINT64_C(10000000000);

/* ---- The timer -------------------------------------------------------------------------- */

static void expire(void *arg)
{
    struct grebe__priority_child *child = arg;

    child->is_waited_for = false;
    child->on_expired(child->arg);
}

static void wait_for(struct grebe__priority_child *child)
{
    child->is_waited_for = true;
    grebe_timer_start(child->timer, grebe_client_conn_now_ns(child->cc) + failover_ns);
}

static void wait_no_more(struct grebe__priority_child *child)
{
    child->is_waited_for = false;
    grebe_timer_cancel(child->timer);
}

/* ---- How it does ------------------------------------------------------------------------ */

/* Takes over the reference. */
static void set_state(struct grebe__priority_child *child, enum grebe_connectivity state,
                      struct grebe_picker *picker)
{
    grebe_picker_unref(child->picker);
    child->picker = picker;
    child->state = state;
    child->has_news = true;
}

void grebe__priority_child_report(struct grebe__priority_child *child,
                                  enum grebe_connectivity state,
                                  struct grebe_picker *picker)
{
    if (state == GREBE_CONNECTING) {
        if (!child->has_failed && child->state != GREBE_CONNECTING)
            wait_for(child);
    } else {
        child->has_failed = state == GREBE_TRANSIENT_FAILURE;
        wait_no_more(child);
    }
    set_state(child, state, grebe_picker_ref(picker));
}

static void fail(struct grebe__priority_child *child, int error)
{
    struct grebe_status status =
        grebe_status_of(GREBE_STATUS_UNAVAILABLE, grebe_strerror(error));
    struct grebe_picker *picker =
        grebe_picker_failing(grebe_client_conn_mem(child->cc), &status);

    grebe__priority_child_report(child, GREBE_TRANSIENT_FAILURE, picker);
    grebe_picker_unref(picker);
}

/* ---- Starting and stopping -------------------------------------------------------------- */

static int update(struct grebe__priority_child *child)
{
    const struct grebe_balancer_update update = {
        .endpoints = child->endpoints,
        .n_endpoints = child->n_endpoints,
        .attributes = child->attributes,
        .config = child->policy,
    };

    return grebe_balancer_group_update(child->group, child->name, &update);
}

/* One that serves goes on serving without the news.  Another begins again from nothing, with
 * the next start. */
static int bear_shortness(struct grebe__priority_child *child)
{
    if (!grebe__priority_child_is_usable(child)) {
        grebe_balancer_group_drop(child->group, child->name);
        child->is_started = false;
        fail(child, GREBE_ERR_NOMEM);
    }
    return GREBE_ERR_NOMEM;
}

int grebe__priority_child_tell(struct grebe__priority_child *child)
{
    int result;

    if (!child->is_started)
        return GREBE_OK;
    result = update(child);
    if (result == GREBE_ERR_NOMEM)
        return bear_shortness(child);
    if (result != GREBE_OK)
        fail(child, result); /* what it says of it itself comes later, and is better */
    return GREBE_OK;
}

static void reset(struct grebe__priority_child *child)
{
    child->has_failed = false;
    set_state(child, GREBE_CONNECTING, grebe_picker_queueing());
}

int grebe__priority_child_start(struct grebe__priority_child *child)
{
    enum grebe_connectivity state;
    struct grebe_picker *picker;
    int result = grebe_balancer_group_add(child->group, child->name,
                                          grebe_lb_config_builder(child->policy));

    if (result != GREBE_OK) {
        fail(child, result);
        return result;
    }
    reset(child);
    child->is_started = true;
    wait_for(child);
    if (grebe_balancer_group_state(child->group, child->name, &state, &picker))
        grebe__priority_child_report(child, state, picker);
    return grebe__priority_child_tell(child);
}

void grebe__priority_child_stop(struct grebe__priority_child *child)
{
    if (!child->is_started)
        return;
    child->is_started = false;
    wait_no_more(child);
    reset(child);
    grebe_balancer_group_remove(child->group, child->name);
}

/* ---- What it was told ------------------------------------------------------------------- */

static void forget(struct grebe__priority_child *child)
{
    grebe_lb_config_unref(child->policy);
    while (child->n_endpoints > 0)
        grebe_endpoint_unref(child->endpoints[--child->n_endpoints]);
    grebe_mem_free(grebe_client_conn_mem(child->cc), child->endpoints);
    grebe_attributes_unref(child->attributes);
}

void grebe__priority_child_keep(struct grebe__priority_child *child,
                                const struct grebe__named_child *config,
                                const struct grebe_attributes *attributes,
                                struct grebe_endpoint **endpoints, size_t n)
{
    struct grebe_lb_config *policy = grebe_lb_config_ref(config->policy);

    attributes = grebe_attributes_ref(attributes);
    forget(child);
    child->policy = policy;
    child->endpoints = endpoints;
    child->n_endpoints = n;
    child->attributes = attributes;
    child->ignores_reresolution = config->ignores_reresolution;
}

/* ---- Life ------------------------------------------------------------------------------- */

int grebe__priority_child_new(struct grebe_client_conn *cc,
                              struct grebe_balancer_group *group, const char *name,
                              void (*on_expired)(void *arg), void *arg,
                              struct grebe__priority_child **out)
{
    const struct grebe_mem *mem = grebe_client_conn_mem(cc);
    size_t size = strlen(name) + 1;
    struct grebe__priority_child *child = grebe_mem_zalloc(mem, sizeof *child + size);
    int result;

    if (child == NULL)
        return GREBE_ERR_NOMEM;
    child->cc = cc;
    child->group = group;
    child->on_expired = on_expired;
    child->arg = arg;
    memcpy(child->name, name, size);
    reset(child);
    result = grebe_timer_new(cc, expire, child, &child->timer);
    if (result != GREBE_OK) {
        grebe__priority_child_free(child);
        return result;
    }
    *out = child;
    return GREBE_OK;
}

void grebe__priority_child_free(struct grebe__priority_child *child)
{
    const struct grebe_mem *mem = grebe_client_conn_mem(child->cc);

    if (child->is_started)
        grebe__priority_child_stop(child);
    forget(child);
    grebe_timer_destroy(child->timer);
    grebe_picker_unref(child->picker);
    grebe_mem_free(mem, child);
}
