/* SPDX-License-Identifier: Apache-2.0 */
/* weighted_target -- calls are spread over named children by chance, as their weights say.
 *
 * Each target gets the endpoints whose path begins with its name (grebe/path.h), and runs a
 * policy of its own over them, in a balancer group.  Left here: what the targets are
 * together, and who of them takes the next call.
 *
 * A target that failed counts as failed until it reports something else than that it is
 * CONNECTING: else all would wait for one that is only trying again.  (For grpc-go it counts
 * as CONNECTING when it says so a second time.)
 *
 * Sources: grpc-go packages balancer/weightedtarget and its weightedaggregator; gRFC A28.
 */
#include "balancer/weighted_target.h"

#include <string.h>

#include <grebe/balancer_group.h>
#include <grebe/state_evaluator.h>

#include "balancer/by_path.h"
#include "balancer/child_policy.h"
#include "balancer/named_children.h"
#include "balancer/weighted_picker.h"

static const char policy_name[] = "weighted_target";

/* ---- Configuration ---------------------------------------------------------------------- */

struct config {
    struct grebe__named_children targets;
};

static int read_weight(const struct grebe_json *json, struct grebe_diag *diag,
                       struct grebe__named_child *child)
{
    return grebe_json_get_uint32(json, "weight", &child->weight, diag);
}

static const struct grebe__named_children_format format = {
    .policy = "childPolicy",
    .read_more = read_weight,
};

static int parse(const struct grebe_json *json, struct grebe_diag *diag, void **out)
{
    struct config *config;
    int error;

    config = grebe_mem_zalloc(NULL, sizeof *config);
    if (config == NULL)
        return GREBE_ERR_NOMEM;
    error = grebe__named_children_read(json, "targets", &format, diag, &config->targets);
    if (error != GREBE_OK) {
        grebe_mem_free(NULL, config);
        return error;
    }
    *out = config;
    return GREBE_OK;
}

static void free_config(void *value)
{
    struct config *config = value;

    grebe__named_children_free(&config->targets);
    grebe_mem_free(NULL, config);
}

/* ---- Targets ---------------------------------------------------------------------------- */

struct target {
    uint32_t weight;
    const struct grebe_balancer_builder *builder; /* NULL: it could not be built */
    enum grebe_connectivity counted;              /* the state it counts with */
    struct grebe_picker *picker;                  /* a reference */
    bool is_listed;                               /* in the update being applied */
    char name[];
};

struct weighted_target {
    struct grebe_balancer base;
    struct grebe_client_conn *cc;
    const struct grebe_mem *mem;
    struct grebe_balancer_group *group;
    struct grebe__map targets; /* name -> struct target */
    struct grebe_timer *retry; /* of publishing, when memory was short */
    bool is_settling;          /* reports are noted only */
    bool has_news;             /* since something was published */
    bool has_losses;           /* likewise: targets, or all that one had */
};

static const uint64_t retry_ns = UINT64_C(1000000000);

static struct weighted_target *of(struct grebe_balancer *base)
{
    return grebe_container_of(base, struct weighted_target, base);
}

static struct target *next_target(const struct weighted_target *wt,
                                  struct grebe__map_entry **entry)
{
    *entry = grebe__map_next(&wt->targets, *entry);
    return *entry == NULL ? NULL : (*entry)->value;
}

static void set_picker(struct target *target, struct grebe_picker *picker)
{
    grebe_picker_unref(target->picker);
    target->picker = picker;
}

static void restart(struct target *target)
{
    target->counted = GREBE_CONNECTING;
    set_picker(target, grebe_picker_queueing());
}

static void fail(struct weighted_target *wt, struct target *target, int error)
{
    struct grebe_status status =
        grebe_status_of(GREBE_STATUS_UNAVAILABLE, grebe_strerror(error));

    target->counted = GREBE_TRANSIENT_FAILURE;
    set_picker(target, grebe_picker_failing(wt->mem, &status));
}

static void free_target(struct weighted_target *wt, struct target *target)
{
    grebe_balancer_group_remove(wt->group, target->name);
    grebe_picker_unref(target->picker);
    grebe_mem_free(wt->mem, target);
}

static void drop_target(struct weighted_target *wt, struct target *target)
{
    grebe__map_remove(&wt->targets, target->name);
    free_target(wt, target);
    wt->has_news = wt->has_losses = true;
}

static int new_target(struct weighted_target *wt, const struct grebe__named_child *child)
{
    size_t size = strlen(child->name) + 1;
    struct target *target = grebe_mem_zalloc(wt->mem, sizeof *target + size);
    int result;

    if (target == NULL)
        return GREBE_ERR_NOMEM;
    target->builder = grebe_lb_config_builder(child->policy);
    memcpy(target->name, child->name, size);
    restart(target);
    result = grebe_balancer_group_add(wt->group, target->name, target->builder);
    if (result == GREBE_OK)
        result = grebe__map_put(&wt->targets, target->name, target);
    if (result != GREBE_OK) {
        free_target(wt, target);
        return result;
    }
    target->is_listed = true;
    wt->has_news = true;
    return GREBE_OK;
}

/* ---- Publishing ------------------------------------------------------------------------- */

static enum grebe_connectivity state_of_all(const struct weighted_target *wt)
{
    struct grebe_state_evaluator states = {{0}};
    struct grebe__map_entry *entry = NULL;
    const struct target *target;

    while ((target = next_target(wt, &entry)) != NULL)
        grebe_state_evaluator_record(&states, GREBE_SHUTDOWN, target->counted);
    return grebe_state_evaluator_state(&states);
}

static struct grebe_picker *no_targets(const struct weighted_target *wt)
{
    struct grebe_status status =
        grebe_status_of(GREBE_STATUS_UNAVAILABLE, "no targets to pick from");

    return grebe_picker_failing(wt->mem, &status);
}

/* Over targets in the state of all: those that are READY take calls, and those that are IDLE
 * are woken by them.  When all have failed each tells its error, as its weight says; one of
 * them may be trying again, and has calls wait. */
static struct grebe_picker *over_targets(const struct weighted_target *wt,
                                         enum grebe_connectivity state)
{
    struct grebe__weighted_child *children =
        grebe_mem_alloc(wt->mem, wt->targets.n * sizeof *children);
    struct grebe__map_entry *entry = NULL;
    const struct target *target;
    struct grebe_picker *picker;
    size_t n = 0;

    if (children == NULL)
        return NULL;
    while ((target = next_target(wt, &entry)) != NULL)
        children[n++] = (struct grebe__weighted_child){
            .name = target->name,
            .picker = target->picker,
            .state = target->counted,
            .weight = target->weight,
            .takes_part = target->counted == state,
        };
    picker = grebe__weighted_picker(wt->cc, policy_name, children, n);
    grebe_mem_free(wt->mem, children);
    return picker;
}

/* The last picker stays, if all targets that it knows do; else calls wait. */
static void bear_shortness(struct weighted_target *wt)
{
    grebe_client_conn_log(wt->cc, GREBE_LOG_ERROR,
                          "weighted_target: out of memory, no new picker yet");
    grebe_timer_start(wt->retry, grebe_client_conn_now_ns(wt->cc) + retry_ns);
    if (wt->has_losses)
        grebe_client_conn_update_state(wt->cc, GREBE_CONNECTING, NULL);
}

static void publish(struct weighted_target *wt)
{
    enum grebe_connectivity state = state_of_all(wt);
    struct grebe_picker *picker;

    if (wt->targets.n == 0)
        picker = no_targets(wt);
    else if (state == GREBE_CONNECTING)
        picker = grebe_picker_queueing();
    else
        picker = over_targets(wt, state);
    if (picker == NULL) {
        bear_shortness(wt);
        return;
    }
    grebe_timer_cancel(wt->retry);
    wt->has_news = wt->has_losses = false;
    grebe_client_conn_update_state(wt->cc, state, picker);
}

static void on_retry(void *arg)
{
    publish(arg);
}

static void on_state(void *arg, const char *name, enum grebe_connectivity state,
                     struct grebe_picker *picker)
{
    struct weighted_target *wt = arg;
    struct target *target = grebe__map_get(&wt->targets, name);

    set_picker(target, grebe_picker_ref(picker));
    if (target->counted == GREBE_TRANSIENT_FAILURE && state == GREBE_CONNECTING)
        return;
    target->counted = state;
    wt->has_news = true;
    if (!wt->is_settling)
        publish(wt);
}

/* ---- Updates ---------------------------------------------------------------------------- */

static void forget_listing(struct weighted_target *wt)
{
    struct grebe__map_entry *entry = NULL;
    struct target *target;

    while ((target = next_target(wt, &entry)) != NULL)
        target->is_listed = false;
}

static void drop_unlisted(struct weighted_target *wt)
{
    struct grebe__map_entry *entry = NULL;
    struct target *target;

    while ((target = next_target(wt, &entry)) != NULL)
        if (!target->is_listed)
            drop_target(wt, target);
}

/* Those that are new are marked as listed; when memory is short they go again. */
static int add_new(struct weighted_target *wt, const struct config *config)
{
    forget_listing(wt);
    for (size_t i = 0; i < config->targets.n; i++) {
        const struct grebe__named_child *child = &config->targets.list[i];
        struct grebe__map_entry *entry = NULL;
        struct target *target;
        int result;

        if (grebe__map_find(&wt->targets, child->name) != NULL)
            continue;
        result = new_target(wt, child);
        if (result == GREBE_OK)
            continue;
        while ((target = next_target(wt, &entry)) != NULL)
            if (target->is_listed)
                drop_target(wt, target);
        return result;
    }
    return GREBE_OK;
}

/* Another policy begins from scratch: its predecessor's calls do not wait for it. */
static int change_policy(struct weighted_target *wt, struct target *target,
                         const struct grebe_balancer_builder *builder)
{
    int result;

    if (target->builder != NULL && strcmp(target->builder->name, builder->name) == 0)
        return GREBE_OK;
    grebe_balancer_group_remove(wt->group, target->name);
    restart(target);
    wt->has_news = wt->has_losses = true;
    result = grebe_balancer_group_add(wt->group, target->name, builder);
    target->builder = result == GREBE_OK ? builder : NULL;
    if (result != GREBE_OK)
        fail(wt, target, result);
    return result;
}

static int tell_target(struct weighted_target *wt, struct target *target,
                       const struct grebe__named_child *child,
                       const struct grebe_balancer_update *update,
                       const struct grebe__group *group)
{
    struct grebe_balancer_update for_target = {
        .endpoints = group->endpoints,
        .n_endpoints = group->n,
        .config = child->policy,
    };
    int result = grebe_attributes_with_text(wt->mem, update->attributes,
                                            &GREBE_ATTRIBUTE_LOCALITY_NAME, target->name,
                                            &for_target.attributes);

    if (result != GREBE_OK)
        return result;
    result = grebe_balancer_group_update(wt->group, target->name, &for_target);
    grebe_attributes_unref(for_target.attributes);
    return result;
}

/* What a target says to its update is its own affair; but that memory is short is ours. */
static int tell_targets(struct weighted_target *wt, const struct config *config,
                        const struct grebe_balancer_update *update,
                        const struct grebe__groups *groups)
{
    int result = GREBE_OK;

    for (size_t i = 0; i < config->targets.n; i++) {
        const struct grebe__named_child *child = &config->targets.list[i];
        struct target *target = grebe__map_get(&wt->targets, child->name);
        int of_target = change_policy(wt, target, grebe_lb_config_builder(child->policy));

        target->weight = child->weight;
        target->is_listed = true;
        if (of_target == GREBE_OK)
            of_target = tell_target(wt, target, child, update,
                                    grebe__groups_get(groups, target->name));
        if (of_target == GREBE_ERR_NOMEM)
            result = of_target;
    }
    return result;
}

static int wt_update(struct grebe_balancer *base,
                     const struct grebe_balancer_update *update)
{
    struct weighted_target *wt = of(base);
    const struct config *config = update->config;
    struct grebe__groups groups;
    int result;

    if (config == NULL)
        return grebe__child_policy_missing(wt->cc, policy_name);
    result = grebe__by_path(&groups, wt->cc, policy_name, &config->targets, update);
    if (result != GREBE_OK)
        return result;
    result = add_new(wt, config);
    if (result == GREBE_OK) {
        wt->is_settling = true;
        result = tell_targets(wt, config, update, &groups);
        drop_unlisted(wt);
        wt->has_news = wt->has_news || wt->targets.n == 0;
    }
    grebe__groups_fini(&groups);
    return result;
}

static void wt_resolver_error(struct grebe_balancer *base,
                              const struct grebe_status *status)
{
    struct weighted_target *wt = of(base);

    if (wt->targets.n == 0) /* perhaps there was no memory for its first update */
        grebe_client_conn_update_state(wt->cc, GREBE_TRANSIENT_FAILURE,
                                       grebe_picker_failing(wt->mem, status));
    grebe_balancer_group_resolver_error(wt->group, status);
}

static void wt_exit_idle(struct grebe_balancer *base)
{
    grebe_balancer_group_exit_idle(of(base)->group);
}

static void wt_settled(struct grebe_balancer *base)
{
    struct weighted_target *wt = of(base);

    wt->is_settling = false;
    if (wt->has_news)
        publish(wt);
}

/* ---- Life ------------------------------------------------------------------------------- */

static void wt_destroy(struct grebe_balancer *base)
{
    struct weighted_target *wt = of(base);
    struct grebe__map_entry *entry = NULL;
    struct target *target;

    while ((target = next_target(wt, &entry)) != NULL)
        free_target(wt, target);
    grebe__map_fini(&wt->targets);
    grebe_balancer_group_destroy(wt->group);
    grebe_timer_destroy(wt->retry);
    grebe_mem_free(wt->mem, wt);
}

static const struct grebe_balancer_ops wt_ops = {
    .update = wt_update,
    .resolver_error = wt_resolver_error,
    .exit_idle = wt_exit_idle,
    .settled = wt_settled,
    .destroy = wt_destroy,
};

static int build(struct grebe_client_conn *cc, const struct grebe_build_options *options,
                 struct grebe_balancer **out)
{
    struct grebe_balancer_group_options how = GREBE_BALANCER_GROUP_OPTIONS_INIT;
    const struct grebe_mem *mem = grebe_client_conn_mem(cc);
    struct weighted_target *wt = grebe_mem_zalloc(mem, sizeof *wt);
    int result;

    (void)options;
    if (wt == NULL)
        return GREBE_ERR_NOMEM;
    grebe_balancer_init(&wt->base, &wt_ops);
    wt->cc = cc;
    wt->mem = mem;
    grebe__map_init(&wt->targets, mem, &grebe__by_text);
    how.on_state = on_state;
    how.arg = wt;
    result = grebe_balancer_group_new(cc, &how, &wt->group);
    if (result == GREBE_OK)
        result = grebe_timer_new(cc, on_retry, wt, &wt->retry);
    if (result != GREBE_OK) {
        wt_destroy(&wt->base);
        return result;
    }
    *out = &wt->base;
    return GREBE_OK;
}

const struct grebe_balancer_builder grebe__weighted_target = {
    .api = GREBE_BALANCER_API,
    .name = "weighted_target",
    .parse_config = parse,
    .free_config = free_config,
    .build = build,
};

/* As grpc-go has it. */
const struct grebe_balancer_builder grebe__weighted_target_experimental = {
    .api = GREBE_BALANCER_API,
    .name = "weighted_target_experimental",
    .parse_config = parse,
    .free_config = free_config,
    .build = build,
};
