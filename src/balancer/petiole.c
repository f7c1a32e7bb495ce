/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/petiole.h"

#include <stdio.h>

#include "balancer/turns.h"

static const uint64_t retry_ns = UINT64_C(1000000000);

/* ---- Pickers ------------------------------------------------------------------------- */

static struct grebe_picker *no_children(const struct grebe__petiole *petiole)
{
    const char *what = petiole->ops->no_children, *error = petiole->resolver_error;
    struct grebe_status status;
    char text[512];

    snprintf(text, sizeof text, "%s%s%s",
             what == NULL ? "no children to pick from" : what,
             error == NULL ? "" : "; last resolver error: ", error == NULL ? "" : error);
    status = grebe_status_of(GREBE_STATUS_UNAVAILABLE, text);
    return grebe_picker_failing(petiole->mem, &status);
}

struct grebe_picker *grebe__petiole_turns(struct grebe__petiole *petiole,
                                          enum grebe_connectivity state,
                                          const struct grebe_sharding_child *children,
                                          size_t n)
{
    if (n == 0)
        return no_children(petiole);
    return grebe__turns_new(petiole->cc, petiole->ops->policy, state, children, n);
}

static void on_children(void *arg, struct grebe_client_conn *cc,
                        enum grebe_connectivity state,
                        const struct grebe_sharding_child *children, size_t n)
{
    struct grebe__petiole *petiole = arg;
    const struct grebe__petiole_ops *ops = petiole->ops;
    struct grebe_picker *picker;

    if (n > 0 && ops->state_of != NULL)
        state = ops->state_of(children, n);
    if (state == GREBE_READY &&
        grebe__standing_picker_is_of(&petiole->standing, children, n)) {
        grebe_client_conn_update_state(cc, state,
                                       grebe_picker_ref(petiole->standing.picker));
        return;
    }
    picker = ops->new_picker(petiole, state, children, n);
    if (picker == NULL) {
        grebe_client_conn_log(cc, GREBE_LOG_ERROR,
                              "%s: out of memory, the last picker stays", ops->policy);
        grebe_timer_start(petiole->retry, grebe_client_conn_now_ns(cc) + retry_ns);
        return;
    }
    grebe_timer_cancel(petiole->retry);
    if (state == GREBE_READY && ops->is_of_ready)
        grebe__standing_picker_put(&petiole->standing, petiole->mem, picker, children, n);
    else
        grebe__standing_picker_drop(&petiole->standing, petiole->mem);
    grebe_client_conn_update_state(cc, state, picker);
}

/* They are heard once more, and whatever there was before is not what counts. */
static void hear_all_anew(struct grebe__petiole *petiole)
{
    grebe__standing_picker_drop(&petiole->standing, petiole->mem);
    grebe_endpoint_sharding_settled(petiole->sharding);
}

/* The children have been settled for a while. */
static void on_retry(void *arg)
{
    hear_all_anew(arg);
}

/* ---- Events -------------------------------------------------------------------------- */

static void keep_resolver_error(struct grebe__petiole *petiole, const char *text)
{
    grebe_mem_free(petiole->mem, petiole->resolver_error);
    petiole->resolver_error = text == NULL ? NULL : grebe_mem_strdup(petiole->mem, text);
}

int grebe__petiole_update(struct grebe__petiole *petiole,
                          const struct grebe_balancer_update *update, const void *config)
{
    struct grebe_balancer_update for_sharding = *update;
    static char yes;
    int result = grebe_attributes_with(petiole->mem, update->attributes,
                                       &GREBE_ATTRIBUTE_HEALTH_LISTENER, &yes,
                                       &for_sharding.attributes);

    if (result != GREBE_OK)
        return result;
    keep_resolver_error(
        petiole, grebe_attributes_get(update->attributes, &GREBE_ATTRIBUTE_REASON));
    for_sharding.config = config;
    result = grebe_endpoint_sharding_update(petiole->sharding, &for_sharding);
    grebe_attributes_unref(for_sharding.attributes);
    return result;
}

void grebe__petiole_resolver_error(struct grebe_balancer *base,
                                   const struct grebe_status *status)
{
    keep_resolver_error(grebe__petiole_of(base), status->message);
    grebe_endpoint_sharding_resolver_error(grebe__petiole_of(base)->sharding, status);
}

void grebe__petiole_exit_idle(struct grebe_balancer *base)
{
    grebe_endpoint_sharding_exit_idle(grebe__petiole_of(base)->sharding);
}

void grebe__petiole_settled(struct grebe_balancer *base)
{
    hear_all_anew(grebe__petiole_of(base));
}

/* ---- Life ---------------------------------------------------------------------------- */

static const struct grebe_endpoint_sharding_ops sharding_ops = {
    .on_children = on_children,
};

int grebe__petiole_init(struct grebe__petiole *petiole, struct grebe_client_conn *cc,
                        const struct grebe_balancer_ops *balancer_ops,
                        const struct grebe__petiole_ops *ops)
{
    struct grebe_endpoint_sharding_options how = GREBE_ENDPOINT_SHARDING_OPTIONS_INIT;
    int result;

    *petiole = (struct grebe__petiole){
        .ops = ops,
        .cc = cc,
        .mem = grebe_client_conn_mem(cc),
    };
    grebe_balancer_init(&petiole->base, balancer_ops);
    how.child = ops->leaf;
    how.ops = &sharding_ops;
    how.arg = petiole;
    how.leaves_idle_alone = ops->leaves_idle_alone;
    result = grebe_timer_new(cc, on_retry, petiole, &petiole->retry);
    if (result != GREBE_OK)
        return result;
    result = grebe_endpoint_sharding_new(cc, &how, &petiole->sharding);
    if (result != GREBE_OK)
        grebe_timer_destroy(petiole->retry);
    return result;
}

void grebe__petiole_fini(struct grebe__petiole *petiole)
{
    grebe_endpoint_sharding_destroy(petiole->sharding);
    grebe_timer_destroy(petiole->retry);
    grebe__standing_picker_drop(&petiole->standing, petiole->mem);
    keep_resolver_error(petiole, NULL);
}
