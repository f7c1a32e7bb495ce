/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/weighted_turns.h"

#include <grebe/explain.h>
#include <grebe/load_report.h>

#include "balancer/petiole.h"
#include "base/assert.h"
#include "base/real.h"

static struct grebe__weighted_turns *of(struct grebe_picker *base)
{
    return grebe_container_of(base, struct grebe__weighted_turns, base);
}

/* ---- Turns -------------------------------------------------------------------------- */

static struct grebe__smooth *table_of(const struct grebe__weighted_turns *picker)
{
    return __atomic_load_n(&picker->table, __ATOMIC_ACQUIRE);
}

static struct grebe__edf_turns *deadlines_of(const struct grebe__weighted_turns *picker)
{
    return __atomic_load_n(&picker->deadlines, __ATOMIC_ACQUIRE);
}

static uint32_t next_turn(struct grebe__weighted_turns *picker, uintptr_t who)
{
    struct grebe__smooth *table = table_of(picker);
    struct grebe__edf_turns *deadlines = deadlines_of(picker);
    uint32_t index;

    if (table != NULL)
        return grebe__smooth_next(table, who);
    if (deadlines != NULL && grebe__edf_turns_next(deadlines, who, &index))
        return index;
    return grebe__stride_next(&picker->stride, who);
}

static bool has_strides(const struct grebe__weighted_turns *picker)
{
    return table_of(picker) == NULL && deadlines_of(picker) == NULL;
}

/* The same, and how many were passed over on the way to it. */
static uint32_t counted_turn(struct grebe__weighted_turns *picker, uintptr_t who,
                             uint32_t *n_passed)
{
    struct grebe__stride *stride = &picker->stride;
    struct grebe__lane *lane;
    uint32_t index;

    *n_passed = 0;
    if (stride->n == 1 || !has_strides(picker))
        return next_turn(picker, who);
    lane = grebe__lanes_of(&stride->lanes, who);
    while (!grebe__stride_try(stride, (uint32_t)grebe__lane_next(lane, 1), &index))
        ++*n_passed;
    return index;
}

static void tell_candidate(struct grebe__weighted_turns *picker, uint32_t i,
                           bool is_chosen, const struct grebe_pick_args *args)
{
    struct grebe_candidate candidate = GREBE_CANDIDATE_INIT;
    double weight = grebe__real_get(&picker->weights[i]);

    candidate.subconn = picker->children[i].leaf.subconn;
    if (candidate.subconn == NULL)
        return;
    candidate.is_chosen = is_chosen;
    if (weight == 0) {
        candidate.reason = picker->policy->unknown;
    } else {
        candidate.score_name = "weight";
        candidate.score = weight;
        candidate.reason = is_chosen ? "its turn" : "later, as its weight has it";
    }
    grebe_explain_candidate(args->explanation, &candidate);
}

static uint32_t explained_turn(struct grebe__weighted_turns *picker,
                               const struct grebe_pick_args *args)
{
    uint32_t n_passed,
        next = counted_turn(picker, grebe__petiole_caller(args), &n_passed);

    grebe_explain_begin(args->explanation, picker->policy->name, picker->policy->rule);
    for (uint32_t i = 0; i < picker->n; i++)
        tell_candidate(picker, (next + i) % picker->n, i == 0, args);
    if (has_strides(picker))
        grebe_explain_note(args->explanation, "%u passed over for their weights",
                           n_passed);
    grebe_explain_end(args->explanation);
    return next;
}

/* ---- Picking ----------------------------------------------------------------------------- */

static void on_done(void *arg, const struct grebe_done_info *info)
{
    if (info->server_load != NULL)
        grebe__wrr_weight_report(arg, info->server_load, info->now_ns);
}

static void pick(struct grebe_picker *base, const struct grebe_pick_args *args,
                 struct grebe_pick *out)
{
    struct grebe__weighted_turns *picker = of(base);
    const struct grebe__weighted_turn *child;

    child = &picker->children[args->explanation == NULL
                                  ? next_turn(picker, grebe__petiole_caller(args))
                                  : explained_turn(picker, args)];
    grebe__leaf_pick(&child->leaf, args, out);
    if (picker->hears_calls && child->weight != NULL &&
        grebe_pick_listen(out, on_done, child->weight))
        out->wants_load_report = true;
}

static void destroy(struct grebe_picker *base)
{
    struct grebe__weighted_turns *picker = of(base);

    for (uint32_t i = 0; i < picker->n; i++) {
        grebe__leaf_release(&picker->children[i].leaf);
        grebe__wrr_weight_unref(picker->children[i].weight);
    }
    grebe_mem_free(picker->mem, picker->table);
    grebe_mem_free(picker->mem, picker->deadlines);
    grebe_mem_free(picker->mem, picker);
}

static const struct grebe_picker_ops ops = {.pick = pick, .destroy = destroy};

/* ---- Making ------------------------------------------------------------------------------ */

struct grebe__weighted_turns *grebe__weighted_turns_new(
    struct grebe_client_conn *cc, const struct grebe__weighted_policy *policy,
    bool hears_calls, uint32_t n)
{
    const struct grebe_mem *mem = grebe_client_conn_mem(cc);
    size_t size =
        sizeof(struct grebe__weighted_turns) + n * sizeof(struct grebe__weighted_turn);
    struct grebe__weighted_turns *picker =
        grebe_mem_alloc(mem, size + n * (sizeof(double) + sizeof(uint16_t)));

    if (picker == NULL)
        return NULL;
    *picker = (struct grebe__weighted_turns){
        .mem = mem,
        .policy = policy,
        .hears_calls = hears_calls,
        .weights = (double *)&picker->children[n],
    };
    grebe_picker_init(&picker->base, &ops);
    grebe__stride_init(&picker->stride, n, (uint32_t)grebe_client_conn_random(cc),
                       (uint16_t *)&picker->weights[n]);
    for (uint32_t i = 0; i < n; i++)
        picker->weights[i] = 0;
    return picker;
}

void grebe__weighted_turns_add(struct grebe__weighted_turns *picker,
                               struct grebe_picker *child,
                               struct grebe__wrr_weight *weight)
{
    GREBE_ASSERT(picker->n < picker->stride.n);
    picker->children[picker->n++] = (struct grebe__weighted_turn){
        grebe__leaf_hold(child),
        weight == NULL ? NULL : grebe__wrr_weight_ref(weight),
    };
}

void grebe__weighted_turns_weigh(struct grebe__weighted_turns *picker, uint32_t i,
                                 double weight)
{
    grebe__real_set(&picker->weights[i], weight);
}

bool grebe__weighted_turns_settle(struct grebe__weighted_turns *picker)
{
    return grebe__stride_set(&picker->stride, picker->weights);
}

bool grebe__weighted_turns_smooth(struct grebe__weighted_turns *picker,
                                  struct grebe_client_conn *cc)
{
    uint32_t n = picker->n, period;
    int64_t *credits =
        grebe_mem_alloc(picker->mem, n * (sizeof(int64_t) + sizeof(uint32_t)));
    struct grebe__smooth *table = NULL;
    uint32_t *weights;

    if (credits == NULL)
        return false;
    weights = (uint32_t *)&credits[n];
    for (uint32_t i = 0; i < n; i++)
        weights[i] = (uint32_t)picker->weights[i];
    period = grebe__smooth_period(weights, n);
    if (period > 0)
        table = grebe_mem_alloc(picker->mem, grebe__smooth_size(period));
    if (table != NULL)
        grebe__smooth_init(table, weights, n, credits, period,
                           grebe_client_conn_random_below(cc, period));
    __atomic_store_n(&picker->table, table, __ATOMIC_RELEASE);
    grebe_mem_free(picker->mem, credits);
    return table != NULL;
}

bool grebe__weighted_turns_queue(struct grebe__weighted_turns *picker,
                                 struct grebe_client_conn *cc)
{
    struct grebe__edf_turns *deadlines = grebe_mem_alloc(
        picker->mem, sizeof *deadlines + grebe__edf_turns_size(picker->n));

    if (deadlines == NULL)
        return false;
    grebe__edf_turns_init(deadlines, picker->weights, picker->n,
                          grebe_client_conn_random_below(cc, 1 << 20) * 0x1p-20,
                          deadlines + 1);
    __atomic_store_n(&picker->deadlines, deadlines, __ATOMIC_RELEASE);
    return true;
}
