/* SPDX-License-Identifier: Apache-2.0 */
/* round_robin -- each READY endpoint takes one call in turn.
 *
 * Every endpoint has a pick_first child (gRFC A61), which endpoint sharding keeps
 * connected.  Left here: whose picker serves the next call.
 */
#include "balancer/round_robin.h"

#include <stdio.h>

#include <grebe/explain.h>
#include <grebe/parent.h>

#include "base/assert.h"
#include "base/rotation.h"

/* ---- Picker -------------------------------------------------------------------------- */

struct rr_picker {
    struct grebe_picker base;
    const struct grebe_mem *mem;
    struct grebe__rotation rotation;
    uint32_t n;
    struct grebe_picker *children[]; /* n references */
};

/* The child in turn first, then those whose turns come later.  Children that are not READY
 * have no subconn to name. */
static void explain(const struct rr_picker *picker, uint32_t next,
                    const struct grebe_pick_args *args, struct grebe_pick *out)
{
    struct grebe_pick_args unexplained = *args;

    grebe_explain_begin(args->explanation, "round_robin", "each endpoint in turn");
    for (uint32_t i = 0; i < picker->n; i++) {
        struct grebe_candidate candidate = GREBE_CANDIDATE_INIT;

        candidate.subconn =
            grebe_picker_subconn(picker->children[(next + i) % picker->n]);
        candidate.is_chosen = i == 0;
        candidate.reason = i == 0 ? "its turn" : "later in the turn";
        if (candidate.subconn != NULL)
            grebe_explain_candidate(args->explanation, &candidate);
    }
    grebe_explain_end(args->explanation);
    unexplained.explanation = NULL;
    grebe_picker_pick(picker->children[next], &unexplained, out);
}

static void rr_pick(struct grebe_picker *base, const struct grebe_pick_args *args,
                    struct grebe_pick *out)
{
    struct rr_picker *picker = grebe_container_of(base, struct rr_picker, base);
    uint32_t next = grebe__rotation_next(&picker->rotation);

    if (args->explanation != NULL)
        explain(picker, next, args, out);
    else
        grebe_picker_pick(picker->children[next], args, out);
}

static void rr_picker_destroy(struct grebe_picker *base)
{
    struct rr_picker *picker = grebe_container_of(base, struct rr_picker, base);

    for (uint32_t i = 0; i < picker->n; i++)
        grebe_picker_unref(picker->children[i]);
    grebe_mem_free(picker->mem, picker);
}

static const struct grebe_picker_ops rr_picker_ops = {
    .pick = rr_pick,
    .destroy = rr_picker_destroy,
};

/* ---- Balancer ------------------------------------------------------------------------ */

struct round_robin {
    struct grebe_balancer base;
    struct grebe_client_conn *cc;
    struct grebe_endpoint_sharding *sharding;
    char *resolver_error;      /* since the last update, or NULL */
    struct grebe_timer *retry; /* of making a picker, when memory was short */
};

static const uint64_t retry_ns = UINT64_C(1000000000);

static struct round_robin *of(struct grebe_balancer *base)
{
    return grebe_container_of(base, struct round_robin, base);
}

/* Rotate over the children that are in the state we report.  One rule covers all: READY
 * children have subconns, CONNECTING and IDLE ones queue, and when every child is in
 * TRANSIENT_FAILURE the callers see their errors in turn (gRFC A61). */
static struct grebe_picker *new_picker(struct grebe_client_conn *cc,
                                       enum grebe_connectivity state,
                                       const struct grebe_sharding_child *children,
                                       size_t n)
{
    const struct grebe_mem *mem = grebe_client_conn_mem(cc);
    struct rr_picker *picker =
        grebe_mem_alloc(mem, sizeof *picker + n * sizeof(struct grebe_picker *));

    if (picker == NULL)
        return NULL;
    grebe_picker_init(&picker->base, &rr_picker_ops);
    picker->mem = mem;
    picker->n = 0;
    for (size_t i = 0; i < n; i++)
        if (children[i].state == state)
            picker->children[picker->n++] = grebe_picker_ref(children[i].picker);
    GREBE_ASSERT(picker->n > 0);
    /* Clients that start together must not walk the backends in step. */
    grebe__rotation_init(&picker->rotation, picker->n,
                         grebe_client_conn_random_below(cc, picker->n));
    return &picker->base;
}

static struct grebe_picker *no_children(const struct round_robin *rr)
{
    struct grebe_status status;
    char text[512];

    snprintf(text, sizeof text, "no children to pick from%s%s",
             rr->resolver_error == NULL ? "" : "; last resolver error: ",
             rr->resolver_error == NULL ? "" : rr->resolver_error);
    status = grebe_status_of(GREBE_STATUS_UNAVAILABLE, text);
    return grebe_picker_failing(grebe_client_conn_mem(rr->cc), &status);
}

static void keep_resolver_error(struct round_robin *rr, const char *text)
{
    const struct grebe_mem *mem = grebe_client_conn_mem(rr->cc);

    grebe_mem_free(mem, rr->resolver_error);
    rr->resolver_error = text == NULL ? NULL : grebe_mem_strdup(mem, text);
}

static void on_children(void *arg, struct grebe_client_conn *cc,
                        enum grebe_connectivity state,
                        const struct grebe_sharding_child *children, size_t n)
{
    struct round_robin *rr = arg;
    struct grebe_picker *picker =
        n == 0 ? no_children(rr) : new_picker(cc, state, children, n);

    if (picker == NULL) {
        grebe_client_conn_log(cc, GREBE_LOG_ERROR,
                              "round_robin: out of memory, the last picker stays");
        grebe_timer_start(rr->retry, grebe_client_conn_now_ns(cc) + retry_ns);
        return;
    }
    grebe_timer_cancel(rr->retry);
    grebe_client_conn_update_state(cc, state, picker);
}

/* The children have been settled for a while, and are heard once more. */
static void on_retry(void *arg)
{
    struct round_robin *rr = arg;

    grebe_endpoint_sharding_settled(rr->sharding);
}

static const struct grebe_endpoint_sharding_ops sharding_ops = {
    .on_children = on_children,
};

/* Children report health and not only READY, so that an unhealthy endpoint leaves the
 * rotation.  Their configuration is their own default: none of ours is meant for them. */
static int rr_update(struct grebe_balancer *base,
                     const struct grebe_balancer_update *update)
{
    struct round_robin *rr = of(base);
    struct grebe_balancer_update for_sharding = *update;
    static char yes;
    int result = grebe_attributes_with(grebe_client_conn_mem(rr->cc), update->attributes,
                                       &GREBE_ATTRIBUTE_HEALTH_LISTENER, &yes,
                                       &for_sharding.attributes);

    if (result != GREBE_OK)
        return result;
    keep_resolver_error(rr, NULL);
    for_sharding.config = NULL;
    result = grebe_endpoint_sharding_update(rr->sharding, &for_sharding);
    grebe_attributes_unref(for_sharding.attributes);
    return result;
}

static void rr_resolver_error(struct grebe_balancer *base,
                              const struct grebe_status *status)
{
    keep_resolver_error(of(base), status->message);
    grebe_endpoint_sharding_resolver_error(of(base)->sharding, status);
}

static void rr_exit_idle(struct grebe_balancer *base)
{
    grebe_endpoint_sharding_exit_idle(of(base)->sharding);
}

static void rr_settled(struct grebe_balancer *base)
{
    grebe_endpoint_sharding_settled(of(base)->sharding);
}

static void rr_destroy(struct grebe_balancer *base)
{
    struct round_robin *rr = of(base);

    grebe_endpoint_sharding_destroy(rr->sharding);
    grebe_timer_destroy(rr->retry);
    keep_resolver_error(rr, NULL);
    grebe_mem_free(grebe_client_conn_mem(rr->cc), rr);
}

static const struct grebe_balancer_ops rr_ops = {
    .update = rr_update,
    .resolver_error = rr_resolver_error,
    .exit_idle = rr_exit_idle,
    .settled = rr_settled,
    .destroy = rr_destroy,
};

static int rr_build(struct grebe_client_conn *cc,
                    const struct grebe_build_options *options,
                    struct grebe_balancer **out)
{
    struct round_robin *rr = grebe_mem_alloc(grebe_client_conn_mem(cc), sizeof *rr);
    struct grebe_endpoint_sharding_options how = GREBE_ENDPOINT_SHARDING_OPTIONS_INIT;
    int result;

    (void)options;
    if (rr == NULL)
        return GREBE_ERR_NOMEM;
    *rr = (struct round_robin){.cc = cc};
    grebe_balancer_init(&rr->base, &rr_ops);
    how.ops = &sharding_ops;
    how.arg = rr;
    result = grebe_timer_new(cc, on_retry, rr, &rr->retry);
    if (result == GREBE_OK)
        result = grebe_endpoint_sharding_new(cc, &how, &rr->sharding);
    if (result != GREBE_OK) {
        grebe_timer_destroy(rr->retry);
        grebe_mem_free(grebe_client_conn_mem(cc), rr);
        return result;
    }
    *out = &rr->base;
    return GREBE_OK;
}

const struct grebe_balancer_builder grebe__round_robin = {
    .api = GREBE_BALANCER_API,
    .name = "round_robin",
    .build = rr_build,
};
