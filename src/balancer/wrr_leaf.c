/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/wrr_leaf.h"

#include <grebe/explain.h>
#include <grebe/parent.h>

#include "balancer/pick_first.h"

struct leaf {
    struct grebe_balancer base;
    struct grebe_client_conn *cc;
    const struct grebe_mem *mem;
    struct grebe_client_conn *child;  /* pick_first's */
    grebe_subconn_state_fn on_state;  /* pick_first's: one for all its subconns */
    void *on_state_arg;               /* likewise */
    struct grebe__wrr_config *config; /* a reference; NULL before the first update */
    struct grebe__wrr_weight *weight; /* likewise */
    struct grebe_subconn *connected;  /* the one that is READY: a reference, or NULL */
    struct grebe_orca_watch *watch;   /* of its load, out of band; NULL: none */
    bool is_in_service;               /* READY was published last */
};

static struct leaf *of(struct grebe_balancer *base)
{
    return grebe_container_of(base, struct leaf, base);
}

/* ---- Picker ---------------------------------------------------------------------------- */

struct leaf_picker {
    struct grebe_picker base;
    const struct grebe_mem *mem;
    struct grebe_picker *picker;      /* a reference */
    struct grebe__wrr_weight *weight; /* a reference */
};

static void leaf_pick(struct grebe_picker *base, const struct grebe_pick_args *args,
                      struct grebe_pick *out)
{
    grebe_picker_pick(grebe_container_of(base, struct leaf_picker, base)->picker, args,
                      out);
}

static void leaf_picker_destroy(struct grebe_picker *base)
{
    struct leaf_picker *picker = grebe_container_of(base, struct leaf_picker, base);

    grebe_picker_unref(picker->picker);
    grebe__wrr_weight_unref(picker->weight);
    grebe_mem_free(picker->mem, picker);
}

static const struct grebe_picker_ops leaf_picker_ops = {
    .pick = leaf_pick,
    .destroy = leaf_picker_destroy,
};

/* Calls report to the weight for as long as they are on the subconn, which keeps it.  NULL
 * when out of memory. */
static struct leaf_picker *new_leaf_picker(struct leaf *leaf, struct grebe_picker *picker)
{
    struct leaf_picker *made = grebe_mem_alloc(leaf->mem, sizeof *made);

    if (made == NULL)
        return NULL;
    if (grebe__keep(leaf->mem, grebe_picker_subconn(picker), leaf, &leaf->weight->kept) !=
        GREBE_OK) {
        grebe_mem_free(leaf->mem, made);
        return NULL;
    }
    return made;
}

/* Takes over the reference to `picker`, and gives it back if there is no memory. */
static struct grebe_picker *with_weight(struct leaf *leaf, struct grebe_picker *picker)
{
    struct leaf_picker *made = new_leaf_picker(leaf, picker);

    if (made == NULL) {
        grebe_client_conn_log(leaf->cc, GREBE_LOG_WARNING,
                              "weighted_round_robin: out of memory, an endpoint goes "
                              "without a weight");
        return picker;
    }
    grebe_picker_init(&made->base, &leaf_picker_ops);
    made->mem = leaf->mem;
    made->picker = picker;
    made->weight = grebe__wrr_weight_ref(leaf->weight);
    return &made->base;
}

struct grebe__wrr_leaf_picks grebe__wrr_leaf_picks(struct grebe_picker *published)
{
    struct leaf_picker *picker = grebe_container_of(published, struct leaf_picker, base);

    if (published->ops != &leaf_picker_ops)
        return (struct grebe__wrr_leaf_picks){.picker = published};
    return (struct grebe__wrr_leaf_picks){picker->picker, picker->weight};
}

/* ---- Reports out of band ----------------------------------------------------------------- */

static void on_report(void *arg, const struct grebe_load_report *report)
{
    struct leaf *leaf = arg;

    grebe__wrr_weight_report(leaf->weight, report, grebe_client_conn_now_ns(leaf->cc));
}

/* Without memory it is tried again with the next update, and the next connection. */
static void watch_load(struct leaf *leaf)
{
    if (leaf->connected == NULL || leaf->watch != NULL || !leaf->config->is_out_of_band)
        return;
    if (grebe_orca_watch(leaf->connected, leaf->config->oob_period_ns, on_report, leaf,
                         &leaf->watch) == GREBE_ERR_NOMEM)
        grebe_client_conn_log(leaf->cc, GREBE_LOG_WARNING,
                              "weighted_round_robin: out of memory, an endpoint goes "
                              "without load reports");
}

/* ---- Looking over pick_first's shoulder ---------------------------------------------------- */

static void connected(struct leaf *leaf, struct grebe_subconn *subconn)
{
    leaf->connected = grebe_subconn_ref(subconn);
    grebe__wrr_weight_forget(leaf->weight);
    watch_load(leaf);
}

static void disconnected(struct leaf *leaf)
{
    grebe_orca_stop(&leaf->watch);
    grebe_subconn_unref(leaf->connected);
    leaf->connected = NULL;
}

static void on_state(void *arg, struct grebe_subconn *subconn,
                     enum grebe_connectivity state, const struct grebe_status *error)
{
    struct leaf *leaf = arg;

    if (subconn == leaf->connected && state != GREBE_READY)
        disconnected(leaf);
    else if (leaf->connected == NULL && state == GREBE_READY)
        connected(leaf, subconn);
    leaf->on_state(leaf->on_state_arg, subconn, state, error);
}

static int new_subconn(void *arg, const struct grebe_subconn_options *options,
                       struct grebe_subconn **out)
{
    struct leaf *leaf = arg;
    struct grebe_subconn_options ours = *options;

    leaf->on_state = options->on_state;
    leaf->on_state_arg = options->arg;
    ours.on_state = on_state;
    ours.arg = leaf;
    return grebe_client_conn_new_subconn(leaf->cc, &ours, out);
}

static void update_state(void *arg, enum grebe_connectivity state,
                         struct grebe_picker *picker)
{
    struct leaf *leaf = arg;

    if (state == GREBE_READY && !leaf->is_in_service)
        leaf->weight->in_service_since_ns = grebe_client_conn_now_ns(leaf->cc);
    leaf->is_in_service = state == GREBE_READY;
    if (state == GREBE_READY)
        picker = with_weight(leaf, picker);
    grebe_client_conn_update_state(leaf->cc, state, picker);
}

static const struct grebe_client_conn_ops child_ops = {
    .update_state = update_state,
    .new_subconn = new_subconn,
};

/* ---- Updates ------------------------------------------------------------------------------- */

static int configure(struct leaf *leaf, const struct grebe__wrr_config *config)
{
    const struct grebe__wrr_config *old = leaf->config;

    if (old == NULL) {
        leaf->weight = grebe__wrr_weight_new(leaf->mem, config);
        if (leaf->weight == NULL)
            return GREBE_ERR_NOMEM;
    } else if (grebe__wrr_weight_configure(&leaf->weight, config) != GREBE_OK) {
        return GREBE_ERR_NOMEM;
    }
    if (old != NULL && (old->is_out_of_band != config->is_out_of_band ||
                        old->oob_period_ns != config->oob_period_ns))
        grebe_orca_stop(&leaf->watch);
    grebe__wrr_config_unref(leaf->config);
    leaf->config = grebe__wrr_config_ref(config);
    watch_load(leaf);
    return GREBE_OK;
}

static int leaf_update(struct grebe_balancer *base,
                       const struct grebe_balancer_update *update)
{
    struct leaf *leaf = of(base);
    struct grebe_balancer_update for_child = *update;
    int result = configure(leaf, update->config);

    if (result != GREBE_OK)
        return result;
    for_child.config = NULL; /* pick_first's own default: none of ours is meant for it */
    return grebe_client_conn_update(leaf->child, &for_child);
}

static void leaf_resolver_error(struct grebe_balancer *base,
                                const struct grebe_status *status)
{
    grebe_client_conn_resolver_error(of(base)->child, status);
}

static void leaf_exit_idle(struct grebe_balancer *base)
{
    grebe_client_conn_exit_idle(of(base)->child);
}

/* ---- Life ---------------------------------------------------------------------------------- */

static void leaf_destroy(struct grebe_balancer *base)
{
    struct leaf *leaf = of(base);

    grebe_client_conn_close(leaf->child);
    disconnected(leaf);
    grebe__wrr_weight_unref(leaf->weight);
    grebe__wrr_config_unref(leaf->config);
    grebe_mem_free(leaf->mem, leaf);
}

static const struct grebe_balancer_ops leaf_ops = {
    .update = leaf_update,
    .resolver_error = leaf_resolver_error,
    .exit_idle = leaf_exit_idle,
    .destroy = leaf_destroy,
};

static int leaf_build(struct grebe_client_conn *cc,
                      const struct grebe_build_options *options,
                      struct grebe_balancer **out)
{
    const struct grebe_mem *mem = grebe_client_conn_mem(cc);
    struct leaf *leaf = grebe_mem_alloc(mem, sizeof *leaf);
    int result;

    (void)options;
    if (leaf == NULL)
        return GREBE_ERR_NOMEM;
    *leaf = (struct leaf){.cc = cc, .mem = mem};
    grebe_balancer_init(&leaf->base, &leaf_ops);
    result = grebe_client_conn_new_child(cc, &child_ops, leaf, &leaf->child);
    if (result == GREBE_OK)
        result = grebe_client_conn_build(leaf->child, &grebe__pick_first);
    if (result != GREBE_OK) {
        grebe_client_conn_close(leaf->child);
        grebe_mem_free(mem, leaf);
        return result;
    }
    *out = &leaf->base;
    return GREBE_OK;
}

const struct grebe_balancer_builder grebe__wrr_leaf = {
    .api = GREBE_BALANCER_API,
    .name = "weighted_round_robin leaf",
    .build = leaf_build,
};
