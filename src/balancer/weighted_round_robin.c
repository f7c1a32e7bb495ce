/* SPDX-License-Identifier: Apache-2.0 */
/* weighted_round_robin -- each READY endpoint takes calls as its load reports say it can.
 *
 *   wrr_leaf        one endpoint: its connection, and where its load reports go
 *   wrr_weight      what the reports make of it
 *   weighted_turns   turns by weight
 *
 * Left here: when weights are looked at.  That is with each new picker, and then once in
 * each update period, as long as there are two endpoints to choose from.  The weights of
 * the picker that is published change in place.  Publishing another for it, once a second,
 * would have every parent and every waiting call look at it, and start its sequence anew.
 *
 * Source: gRFC A58, A78, A100 (draft: slow start); grpc-go package balancer/weightedroundrobin.
 */
#include "balancer/weighted_round_robin.h"

#include "balancer/petiole.h"
#include "balancer/weighted_turns.h"
#include "balancer/wrr_leaf.h"
#include "balancer/wrr_metrics.h"

struct wrr {
    struct grebe__petiole petiole;
    struct grebe__wrr_config *config; /* a reference; NULL before the first update */
    struct grebe__wrr_metrics metrics;
    struct grebe__weighted_turns *picker; /* as published: a reference; NULL: not READY */
    struct grebe_timer *timer;            /* until weights are looked at again */
    uint32_t n_new;                       /* as told last: endpoints in slow start */
};

static struct wrr *of(struct grebe__petiole *petiole)
{
    return grebe_container_of(petiole, struct wrr, petiole);
}

/* ---- Weights ----------------------------------------------------------------------------- */

static double weight_of(struct wrr *wrr, struct grebe__wrr_weight *weight,
                        uint64_t now_ns)
{
    enum grebe__wrr_standing standing = GREBE__WRR_NOT_YET;
    double value = 0;

    if (weight != NULL)
        standing = grebe__wrr_weight_at(weight, wrr->config, now_ns, &value);
    if (standing == GREBE__WRR_NOT_YET)
        grebe_series_add(wrr->metrics.not_yet_usable, 1);
    else if (standing == GREBE__WRR_STALE)
        grebe_series_add(wrr->metrics.stale, 1);
    grebe_series_record(wrr->metrics.weights, value);
    return value;
}

/* How much of its weight an endpoint has that is new. */
static double factor_of(const struct wrr *wrr, uint32_t i, uint64_t now_ns)
{
    const struct grebe__wrr_weight *weight = wrr->picker->children[i].weight;

    return weight == NULL ? 1
                          : grebe__ramp_factor(&wrr->config->ramp,
                                               now_ns - weight->in_service_since_ns);
}

/* What stands for a weight that is not known: the mean of the others, and where turns would
 * be plain ones, anything. */
static double mean_weight(const struct grebe__weighted_turns *picker)
{
    uint32_t n = 0;
    double sum = 0;

    for (uint32_t i = 0; i < picker->n; i++) {
        sum += picker->weights[i];
        n += picker->weights[i] != 0;
    }
    return n < 2 ? 0 : sum / n;
}

/* However slow the start is: a weight of 0 would be one that is not known. */
static double slowed(double weight, double factor)
{
    static const double least = 1e-290; /* of a stride */
    double product = weight * factor;

    return product < least ? least : product;
}

static void tell_n_new(struct wrr *wrr, uint32_t n)
{
    grebe_series_set(wrr->metrics.in_slow_start, n);
    wrr->n_new = n;
}

/* While somebody is new, all weights are known: each is multiplied with its factor.  False:
 * they are as they would be if nobody were, because nobody is. */
static bool slow_down(struct wrr *wrr, uint64_t now_ns)
{
    struct grebe__weighted_turns *picker = wrr->picker;
    double mean = mean_weight(picker);
    uint32_t n_new = 0;

    if (wrr->config->ramp.window_ns == 0)
        return false;
    for (uint32_t i = 0; i < picker->n; i++)
        n_new += factor_of(wrr, i, now_ns) < 1;
    tell_n_new(wrr, n_new);
    if (n_new == 0)
        return false;
    for (uint32_t i = 0; i < picker->n; i++) {
        double weight = mean == 0 ? 1 : picker->weights[i];

        grebe__weighted_turns_weigh(
            picker, i, slowed(weight == 0 ? mean : weight, factor_of(wrr, i, now_ns)));
    }
    if (mean == 0)
        grebe_series_add(wrr->metrics.fallback, 1);
    (void)grebe__weighted_turns_settle(picker);
    return true;
}

static void settle_weights(struct wrr *wrr)
{
    struct grebe__weighted_turns *picker = wrr->picker;
    uint64_t now_ns = grebe_client_conn_now_ns(wrr->petiole.cc);

    for (uint32_t i = 0; i < picker->n; i++)
        grebe__weighted_turns_weigh(picker, i,
                                    weight_of(wrr, picker->children[i].weight, now_ns));
    if (!slow_down(wrr, now_ns) && !grebe__weighted_turns_settle(picker))
        grebe_series_add(wrr->metrics.fallback, 1);
    if (picker->n > 1)
        grebe_timer_start(wrr->timer, now_ns + wrr->config->update_period_ns);
}

static void on_timer(void *arg)
{
    settle_weights(arg);
}

/* ---- Picker ------------------------------------------------------------------------------ */

/* Nobody whom it does not know is new: a gauge keeps what it was told last. */
static void forget_picker(struct wrr *wrr)
{
    grebe_timer_cancel(wrr->timer);
    if (wrr->n_new > 0)
        tell_n_new(wrr, 0);
    if (wrr->picker != NULL)
        grebe_picker_unref(&wrr->picker->base);
    wrr->picker = NULL;
}

static const struct grebe__weighted_policy told = {
    .name = "weighted_round_robin",
    .rule = "in turn, as often as its load reports say it can",
    .unknown = "in turn, no usable load reports: as often as the mean",
};

static struct grebe_picker *new_weighted(struct wrr *wrr,
                                         const struct grebe_sharding_child *children,
                                         size_t n)
{
    struct grebe__weighted_turns *picker;
    uint32_t n_ready = 0;

    for (size_t i = 0; i < n; i++)
        n_ready += children[i].state == GREBE_READY;
    picker = grebe__weighted_turns_new(wrr->petiole.cc, &told,
                                       !wrr->config->is_out_of_band, n_ready);
    if (picker == NULL)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        struct grebe__wrr_leaf_picks leaf = grebe__wrr_leaf_picks(children[i].picker);

        if (children[i].state == GREBE_READY)
            grebe__weighted_turns_add(picker, leaf.picker, leaf.weight);
    }
    forget_picker(wrr);
    wrr->picker = picker;
    settle_weights(wrr);
    return grebe_picker_ref(&picker->base);
}

static struct grebe_picker *new_picker(struct grebe__petiole *petiole,
                                       enum grebe_connectivity state,
                                       const struct grebe_sharding_child *children,
                                       size_t n)
{
    struct grebe_picker *turns;

    if (state == GREBE_READY)
        return new_weighted(of(petiole), children, n);
    turns = grebe__petiole_turns(petiole, state, children, n);
    if (turns != NULL)
        forget_picker(of(petiole));
    return turns;
}

static const struct grebe__petiole_ops petiole_ops = {
    .policy = "weighted_round_robin",
    .new_picker = new_picker,
    .leaf = &grebe__wrr_leaf,
};

/* ---- Balancer ---------------------------------------------------------------------------- */

static int wrr_update(struct grebe_balancer *base,
                      const struct grebe_balancer_update *update)
{
    struct wrr *wrr = of(grebe__petiole_of(base));
    struct grebe__wrr_config *old = wrr->config;
    int result;

    wrr->config = grebe__wrr_config_ref(update->config);
    grebe__wrr_metrics_find(&wrr->metrics, wrr->petiole.cc, update->attributes);
    result = grebe__petiole_update(&wrr->petiole, update, wrr->config);
    if (result == GREBE_ERR_NOMEM && old != NULL) { /* all stays as it was */
        grebe__wrr_config_unref(wrr->config);
        wrr->config = old;
        return result;
    }
    grebe__wrr_config_unref(old);
    return result;
}

static void wrr_destroy(struct grebe_balancer *base)
{
    struct wrr *wrr = of(grebe__petiole_of(base));

    forget_picker(wrr);
    grebe_timer_destroy(wrr->timer);
    grebe__petiole_fini(&wrr->petiole);
    grebe__wrr_config_unref(wrr->config);
    grebe_mem_free(wrr->petiole.mem, wrr);
}

static const struct grebe_balancer_ops wrr_ops = {
    .update = wrr_update,
    .resolver_error = grebe__petiole_resolver_error,
    .exit_idle = grebe__petiole_exit_idle,
    .settled = grebe__petiole_settled,
    .destroy = wrr_destroy,
};

static int wrr_build(struct grebe_client_conn *cc,
                     const struct grebe_build_options *options,
                     struct grebe_balancer **out)
{
    const struct grebe_mem *mem = grebe_client_conn_mem(cc);
    struct wrr *wrr = grebe_mem_zalloc(mem, sizeof *wrr);
    int result;

    (void)options;
    if (wrr == NULL)
        return GREBE_ERR_NOMEM;
    result = grebe__wrr_metrics_register();
    if (result == GREBE_OK)
        result = grebe_timer_new(cc, on_timer, wrr, &wrr->timer);
    if (result == GREBE_OK)
        result = grebe__petiole_init(&wrr->petiole, cc, &wrr_ops, &petiole_ops);
    if (result != GREBE_OK) {
        grebe_timer_destroy(wrr->timer);
        grebe_mem_free(mem, wrr);
        return result;
    }
    *out = &wrr->petiole.base;
    return GREBE_OK;
}

#define BUILDER(called)                                                                  \
    {                                                                                    \
        .api = GREBE_BALANCER_API, .name = (called),                                     \
        .parse_config = grebe__wrr_config_parse, .free_config = free_config,             \
        .build = wrr_build                                                               \
    }

static void free_config(void *config)
{
    grebe__wrr_config_unref(config);
}

const struct grebe_balancer_builder grebe__weighted_round_robin =
    BUILDER("weighted_round_robin");
const struct grebe_balancer_builder grebe__weighted_round_robin_experimental =
    BUILDER("weighted_round_robin_experimental");
