/* SPDX-License-Identifier: Apache-2.0 */
/* slow_start -- who is new, or back, gets few calls at first, and all of its share later.
 *
 * A parent for any policy.  It asks the child's picker, and when the child chose somebody
 * who is new it agrees with the probability factor(t) (base/ramp.h); else the pick is given
 * back to the child as discarded, and the child is asked again.  So endpoint i, which the
 * child chooses with probability p_i, takes
 *
 *      p_i f_i / sum of p_j f_j
 *
 * of the calls: its weight in the child times its factor.  The child is asked ten times at
 * most, and the last answer stands: where r is the probability of not agreeing, r^9 of the
 * calls are shared as if nobody were new.  When all are new the factors are divided by the
 * largest, so that those who start together share as they always do.
 *
 * While nobody is new, that is one comparison.
 *
 * Source: gRFC A100 (draft) and Envoy for the factor, which they apply to weights.
 */
#include "balancer/slow_start.h"

#include <grebe/explain.h>
#include <grebe/parent.h>

#include "balancer/child_policy.h"
#include "balancer/newcomer.h"
#include "balancer/ramp_config.h"
#include "base/rng.h"

static const char policy_name[] = "slow_start";

enum { MAX_TRIES = 10 };

struct config {
    struct grebe__ramp ramp;
    struct grebe_lb_config *child; /* a reference */
};

struct slow_start {
    struct grebe_balancer base;
    struct grebe_client_conn *cc;
    const struct grebe_mem *mem;
    struct grebe_client_conn *child; /* its balancer is a graceful switch */
    struct grebe__ramp ramp;         /* of the last config */
    struct grebe__newcomers newcomers;
    enum grebe_connectivity state; /* as the child said last */
    struct grebe_picker *picker;   /* likewise; a reference; NULL: it said nothing */
};

static struct slow_start *of(struct grebe_balancer *base)
{
    return grebe_container_of(base, struct slow_start, base);
}

/* ---- Picker -------------------------------------------------------------------------- */

struct thinning_picker {
    struct grebe_picker base;
    const struct grebe_mem *mem;
    const void *owner;          /* of the tags; not to be looked into */
    struct grebe_picker *child; /* a reference */
    struct grebe__ramp ramp;
    uint64_t oldest_ns, newest_ns; /* in service since, when it was made */
};

/* The loop's time may be a little behind that of whoever came into service. */
static double factor_of(const struct thinning_picker *picker, uint64_t since_ns,
                        uint64_t now_ns)
{
    return grebe__ramp_factor(&picker->ramp, now_ns > since_ns ? now_ns - since_ns : 0);
}

static bool is_anyone_new(const struct thinning_picker *picker, uint64_t now_ns)
{
    return now_ns < picker->newest_ns ||
           now_ns - picker->newest_ns < picker->ramp.window_ns;
}

/* What of its share the endpoint that was picked takes now.  One that is not in service
 * any more is not new: that call will have to go elsewhere anyhow. */
static double share_of(const struct thinning_picker *picker,
                       const struct grebe_pick *pick, uint64_t now_ns)
{
    uint64_t since_ns;

    if (pick->kind != GREBE_PICK_COMPLETE || pick->subconn == NULL)
        return 1;
    since_ns = grebe__newcomer_since_ns(pick->subconn, picker->owner);
    if (since_ns == 0)
        return 1;
    return factor_of(picker, since_ns, now_ns) /
           factor_of(picker, picker->oldest_ns, now_ns);
}

static void give_back(struct grebe_pick *pick, uint64_t now_ns)
{
    const struct grebe_status none = grebe_status_of(GREBE_STATUS_OK, "");
    const struct grebe_done_info info = {
        .status = &none, .now_ns = now_ns, .is_discarded = true};

    grebe_pick_end(pick, &info);
    grebe_pick_init(pick);
}

/* How often it did not agree. */
static unsigned thin(const struct thinning_picker *picker,
                     const struct grebe_pick_args *args, struct grebe_pick *out)
{
    struct grebe_pick_args again = *args;
    struct grebe__rng rng;

    grebe__rng_seed(&rng, args->random);
    for (unsigned n = 0;; n++) {
        grebe_picker_pick(picker->child, &again, out);
        if (n + 1 == MAX_TRIES ||
            grebe__rng_unit(&rng) < share_of(picker, out, args->now_ns))
            return n;
        give_back(out, args->now_ns);
        again.random = grebe__rng_next(&rng);
        if (again.explanation != NULL)
            grebe_explain_take_back(again.explanation);
    }
}

static void explain(const struct thinning_picker *picker,
                    const struct grebe_pick_args *args, struct grebe_pick *out)
{
    unsigned n = 0;

    grebe_explain_begin(args->explanation, policy_name,
                        "who is new gets few calls at first");
    if (is_anyone_new(picker, args->now_ns))
        n = thin(picker, args, out);
    else
        grebe_picker_pick(picker->child, args, out);
    if (n > 0)
        grebe_explain_note(args->explanation,
                           "%u chosen before it, for being new, given back", n);
    grebe_explain_end(args->explanation);
}

static void slow_pick(struct grebe_picker *base, const struct grebe_pick_args *args,
                      struct grebe_pick *out)
{
    const struct thinning_picker *picker =
        grebe_container_of(base, struct thinning_picker, base);

    if (args->explanation != NULL)
        explain(picker, args, out);
    else if (is_anyone_new(picker, args->now_ns))
        (void)thin(picker, args, out);
    else
        grebe_picker_pick(picker->child, args, out);
}

static void slow_picker_destroy(struct grebe_picker *base)
{
    struct thinning_picker *picker =
        grebe_container_of(base, struct thinning_picker, base);

    grebe_picker_unref(picker->child);
    grebe_mem_free(picker->mem, picker);
}

static const struct grebe_picker_ops slow_picker_ops = {
    .pick = slow_pick,
    .destroy = slow_picker_destroy,
};

/* NULL: for want of memory, or because there is nobody to slow down. */
static struct grebe_picker *new_thinning_picker(const struct slow_start *slow)
{
    struct thinning_picker *picker;
    uint64_t oldest_ns, newest_ns;

    if (slow->ramp.window_ns == 0 ||
        !grebe__newcomers_range(&slow->newcomers, &oldest_ns, &newest_ns))
        return NULL;
    picker = grebe_mem_alloc(slow->mem, sizeof *picker);
    if (picker == NULL)
        return NULL;
    grebe_picker_init(&picker->base, &slow_picker_ops);
    picker->mem = slow->mem;
    picker->owner = &slow->newcomers;
    picker->child = grebe_picker_ref(slow->picker);
    picker->ramp = slow->ramp;
    picker->oldest_ns = oldest_ns;
    picker->newest_ns = newest_ns;
    return &picker->base;
}

/* Calls that are not slowed down are better than calls that go where the child no longer
 * sends them. */
static void publish(struct slow_start *slow)
{
    struct grebe_picker *picker = new_thinning_picker(slow);

    if (picker == NULL)
        picker = grebe_picker_ref(slow->picker);
    grebe_client_conn_update_state(slow->cc, slow->state, picker);
}

/* ---- What the child asks and says ---------------------------------------------------- */

static void on_child_state(void *arg, enum grebe_connectivity state,
                           struct grebe_picker *picker)
{
    struct slow_start *slow = arg;

    grebe_picker_unref(slow->picker);
    slow->picker = picker;
    slow->state = state;
    publish(slow);
}

static int on_new_subconn(void *arg, const struct grebe_subconn_options *options,
                          struct grebe_subconn **out)
{
    struct slow_start *slow = arg;

    return grebe__newcomers_new_subconn(&slow->newcomers, options, out);
}

static const struct grebe_client_conn_ops child_ops = {
    .update_state = on_child_state,
    .new_subconn = on_new_subconn,
};

/* ---- Updates ------------------------------------------------------------------------- */

static bool is_same(const struct grebe__ramp *a, const struct grebe__ramp *b)
{
    return a->window_ns == b->window_ns && a->aggression == b->aggression &&
           a->least == b->least;
}

static int slow_update(struct grebe_balancer *base,
                       const struct grebe_balancer_update *update)
{
    struct slow_start *slow = of(base);
    const struct config *config = update->config;
    struct grebe_balancer_update for_child = *update;

    if (config == NULL)
        return grebe__child_policy_missing(slow->cc, policy_name);
    if (!is_same(&slow->ramp, &config->ramp)) {
        slow->ramp = config->ramp;
        if (slow->picker != NULL)
            publish(slow);
    }
    for_child.config = config->child;
    return grebe_client_conn_update(slow->child, &for_child);
}

static void slow_resolver_error(struct grebe_balancer *base,
                                const struct grebe_status *status)
{
    grebe_client_conn_resolver_error(of(base)->child, status);
}

static void slow_exit_idle(struct grebe_balancer *base)
{
    grebe_client_conn_exit_idle(of(base)->child);
}

/* ---- Life ---------------------------------------------------------------------------- */

static void slow_destroy(struct grebe_balancer *base)
{
    struct slow_start *slow = of(base);

    grebe_client_conn_close(slow->child);
    grebe__newcomers_fini(&slow->newcomers);
    grebe_picker_unref(slow->picker);
    grebe_mem_free(slow->mem, slow);
}

static const struct grebe_balancer_ops slow_ops = {
    .update = slow_update,
    .resolver_error = slow_resolver_error,
    .exit_idle = slow_exit_idle,
    .destroy = slow_destroy,
};

static int slow_build(struct grebe_client_conn *cc,
                      const struct grebe_build_options *options,
                      struct grebe_balancer **out)
{
    const struct grebe_mem *mem = grebe_client_conn_mem(cc);
    struct slow_start *slow = grebe_mem_zalloc(mem, sizeof *slow);
    int result;

    (void)options;
    if (slow == NULL)
        return GREBE_ERR_NOMEM;
    grebe_balancer_init(&slow->base, &slow_ops);
    slow->cc = cc;
    slow->mem = mem;
    grebe__newcomers_init(&slow->newcomers, cc);
    result = grebe_client_conn_new_child(cc, &child_ops, slow, &slow->child);
    if (result == GREBE_OK)
        result = grebe_client_conn_build(slow->child, &grebe_graceful_switch);
    if (result == GREBE_OK)
        *out = &slow->base;
    else
        slow_destroy(&slow->base);
    return result;
}

/* ---- Configuration ------------------------------------------------------------------- */

static int parse_config(const struct grebe_json *json, struct grebe_diag *diag,
                        void **out)
{
    struct config config, *made;
    int error = grebe__ramp_config_read(json, diag, &config.ramp);

    if (error == GREBE_OK)
        error = grebe__child_policy_read(json, diag, &config.child);
    if (error != GREBE_OK)
        return error;
    made = grebe_mem_alloc(NULL, sizeof *made);
    if (made == NULL) {
        grebe_lb_config_unref(config.child);
        return GREBE_ERR_NOMEM;
    }
    *made = config;
    *out = made;
    return GREBE_OK;
}

static void free_config(void *base)
{
    struct config *config = base;

    grebe_lb_config_unref(config->child);
    grebe_mem_free(NULL, config);
}

const struct grebe_balancer_builder grebe__slow_start = {
    .api = GREBE_BALANCER_API,
    .name = "slow_start",
    .parse_config = parse_config,
    .free_config = free_config,
    .build = slow_build,
};
