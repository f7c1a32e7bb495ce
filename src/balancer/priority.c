/* SPDX-License-Identifier: Apache-2.0 */
/* priority -- all calls go to the first child, in order, that is usable.
 *
 * A child is in use if it is READY or IDLE, and those behind it are then parked for 15 min;
 * if it has begun to connect less than 10 s ago, it is in use as well, but those behind it go
 * on.  Otherwise the next one is looked at, and started if it is not.  If none is usable or
 * waited for, it is the first that is CONNECTING, and if none is, the last.
 *
 * What a child goes through is in priority_child.c.  Left here: who is in use.
 *
 * Sources: gRFC A56; gRFC A115 (removed children).  grpc-go parks those behind a child that
 * is waited for, too, and has no second look; this is as the proposal has it.
 */
#include "balancer/priority.h"

#include <string.h>

#include "balancer/by_path.h"
#include "balancer/child_policy.h"
#include "balancer/narrated_picker.h"
#include "balancer/priority_child.h"
#include "balancer/priority_config.h"
#include "base/text.h"

static const char policy_name[] = "priority";
static const uint64_t park_ns = UINT64_C(15) * 60 * 1000000000;
static const uint64_t retry_ns = UINT64_C(1000000000);

struct priority {
    struct grebe_balancer base;
    struct grebe_client_conn *cc;
    const struct grebe_mem *mem;
    struct grebe_balancer_group *group;
    struct grebe__map children;           /* name -> struct grebe__priority_child */
    struct grebe__priority_child **order; /* n of them, the best first */
    size_t n;
    const struct grebe__priority_child *in_use; /* whose picker was published; or NULL */
    struct grebe_timer *retry; /* of starting one, when memory was short */
    bool is_settling;          /* nothing is published */
};

static struct priority *of(struct grebe_balancer *base)
{
    return grebe_container_of(base, struct priority, base);
}

static struct grebe__priority_child *next_child(const struct priority *priority,
                                                struct grebe__map_entry **entry)
{
    *entry = grebe__map_next(&priority->children, *entry);
    return *entry == NULL ? NULL : (*entry)->value;
}

/* ---- Who is in use ---------------------------------------------------------------------- */

static void try_again_soon(struct priority *priority)
{
    grebe_timer_start(priority->retry, grebe_client_conn_now_ns(priority->cc) + retry_ns);
}

static void stop_behind(struct priority *priority, size_t place)
{
    for (size_t i = place + 1; i < priority->n; i++)
        grebe__priority_child_stop(priority->order[i]);
}

static struct grebe__priority_child *first_that_connects(const struct priority *priority)
{
    for (size_t i = 0; i < priority->n; i++)
        if (priority->order[i]->state == GREBE_CONNECTING)
            return priority->order[i];
    return priority->order[priority->n - 1];
}

/* There is at least one. */
static struct grebe__priority_child *choose(struct priority *priority)
{
    for (size_t i = 0; i < priority->n; i++) {
        struct grebe__priority_child *child = priority->order[i];

        if (!child->is_started && grebe__priority_child_start(child) != GREBE_OK)
            try_again_soon(priority);
        if (grebe__priority_child_is_usable(child)) {
            stop_behind(priority, i);
            return child;
        }
        if (child->is_waited_for)
            return child;
    }
    return first_that_connects(priority);
}

/* ---- Publishing ------------------------------------------------------------------------- */

static const char *why_not(const struct grebe__priority_child *child)
{
    if (child->state != GREBE_CONNECTING)
        return grebe_connectivity_name(child->state);
    return child->has_failed ? "CONNECTING after it failed" : "CONNECTING for 10 s";
}

/* With the names of those that come before it, and why they were passed over. */
static struct grebe_picker *narrate(const struct priority *priority,
                                    const struct grebe__priority_child *child)
{
    char passed_over[192];
    struct grebe__text text = grebe__text_init(passed_over, sizeof passed_over);
    size_t place = 0;

    for (; priority->order[place] != child; place++)
        grebe__text_printf(&text, "; \"%s\" was passed over: %s",
                           priority->order[place]->name, why_not(priority->order[place]));
    return grebe__narrated_picker(priority->mem, grebe_picker_ref(child->picker),
                                  policy_name, "the first child that is usable",
                                  "\"%s\" is number %zu of %zu%s", child->name, place + 1,
                                  priority->n, passed_over);
}

static void publish_none(struct priority *priority)
{
    struct grebe_status status = grebe_status_of(
        GREBE_STATUS_UNAVAILABLE, "no priority is provided, all priorities are removed");

    priority->in_use = NULL;
    grebe_client_conn_update_state(priority->cc, GREBE_TRANSIENT_FAILURE,
                                   grebe_picker_failing(priority->mem, &status));
}

/* Whatever happened: who is in use now?  Told above if it is another one, or has news. */
static void synchronise(struct priority *priority)
{
    struct grebe__priority_child *child;

    if (priority->n == 0)
        return;
    child = choose(priority);
    if (priority->is_settling || (child == priority->in_use && !child->has_news))
        return;
    priority->in_use = child;
    child->has_news = false;
    grebe_client_conn_update_state(priority->cc, child->state, narrate(priority, child));
}

static void on_time(void *arg)
{
    synchronise(arg);
}

static void on_state(void *arg, const char *name, enum grebe_connectivity state,
                     struct grebe_picker *picker)
{
    struct priority *priority = arg;

    grebe__priority_child_report(grebe__map_get(&priority->children, name), state,
                                 picker);
    synchronise(priority);
}

static void on_resolve_now(void *arg, const char *name)
{
    struct priority *priority = arg;
    const struct grebe__priority_child *child = grebe__map_get(&priority->children, name);

    if (!child->ignores_reresolution)
        grebe_client_conn_resolve_now(priority->cc);
}

/* ---- Updates ---------------------------------------------------------------------------- */

/* One that is removed is gone at once, parked or not; unless it is wanted back, it may be
 * (gRFC A115). */
static void drop_child(struct priority *priority, struct grebe__priority_child *child,
                       bool is_parked)
{
    grebe__map_remove(&priority->children, child->name);
    grebe__priority_child_stop(child);
    if (!is_parked)
        grebe_balancer_group_drop(priority->group, child->name);
    if (priority->in_use == child)
        priority->in_use = NULL;
    grebe__priority_child_free(child);
}

static int add_child(struct priority *priority, const char *name)
{
    struct grebe__priority_child *child;
    int result = grebe__priority_child_new(priority->cc, priority->group, name, on_time,
                                           priority, &child);

    if (result != GREBE_OK)
        return result;
    result = grebe__map_put(&priority->children, child->name, child);
    if (result == GREBE_OK)
        child->is_new = true;
    else
        grebe__priority_child_free(child);
    return result;
}

/* Nothing else of an update needs memory of ours.  New ones go again when there is none. */
static int add_children(struct priority *priority,
                        const struct grebe__priorities *priorities)
{
    struct grebe__map_entry *entry = NULL;
    struct grebe__priority_child *child;
    int result = GREBE_OK;

    for (size_t i = 0; i < priorities->children.n && result == GREBE_OK; i++)
        if (grebe__map_find(&priority->children, priorities->order[i]->name) == NULL)
            result = add_child(priority, priorities->order[i]->name);
    while (result != GREBE_OK && (child = next_child(priority, &entry)) != NULL)
        if (child->is_new)
            drop_child(priority, child, true);
    return result;
}

static bool has_other_policy(const struct grebe__priority_child *child,
                             const struct grebe__named_child *config)
{
    return child->policy != NULL &&
           strcmp(grebe_lb_config_builder(child->policy)->name,
                  grebe_lb_config_builder(config->policy)->name) != 0;
}

/* One of another policy is closed and begins anew. */
static int apply(struct priority *priority, struct grebe__priority_child *child,
                 const struct grebe__named_child *config,
                 const struct grebe_balancer_update *update, struct grebe__group group)
{
    bool is_other = has_other_policy(child, config), was_started = child->is_started;

    child->is_listed = true;
    child->is_new = false;
    if (is_other) {
        grebe__priority_child_stop(child);
        grebe_balancer_group_drop(priority->group, child->name);
    }
    grebe__priority_child_keep(child, config, update->attributes, group.endpoints,
                               group.n);
    return is_other && was_started ? grebe__priority_child_start(child)
                                   : grebe__priority_child_tell(child);
}

static void drop_unlisted(struct priority *priority, bool is_parked)
{
    struct grebe__map_entry *entry = NULL;
    struct grebe__priority_child *child;

    while ((child = next_child(priority, &entry)) != NULL) {
        if (!child->is_listed)
            drop_child(priority, child, is_parked);
        else
            child->is_listed = false;
    }
}

static int carry_out(struct priority *priority,
                     const struct grebe__priority_config *config,
                     const struct grebe_balancer_update *update,
                     struct grebe__groups *groups, struct grebe__priority_child **order)
{
    const struct grebe__priorities *priorities = &config->priorities;
    int result = GREBE_OK;

    priority->is_settling = true;
    for (size_t i = 0; i < priorities->children.n; i++) {
        order[i] = grebe__map_get(&priority->children, priorities->order[i]->name);
        if (apply(priority, order[i], priorities->order[i], update,
                  grebe__groups_take(groups, order[i]->name)) == GREBE_ERR_NOMEM)
            result = GREBE_ERR_NOMEM;
    }
    drop_unlisted(priority, config->caches_removed);
    grebe_mem_free(priority->mem, priority->order);
    priority->order = order;
    priority->n = priorities->children.n;
    if (result == GREBE_ERR_NOMEM)
        try_again_soon(priority);
    synchronise(priority);
    return result;
}

static int update_groups(struct priority *priority,
                         const struct grebe__priority_config *config,
                         const struct grebe_balancer_update *update,
                         struct grebe__groups *groups)
{
    const struct grebe__priorities *priorities = &config->priorities;
    struct grebe__priority_child **order =
        grebe_mem_alloc(priority->mem, (priorities->children.n + 1) * sizeof *order);
    int result = order == NULL ? GREBE_ERR_NOMEM : add_children(priority, priorities);

    if (result == GREBE_OK)
        return carry_out(priority, config, update, groups, order);
    grebe_mem_free(priority->mem, order);
    return result;
}

static int on_update(struct grebe_balancer *base,
                     const struct grebe_balancer_update *update)
{
    struct priority *priority = of(base);
    const struct grebe__priority_config *config = update->config;
    struct grebe__groups groups;
    int result;

    if (config == NULL)
        return grebe__child_policy_missing(priority->cc, policy_name);
    result = grebe__by_path(&groups, priority->cc, policy_name,
                            &config->priorities.children, update);
    if (result != GREBE_OK)
        return result;
    result = update_groups(priority, config, update, &groups);
    grebe__groups_fini(&groups);
    return result;
}

static void on_resolver_error(struct grebe_balancer *base,
                              const struct grebe_status *status)
{
    struct priority *priority = of(base);

    if (priority->order == NULL) /* there was no memory for its first update */
        grebe_client_conn_update_state(priority->cc, GREBE_TRANSIENT_FAILURE,
                                       grebe_picker_failing(priority->mem, status));
    grebe_balancer_group_resolver_error(priority->group, status);
}

static void on_exit_idle(struct grebe_balancer *base)
{
    grebe_balancer_group_exit_idle(of(base)->group);
}

static void on_settled(struct grebe_balancer *base)
{
    struct priority *priority = of(base);
    bool was_settling = priority->is_settling;

    priority->is_settling = false;
    if (priority->n > 0)
        synchronise(priority);
    else if (was_settling)
        publish_none(priority);
}

/* ---- Life ------------------------------------------------------------------------------- */

static void destroy(struct grebe_balancer *base)
{
    struct priority *priority = of(base);
    struct grebe__map_entry *entry = NULL;
    struct grebe__priority_child *child;

    while ((child = next_child(priority, &entry)) != NULL)
        grebe__priority_child_free(child);
    grebe__map_fini(&priority->children);
    grebe_mem_free(priority->mem, priority->order);
    grebe_balancer_group_destroy(priority->group);
    grebe_timer_destroy(priority->retry);
    grebe_mem_free(priority->mem, priority);
}

static const struct grebe_balancer_ops ops = {
    .update = on_update,
    .resolver_error = on_resolver_error,
    .exit_idle = on_exit_idle,
    .settled = on_settled,
    .destroy = destroy,
};

static int build(struct grebe_client_conn *cc, const struct grebe_build_options *options,
                 struct grebe_balancer **out)
{
    struct grebe_balancer_group_options how = GREBE_BALANCER_GROUP_OPTIONS_INIT;
    const struct grebe_mem *mem = grebe_client_conn_mem(cc);
    struct priority *priority = grebe_mem_zalloc(mem, sizeof *priority);
    int result;

    (void)options;
    if (priority == NULL)
        return GREBE_ERR_NOMEM;
    grebe_balancer_init(&priority->base, &ops);
    priority->cc = cc;
    priority->mem = mem;
    grebe__map_init(&priority->children, mem, &grebe__by_text);
    how.on_state = on_state;
    how.on_resolve_now = on_resolve_now;
    how.arg = priority;
    how.park_ns = park_ns;
    result = grebe_balancer_group_new(cc, &how, &priority->group);
    if (result == GREBE_OK)
        result = grebe_timer_new(cc, on_time, priority, &priority->retry);
    if (result != GREBE_OK) {
        destroy(&priority->base);
        return result;
    }
    *out = &priority->base;
    return GREBE_OK;
}

const struct grebe_balancer_builder grebe__priority = {
    .api = GREBE_BALANCER_API,
    .name = "priority",
    .parse_config = grebe__priority_config_parse,
    .free_config = grebe__priority_config_free,
    .build = build,
};

/* As grpc-go has it. */
const struct grebe_balancer_builder grebe__priority_experimental = {
    .api = GREBE_BALANCER_API,
    .name = "priority_experimental",
    .parse_config = grebe__priority_config_parse,
    .free_config = grebe__priority_config_free,
    .build = build,
};
