/* SPDX-License-Identifier: Apache-2.0 */
/* api/manual.c -- grebe/manual.h: news of any thread, delivered on the loops of others.
 *
 * Every channel that listens has an outlet.  News is posted to the loops of all outlets
 * under the lock under which outlets come and go: so each outlet gets what came after it
 * was linked, in one order for all, and no loop is touched that may be gone.
 */
#include <grebe/manual.h>

#include <string.h>

#include "base/options.h"
#include "base/ref.h"
#include "core/env.h"
#include "core/resolver_conn.h"
#include "io/lock.h"
#include "resolver/endpoint_list.h"
#include "resolver/snapshot.h"

struct grebe_manual_resolver {
    struct grebe_resolver_builder builder;
    const struct grebe_mem *mem;
    uint32_t refs;
    struct grebe_manual_resolver_options options;
    struct grebe__lock lock; /* guards what follows */
    struct grebe__list outlets;
    uint64_t n_builds;
    struct grebe__snapshot *state; /* the last; NULL: there is none */
    struct grebe__snapshot *error; /* newer than the state; NULL: there is none */
    char scheme[];
};

/* A resolver, as a channel has it. */
struct outlet {
    struct grebe_resolver base;
    uint32_t refs; /* the channel's, and one for each task and effect under way */
    struct grebe_manual_resolver *manual; /* a reference */
    struct grebe__list link;              /* on manual->outlets */
    struct grebe_resolver_conn *conn;     /* NULL: nobody listens any more */
    struct grebe__env *env;               /* while somebody does */
    uint64_t id;
    struct grebe__effect built, wanted, closed; /* on their way to the application */
    char target[];
};

/* News on its way to one channel, and what that made of it on its way back. */
struct delivery {
    struct grebe__list link; /* while they are made */
    struct grebe__task task;
    struct grebe__effect told;
    struct outlet *outlet;        /* a reference */
    struct grebe__snapshot *news; /* a reference */
    int result;
};

/* ---- The object --------------------------------------------------------------------- */

struct grebe_manual_resolver *
grebe_manual_resolver_ref(struct grebe_manual_resolver *manual)
{
    grebe__ref_get(&manual->refs);
    return manual;
}

void grebe_manual_resolver_unref(struct grebe_manual_resolver *manual)
{
    if (manual == NULL || !grebe__ref_put(&manual->refs))
        return;
    grebe__snapshot_unref(manual->state);
    grebe__snapshot_unref(manual->error);
    grebe__lock_fini(&manual->lock);
    grebe_mem_free(manual->mem, manual);
}

static struct grebe_manual_resolver *
manual_of(const struct grebe_resolver_builder *builder)
{
    return (
        struct grebe_manual_resolver *)((uintptr_t)builder -
                                        offsetof(struct grebe_manual_resolver, builder));
}

static void ref_builder(const struct grebe_resolver_builder *builder)
{
    grebe_manual_resolver_ref(manual_of(builder));
}

static void unref_builder(const struct grebe_resolver_builder *builder)
{
    grebe_manual_resolver_unref(manual_of(builder));
}

const struct grebe_resolver_builder *
grebe_manual_resolver_builder(struct grebe_manual_resolver *manual)
{
    return &manual->builder;
}

/* ---- Telling the application, outside of turns ---------------------------------------- */

static struct outlet *ref_outlet(struct outlet *outlet)
{
    grebe__ref_get(&outlet->refs);
    return outlet;
}

static void unref_outlet(struct outlet *outlet)
{
    struct grebe_manual_resolver *manual = outlet->manual;

    if (!grebe__ref_put(&outlet->refs))
        return;
    grebe_mem_free(manual->mem, outlet);
    grebe_manual_resolver_unref(manual);
}

static void tell_built(struct grebe__effect *effect)
{
    struct outlet *outlet = grebe_container_of(effect, struct outlet, built);
    const struct grebe_manual_resolver_options *options = &outlet->manual->options;

    options->on_build(options->arg, outlet->id, outlet->target);
    unref_outlet(outlet);
}

static void tell_wanted(struct grebe__effect *effect)
{
    struct outlet *outlet = grebe_container_of(effect, struct outlet, wanted);
    const struct grebe_manual_resolver_options *options = &outlet->manual->options;

    options->on_resolve_now(options->arg, outlet->id);
    unref_outlet(outlet);
}

static void tell_closed(struct grebe__effect *effect)
{
    struct outlet *outlet = grebe_container_of(effect, struct outlet, closed);
    const struct grebe_manual_resolver_options *options = &outlet->manual->options;

    options->on_close(options->arg, outlet->id);
    unref_outlet(outlet);
}

/* A wish that is on its way stands for those that come meanwhile. */
static void tell(struct outlet *outlet, struct grebe__effect *effect)
{
    if (grebe__effect_is_queued(effect))
        return;
    ref_outlet(outlet);
    grebe__env_finish(outlet->env, effect);
}

/* ---- Delivery ----------------------------------------------------------------------- */

static void free_delivery(struct delivery *delivery)
{
    struct outlet *outlet = delivery->outlet;

    grebe__snapshot_unref(delivery->news);
    grebe_mem_free(outlet->manual->mem, delivery);
    unref_outlet(outlet);
}

static void tell_result(struct grebe__effect *effect)
{
    struct delivery *delivery = grebe_container_of(effect, struct delivery, told);
    struct outlet *outlet = delivery->outlet;
    const struct grebe_manual_resolver_options *options = &outlet->manual->options;

    options->on_result(options->arg, outlet->id, delivery->result);
    free_delivery(delivery);
}

/* On the channel's loop, in a turn.  What comes too late is dropped. */
static void deliver(struct grebe__task *task)
{
    struct delivery *delivery = grebe_container_of(task, struct delivery, task);
    struct outlet *outlet = delivery->outlet;
    const struct grebe__snapshot *news = delivery->news;

    if (outlet->conn != NULL && news->is_error) {
        grebe_resolver_conn_report_error(outlet->conn, &news->error.view);
    } else if (outlet->conn != NULL) {
        delivery->result = grebe_resolver_conn_update(outlet->conn, &news->state);
        if (outlet->manual->options.on_result != NULL) {
            grebe__env_finish(outlet->env, &delivery->told);
            return;
        }
    }
    free_delivery(delivery);
}

static struct delivery *new_delivery(struct outlet *outlet, struct grebe__snapshot *news)
{
    struct delivery *delivery = grebe_mem_zalloc(outlet->manual->mem, sizeof *delivery);

    if (delivery == NULL)
        return NULL;
    grebe__list_init(&delivery->link);
    grebe__effect_init(&delivery->told, tell_result);
    delivery->task.run = deliver;
    delivery->outlet = ref_outlet(outlet);
    delivery->news = grebe__snapshot_ref(news);
    return delivery;
}

static bool prepare_all(struct grebe_manual_resolver *manual,
                        struct grebe__snapshot *news, struct grebe__list *deliveries)
{
    grebe__list_foreach (link, &manual->outlets) {
        struct delivery *delivery =
            new_delivery(grebe_container_of(link, struct outlet, link), news);

        if (delivery == NULL)
            return false;
        grebe__list_append(deliveries, &delivery->link);
    }
    return true;
}

/* With the lock held, so that all these loops are there. */
static void post_all(struct grebe__list *deliveries)
{
    struct grebe__list *link;

    while ((link = grebe__list_shift(deliveries)) != NULL) {
        struct delivery *delivery = grebe_container_of(link, struct delivery, link);

        grebe__env_post(delivery->outlet->env, &delivery->task);
    }
}

static void free_all(struct grebe__list *deliveries)
{
    struct grebe__list *link;

    while ((link = grebe__list_shift(deliveries)) != NULL)
        free_delivery(grebe_container_of(link, struct delivery, link));
}

/* Takes over the reference.  An error leaves the last state in place. */
static void remember(struct grebe_manual_resolver *manual, struct grebe__snapshot *news,
                     struct grebe__snapshot **state, struct grebe__snapshot **error)
{
    *error = manual->error;
    manual->error = NULL;
    if (news->is_error) {
        manual->error = news;
    } else {
        *state = manual->state;
        manual->state = news;
    }
}

/* Takes over the reference, NULL: out of memory.  All channels or none. */
static int publish(struct grebe_manual_resolver *manual, struct grebe__snapshot *news)
{
    struct grebe__snapshot *old_state = NULL, *old_error = NULL;
    struct grebe__list deliveries;
    bool is_ready;

    if (news == NULL)
        return GREBE_ERR_NOMEM;
    grebe__list_init(&deliveries);
    grebe__lock_acquire(&manual->lock);
    is_ready = prepare_all(manual, news, &deliveries);
    if (is_ready) {
        remember(manual, grebe__snapshot_ref(news), &old_state, &old_error);
        post_all(&deliveries);
    }
    grebe__lock_release(&manual->lock);
    free_all(&deliveries);
    grebe__snapshot_unref(old_state);
    grebe__snapshot_unref(old_error);
    grebe__snapshot_unref(news);
    return is_ready ? GREBE_OK : GREBE_ERR_NOMEM;
}

int grebe_manual_resolver_update(struct grebe_manual_resolver *manual,
                                 const struct grebe_resolver_state *state)
{
    return publish(manual, grebe__snapshot_of_state(manual->mem, state));
}

int grebe_manual_resolver_report_error(struct grebe_manual_resolver *manual,
                                       const struct grebe_status *status)
{
    return publish(manual, grebe__snapshot_of_error(manual->mem, status));
}

int grebe_manual_resolver_set_addresses(struct grebe_manual_resolver *manual,
                                        const char *const *addresses, size_t n)
{
    struct grebe_resolver_state state = GREBE_RESOLVER_STATE_INIT;
    struct grebe__endpoint_list list;
    int error = GREBE_OK;

    grebe__endpoint_list_init(&list, manual->mem);
    for (size_t i = 0; i < n && error == GREBE_OK; i++)
        error = grebe__endpoint_list_add(&list, addresses[i], NULL);
    state.endpoints = list.endpoints;
    state.n_endpoints = list.n;
    if (error == GREBE_OK)
        error = grebe_manual_resolver_update(manual, &state);
    grebe__endpoint_list_fini(&list);
    return error;
}

/* ---- A channel's resolver ----------------------------------------------------------- */

static void resolve_now(struct grebe_resolver *base)
{
    struct outlet *outlet = grebe_container_of(base, struct outlet, base);

    if (outlet->manual->options.on_resolve_now != NULL)
        tell(outlet, &outlet->wanted);
}

static void destroy(struct grebe_resolver *base)
{
    struct outlet *outlet = grebe_container_of(base, struct outlet, base);

    grebe__lock_acquire(&outlet->manual->lock);
    grebe__list_remove(&outlet->link);
    grebe__lock_release(&outlet->manual->lock);
    outlet->conn = NULL;
    if (outlet->manual->options.on_close != NULL)
        tell(outlet, &outlet->closed);
    unref_outlet(outlet);
}

static const struct grebe_resolver_ops ops = {
    .resolve_now = resolve_now,
    .destroy = destroy,
};

static struct outlet *new_outlet(struct grebe_manual_resolver *manual,
                                 struct grebe_resolver_conn *conn, const char *target)
{
    size_t length = strlen(target) + 1;
    struct outlet *outlet = grebe_mem_zalloc(manual->mem, sizeof *outlet + length);

    if (outlet == NULL)
        return NULL;
    grebe_resolver_init(&outlet->base, &ops);
    outlet->refs = 1;
    outlet->manual = grebe_manual_resolver_ref(manual);
    grebe__list_init(&outlet->link);
    outlet->conn = conn;
    outlet->env = grebe__resolver_conn_env(conn);
    grebe__effect_init(&outlet->built, tell_built);
    grebe__effect_init(&outlet->wanted, tell_wanted);
    grebe__effect_init(&outlet->closed, tell_closed);
    memcpy(outlet->target, target, length);
    return outlet;
}

/* Links the outlet and prepares what there is to tell; what comes later is posted.  False
 * without memory. */
static bool open_outlet(struct outlet *outlet, struct delivery *first[2])
{
    struct grebe_manual_resolver *manual = outlet->manual;
    struct grebe__snapshot *known[2];
    bool is_ready = true;

    grebe__lock_acquire(&manual->lock);
    known[0] = manual->state;
    known[1] = manual->error;
    for (int i = 0; i < 2; i++) {
        first[i] = known[i] == NULL ? NULL : new_delivery(outlet, known[i]);
        is_ready = is_ready && (first[i] != NULL || known[i] == NULL);
    }
    if (is_ready) {
        grebe__list_append(&manual->outlets, &outlet->link);
        outlet->id = ++manual->n_builds;
    }
    grebe__lock_release(&manual->lock);
    return is_ready;
}

int grebe_manual_resolver_build(struct grebe_manual_resolver *manual,
                                const struct grebe_target *target,
                                struct grebe_resolver_conn *conn,
                                struct grebe_resolver **out)
{
    struct outlet *outlet = new_outlet(manual, conn, target->text);
    struct delivery *first[2];

    if (outlet == NULL)
        return GREBE_ERR_NOMEM;
    if (!open_outlet(outlet, first)) {
        for (int i = 0; i < 2; i++)
            if (first[i] != NULL)
                free_delivery(first[i]);
        unref_outlet(outlet);
        return GREBE_ERR_NOMEM;
    }
    if (manual->options.on_build != NULL)
        tell(outlet, &outlet->built);
    for (int i = 0; i < 2; i++)
        if (first[i] != NULL)
            deliver(&first[i]->task);
    *out = &outlet->base;
    return GREBE_OK;
}

static int build(const struct grebe_target *target, struct grebe_resolver_conn *conn,
                 const struct grebe_resolver_options *options, struct grebe_diag *diag,
                 struct grebe_resolver **out)
{
    (void)diag;
    return grebe_manual_resolver_build(manual_of(options->builder), target, conn, out);
}

int grebe_manual_resolver_new(const struct grebe_manual_resolver_options *given,
                              struct grebe_manual_resolver **out)
{
    struct grebe_manual_resolver_options options = GREBE_MANUAL_RESOLVER_OPTIONS_INIT;
    struct grebe_manual_resolver *manual;
    size_t length;

    if (given != NULL)
        grebe__options_read(&options, sizeof options, given);
    if (options.scheme == NULL)
        options.scheme = "manual";
    length = strlen(options.scheme) + 1;
    manual = grebe_mem_zalloc(options.mem, sizeof *manual + length);
    if (manual == NULL)
        return GREBE_ERR_NOMEM;
    memcpy(manual->scheme, options.scheme, length);
    options.scheme = manual->scheme;
    manual->builder = (struct grebe_resolver_builder){
        .api = GREBE_RESOLVER_API,
        .scheme = manual->scheme,
        .build = build,
        .ref = ref_builder,
        .unref = unref_builder,
    };
    manual->mem = options.mem;
    manual->refs = 1;
    manual->options = options;
    grebe__lock_init(&manual->lock);
    grebe__list_init(&manual->outlets);
    *out = manual;
    return GREBE_OK;
}
