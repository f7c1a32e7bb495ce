/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/lr_picker.h"

#include <grebe/explain.h>

#include "balancer/petiole.h"
#include "base/real.h"
#include "base/rng.h"

/* ---- Busy ---------------------------------------------------------------------------- */

static double weight_of(const struct grebe__lr_picker *picker, uint32_t i)
{
    return grebe__real_get(&picker->weights[i]);
}

/* An endpoint, and its calls with the one to be sent. */
struct contender {
    uint32_t i;
    uint64_t calls;
};

static struct contender contender(const struct grebe__lr_picker *picker, uint32_t i,
                                  const struct grebe__load_sight *sight)
{
    uint64_t calls = grebe__loaded_in_flight(&picker->endpoints[i], sight);

    return (struct contender){i, calls + 1};
}

/* calls / weight, without a division. */
static bool is_less_busy(const struct grebe__lr_picker *picker, struct contender a,
                         struct contender b)
{
    if (picker->weights == NULL)
        return a.calls < b.calls;
    return (double)a.calls * weight_of(picker, b.i) <
           (double)b.calls * weight_of(picker, a.i);
}

/* ---- Choosing ------------------------------------------------------------------------ */

/* The draws that belong to `random`: explain() repeats them. */
static uint32_t choose_of_drawn(const struct grebe__lr_picker *picker, uint32_t n_choices,
                                uint64_t random, const struct grebe__load_sight *sight)
{
    struct grebe__rng rng = {random};
    struct contender best = contender(picker, grebe__rng_below(&rng, picker->n), sight);

    for (uint32_t i = 1; i < n_choices; i++) {
        struct contender other =
            contender(picker, grebe__rng_below(&rng, picker->n), sight);

        if (is_less_busy(picker, other, best))
            best = other;
    }
    return best.i;
}

static uint32_t choose_in_turn(struct grebe__lr_picker *picker, uintptr_t who,
                               const struct grebe__load_sight *sight)
{
    uint32_t first = grebe__rotation_next(&picker->rotation, who);
    struct contender best = contender(picker, first, sight);

    for (uint32_t i = 1; i < picker->n; i++) {
        uint32_t next = first + i < picker->n ? first + i : first + i - picker->n;
        struct contender other = contender(picker, next, sight);

        if (is_less_busy(picker, other, best))
            best = other;
    }
    return best.i;
}

/* The k-th of equals takes the place of those before it with a probability of 1 / k. */
static uint32_t choose_by_lot(const struct grebe__lr_picker *picker, uint64_t random,
                              const struct grebe__load_sight *sight)
{
    struct grebe__rng rng = {random};
    struct contender best = contender(picker, 0, sight);
    uint32_t n_equal = 1;

    for (uint32_t i = 1; i < picker->n; i++) {
        struct contender other = contender(picker, i, sight);

        if (is_less_busy(picker, best, other))
            continue;
        n_equal = is_less_busy(picker, other, best) ? 1 : n_equal + 1;
        if (grebe__rng_below(&rng, n_equal) == 0)
            best = other;
    }
    return best.i;
}

/* How many are drawn now; 0: nobody is. */
static uint32_t n_drawn(const struct grebe__lr_picker *picker)
{
    if (picker->way == GREBE__LR_DRAW)
        return picker->config.n_choices;
    return picker->way == GREBE__LR_QUEUE &&
                   __atomic_load_n(&picker->is_even, __ATOMIC_RELAXED)
               ? 2
               : 0;
}

static uint32_t choose(struct grebe__lr_picker *picker,
                       const struct grebe_pick_args *args,
                       const struct grebe__load_sight *sight)
{
    uint32_t n = n_drawn(picker);

    if (n > 0)
        return choose_of_drawn(picker, n, args->random, sight);
    if (picker->way == GREBE__LR_SCAN)
        return choose_in_turn(picker, grebe__petiole_caller(args), sight);
    if (picker->way == GREBE__LR_LOT)
        return choose_by_lot(picker, args->random, sight);
    return grebe__weighted_least_next(picker->queue, grebe__petiole_caller(args), sight);
}

/* ---- Explaining ---------------------------------------------------------------------- */

static void mention(const struct grebe__lr_picker *picker, uint32_t i, const char *reason,
                    bool is_chosen, struct grebe_explanation *explanation)
{
    const struct grebe__loaded *endpoint = &picker->endpoints[i];
    struct grebe_candidate candidate = GREBE_CANDIDATE_INIT;

    candidate.subconn = endpoint->leaf.subconn;
    candidate.in_flight = grebe__endpoint_load_in_flight(endpoint->load);
    candidate.is_chosen = is_chosen;
    candidate.reason = reason;
    if (picker->weights != NULL) {
        candidate.score_name = "weight per call";
        candidate.score = grebe__effective_weight(
            weight_of(picker, i), (uint32_t)candidate.in_flight,
            picker->way == GREBE__LR_QUEUE ? picker->config.bias : 1);
    }
    if (candidate.subconn != NULL)
        grebe_explain_candidate(explanation, &candidate);
}

static bool is_drawn(const struct grebe__lr_picker *picker, uint32_t n_choices,
                     uint64_t random, uint32_t i)
{
    struct grebe__rng rng = {random};
    bool is_it = false;

    for (uint32_t k = 0; k < n_choices; k++)
        is_it |= grebe__rng_below(&rng, picker->n) == i;
    return is_it;
}

static void explain_queue(const struct grebe__lr_picker *picker, uint32_t chosen,
                          struct grebe_explanation *explanation)
{
    grebe_explain_begin(explanation, picker->policy,
                        "in turn, as often as it weighs for each of its calls");
    mention(picker, chosen, "its turn", true, explanation);
    for (uint32_t i = 0; i < picker->n; i++)
        if (i != chosen)
            mention(picker, i, "later, as its weight has it", false, explanation);
    grebe_explain_end(explanation);
}

static void explain_draw(const struct grebe__lr_picker *picker, uint32_t n_choices,
                         uint32_t chosen, const struct grebe_pick_args *args)
{
    grebe_explain_begin(args->explanation, picker->policy,
                        n_choices == 0
                            ? "the fewest calls in flight"
                            : "the fewest calls in flight, of some drawn at random");
    if (n_choices > 0)
        grebe_explain_note(args->explanation, "%u drawn of %u, some perhaps twice",
                           n_choices, picker->n);
    mention(picker, chosen, "the least busy", true, args->explanation);
    for (uint32_t i = 0; i < picker->n; i++)
        if (i != chosen)
            mention(picker, i,
                    n_choices == 0 || is_drawn(picker, n_choices, args->random, i)
                        ? "not less busy"
                        : "not drawn",
                    false, args->explanation);
    grebe_explain_end(args->explanation);
}

static void explain(const struct grebe__lr_picker *picker, uint32_t chosen,
                    const struct grebe_pick_args *args)
{
    uint32_t n = n_drawn(picker);

    if (picker->way == GREBE__LR_QUEUE && n == 0)
        explain_queue(picker, chosen, args->explanation);
    else
        explain_draw(picker, n, chosen, args);
}

/* ---- Picking ------------------------------------------------------------------------- */

static struct grebe__lr_picker *of(struct grebe_picker *base)
{
    return grebe_container_of(base, struct grebe__lr_picker, base);
}

static void pick(struct grebe_picker *base, const struct grebe_pick_args *args,
                 struct grebe_pick *out)
{
    struct grebe__lr_picker *picker = of(base);
    struct grebe__load_sight sight = grebe__load_sight_of(picker->crew, args->now_ns);
    uint32_t chosen = choose(picker, args, &sight);

    if (args->explanation != NULL)
        explain(picker, chosen, args);
    (void)grebe__loaded_pick(&picker->endpoints[chosen], &sight, out,
                             grebe__load_view_done);
}

static void destroy(struct grebe_picker *base)
{
    struct grebe__lr_picker *picker = of(base);

    grebe__loaded_release(picker->endpoints, picker->n);
    grebe_mem_free(picker->mem, picker->queue);
    grebe_mem_free(picker->mem, picker);
}

static const struct grebe_picker_ops ops = {.pick = pick, .destroy = destroy};

/* ---- Weights ------------------------------------------------------------------------- */

static bool are_even(const struct grebe__lr_picker *picker)
{
    uint32_t i = 1;

    while (i < picker->n && picker->weights[i] == picker->weights[0])
        i++;
    return i >= picker->n;
}

static uint32_t weigh(struct grebe__lr_picker *picker, uint64_t now_ns)
{
    uint32_t n_new = 0;

    for (uint32_t i = 0; i < picker->n; i++) {
        const struct grebe__loaded *endpoint = &picker->endpoints[i];
        double factor =
            grebe__aged_load_factor(endpoint->load, &picker->config.ramp, now_ns);
        double weight = (picker->config.is_weighted ? endpoint->weight : 1) * factor;

        grebe__real_set(&picker->weights[i], weight);
        n_new += factor < 1;
    }
    __atomic_store_n(&picker->is_even, are_even(picker), __ATOMIC_RELAXED);
    return n_new;
}

void grebe__lr_picker_renew(struct grebe__lr_picker *picker, uint64_t now_ns)
{
    picker->n_new = picker->weights == NULL ? 0 : weigh(picker, now_ns);
    if (picker->queue != NULL)
        grebe__weighted_least_settle(picker->queue);
}

/* ---- Making -------------------------------------------------------------------------- */

static enum grebe__lr_way way_of(const struct grebe__lr_config *config)
{
    if (config->n_choices > 0)
        return GREBE__LR_DRAW;
    if (config->scans_all)
        return GREBE__LR_LOT;
    return config->is_weighted ? GREBE__LR_QUEUE : GREBE__LR_SCAN;
}

/* False: out of memory. */
static bool make_queue(struct grebe__lr_picker *picker, struct grebe_client_conn *cc)
{
    struct grebe__weighted_least *queue = grebe_mem_alloc(
        picker->mem, sizeof *queue + grebe__weighted_least_size(picker->n));

    if (queue == NULL)
        return false;
    grebe__weighted_least_init(queue, picker->endpoints, picker->weights, picker->n,
                               picker->config.bias, grebe_client_conn_random(cc),
                               queue + 1);
    picker->queue = queue;
    return true;
}

struct grebe__lr_picker *
grebe__lr_picker_new(struct grebe_client_conn *cc, const char *policy,
                     const struct grebe__lr_config *config, struct grebe__load_book *book,
                     const struct grebe_sharding_child *children, size_t n)
{
    const struct grebe_mem *mem = grebe_client_conn_mem(cc);
    bool has_weights = config->is_weighted || config->ramp.window_ns > 0;
    size_t size = sizeof(struct grebe__lr_picker) + n * sizeof(struct grebe__loaded);
    struct grebe__lr_picker *picker =
        grebe_mem_alloc(mem, size + (has_weights ? n * sizeof(double) : 0));

    if (picker == NULL)
        return NULL;
    grebe_picker_init(&picker->base, &ops);
    picker->mem = mem;
    picker->policy = policy;
    picker->way = way_of(config);
    picker->config = *config;
    picker->queue = NULL;
    picker->weights = has_weights ? (double *)&picker->endpoints[n] : NULL;
    if (grebe__load_book_take(book, children, n, picker->endpoints, &picker->n) !=
        GREBE_OK) {
        grebe_mem_free(mem, picker);
        return NULL;
    }
    picker->crew = book->crew;
    grebe__rotation_init(&picker->rotation, picker->n,
                         grebe_client_conn_random_below(cc, picker->n));
    grebe__lr_picker_renew(picker, grebe_client_conn_now_ns(cc));
    if (picker->way == GREBE__LR_QUEUE && !make_queue(picker, cc)) {
        grebe_picker_unref(&picker->base);
        return NULL;
    }
    return picker;
}
