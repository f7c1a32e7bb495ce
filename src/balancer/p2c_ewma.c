/* SPDX-License-Identifier: Apache-2.0 */
/* p2c_ewma -- of two endpoints drawn at random, the one where a call costs less.
 *
 * Always choosing the best would send everybody to the same endpoint until the figures
 * catch up; the better of two does not, and is nearly as good.  The two are different ones.
 * What a call costs is in p2c_load: by default how long answers take lately, times the
 * calls that are waiting for one.
 *
 * With orcaUtilization an endpoint that has not reported is taken for an average one.  The
 * average is that of the reports there are, counted once a second, in the picker that is in
 * use.  load_aware is this policy with that metric, and can ask for reports out of band.
 *
 * Sources: M. Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing"; tower
 * and linkerd2-proxy, Finagle.
 */
#include "balancer/p2c_ewma.h"

#include <grebe/explain.h>

#include "balancer/load_watches.h"
#include "balancer/p2c_load.h"
#include "base/apart.h"
#include "base/rng.h"

/* ---- Picker -------------------------------------------------------------------------- */

struct p2c_picker {
    struct grebe_picker base;
    const struct grebe_mem *mem;
    const char *policy;
    struct grebe__p2c_config config;
    struct grebe__crew *crew; /* of the loads, which hold it */
    double mean;              /* utilization; atomic */
    bool looks_ahead;         /* peakEwma, with all of them alike, and two or more */
    uint32_t n;
    struct grebe__loaded endpoints[];
};

struct two {
    uint32_t a, b; /* the same if there is but one */
};

/* The draws that belong to `random`, of two or more: both orders of two are as likely. */
static inline struct two draw_two(const struct p2c_picker *picker, uint64_t random)
{
    struct grebe__rng rng = {random};
    struct two two;

    two.a = grebe__rng_below(&rng, picker->n);
    two.b = grebe__rng_below(&rng, picker->n - 1);
    two.b += two.b >= two.a;
    return two;
}

static struct two draw(const struct p2c_picker *picker, uint64_t random)
{
    return picker->n == 1 ? (struct two){0, 0} : draw_two(picker, random);
}

static inline struct grebe__p2c_view *view_of(const struct p2c_picker *picker, uint32_t i,
                                              const struct grebe__load_sight *sight)
{
    return grebe__p2c_view_of(grebe__loaded_view(&picker->endpoints[i], sight));
}

static void look(const struct p2c_picker *picker, uint32_t i,
                 const struct grebe__load_sight *sight)
{
    struct grebe__p2c_view *view = view_of(picker, i, sight);

    if (grebe__load_view_glance(&view->base, sight->now_ns))
        grebe__p2c_hear_the_others(view);
}

/* All that is read of an endpoint is in one cache line. */
static double cost(const struct p2c_picker *picker, uint32_t i,
                   const struct grebe__load_sight *sight)
{
    return grebe__p2c_cost(view_of(picker, i, sight), &picker->config,
                           grebe__real_get(&picker->mean), sight->now_ns);
}

/* Of equals the first.  Nobody can guess which it is, a processor neither: there is nothing to
 * jump over. */
static inline uint32_t cheaper(struct two two, double a, double b)
{
    return two.a ^ ((two.a ^ two.b) & -(uint32_t)(b < a));
}

static inline bool share_a_landmark(const struct p2c_picker *picker, struct two two,
                                    const struct grebe__load_sight *sight)
{
    return grebe__peak_ewma_era(&view_of(picker, two.a, sight)->rtt) ==
           grebe__peak_ewma_era(&view_of(picker, two.b, sight)->rtt);
}

/* By what they will cost at the landmark. */
static inline uint32_t choose_ahead(const struct p2c_picker *picker, struct two two,
                                    const struct grebe__load_sight *sight)
{
    const struct grebe__loaded *a = &picker->endpoints[two.a],
                               *b = &picker->endpoints[two.b];

    return cheaper(two, grebe__p2c_cost_ahead(view_of(picker, two.a, sight), b->weight),
                   grebe__p2c_cost_ahead(view_of(picker, two.b, sight), a->weight));
}

/* cost / weight, without a division. */
static uint32_t choose(const struct p2c_picker *picker, struct two two,
                       const struct grebe__load_sight *sight)
{
    if (two.a == two.b)
        return two.a;
    if (!sight->is_alone) {
        look(picker, two.a, sight);
        look(picker, two.b, sight);
    }
    if (picker->looks_ahead && share_a_landmark(picker, two, sight))
        return choose_ahead(picker, two, sight);
    return cheaper(two, cost(picker, two.a, sight) * picker->endpoints[two.b].weight,
                   cost(picker, two.b, sight) * picker->endpoints[two.a].weight);
}

static void mention(const struct p2c_picker *picker, uint32_t i, const char *reason,
                    bool is_chosen, const struct grebe_pick_args *args)
{
    static const char *const names[] = {
        [GREBE__P2C_PEAK_EWMA] = "cost in ms",
        [GREBE__P2C_PENDING] = "calls",
        [GREBE__P2C_ORCA_UTILIZATION] = "utilization",
    };
    const struct grebe__loaded *endpoint = &picker->endpoints[i];
    struct grebe__load_sight sight = grebe__load_sight_of(picker->crew, args->now_ns);
    struct grebe_candidate candidate = GREBE_CANDIDATE_INIT;

    candidate.subconn = endpoint->leaf.subconn;
    candidate.in_flight = grebe__endpoint_load_in_flight(endpoint->load);
    candidate.is_chosen = is_chosen;
    candidate.reason = reason;
    candidate.score_name = names[picker->config.metric];
    candidate.score = cost(picker, i, &sight) / endpoint->weight;
    if (picker->config.metric == GREBE__P2C_PEAK_EWMA)
        candidate.score /= 1e6;
    if (candidate.subconn != NULL)
        grebe_explain_candidate(args->explanation, &candidate);
}

static void explain(const struct p2c_picker *picker, const struct grebe_pick_args *args,
                    struct two two, uint32_t chosen)
{
    grebe_explain_begin(args->explanation, picker->policy,
                        "the one that costs less, of two drawn at random");
    mention(picker, chosen, "costs less", true, args);
    for (uint32_t i = 0; i < picker->n; i++)
        if (i != chosen)
            mention(picker, i,
                    i == two.a || i == two.b ? "does not cost less" : "not drawn", false,
                    args);
    grebe_explain_end(args->explanation);
}

static inline void take(const struct p2c_picker *picker, uint32_t chosen,
                        const struct grebe__load_sight *sight, struct grebe_pick *out)
{
    if (grebe__loaded_pick(&picker->endpoints[chosen], sight, out,
                           grebe__p2c_load_done) &&
        picker->config.metric == GREBE__P2C_ORCA_UTILIZATION)
        out->wants_load_report |= !picker->config.is_out_of_band;
}

GREBE__APART static void pick(struct p2c_picker *picker,
                              const struct grebe_pick_args *args, struct grebe_pick *out)
{
    struct grebe__load_sight sight = grebe__load_sight_of(picker->crew, args->now_ns);
    struct two two = draw(picker, args->random);
    uint32_t chosen = choose(picker, two, &sight);

    if (args->explanation != NULL)
        explain(picker, args, two, chosen);
    take(picker, chosen, &sight, out);
}

/* The same by the shortest way, which nearly all picks can go: the thread has always been
 * alone, and nobody asks why.  False: this one cannot, and nothing was done. */
static inline bool pick_alone(struct p2c_picker *picker,
                              const struct grebe_pick_args *args, struct grebe_pick *out)
{
    const struct grebe__load_sight sight = {0, true, args->now_ns};
    struct two two;

    if (!picker->looks_ahead || args->explanation != NULL ||
        !grebe__crew_has_only_me(picker->crew))
        return false;
    two = draw_two(picker, args->random);
    if (!share_a_landmark(picker, two, &sight))
        return false;
    take(picker, choose_ahead(picker, two, &sight), &sight, out);
    return true;
}

static void p2c_pick(struct grebe_picker *base, const struct grebe_pick_args *args,
                     struct grebe_pick *out)
{
    struct p2c_picker *picker = grebe_container_of(base, struct p2c_picker, base);

    if (!pick_alone(picker, args, out))
        pick(picker, args, out);
}

static void p2c_picker_destroy(struct grebe_picker *base)
{
    struct p2c_picker *picker = grebe_container_of(base, struct p2c_picker, base);

    grebe__loaded_release(picker->endpoints, picker->n);
    grebe_mem_free(picker->mem, picker);
}

static const struct grebe_picker_ops p2c_picker_ops = {
    .pick = p2c_pick,
    .destroy = p2c_picker_destroy,
};

/* ---- Balancer ------------------------------------------------------------------------ */

static const uint64_t mean_period_ns = UINT64_C(1000000000);

struct p2c {
    struct grebe__petiole petiole;
    struct grebe__load_book book;
    const struct grebe__p2c_config *defaults;
    struct grebe__p2c_config config;
    struct p2c_picker *picker;           /* as published: a reference; NULL: not READY */
    struct grebe__load_watches *watches; /* of its endpoints; NULL: none */
    struct grebe_timer *timer;           /* until the mean is counted again */
};

static struct p2c *of(struct grebe__petiole *petiole)
{
    return grebe_container_of(petiole, struct p2c, petiole);
}

static void init_load(struct grebe__endpoint_load *load, void *arg)
{
    const struct p2c *p2c = arg;

    grebe__p2c_load_init(grebe__p2c_load_of(load), &p2c->config,
                         grebe_client_conn_now_ns(p2c->petiole.cc));
}

static double count_mean(const struct p2c_picker *picker, uint64_t now_ns)
{
    double sum = 0, one;
    uint32_t n = 0;

    for (uint32_t i = 0; i < picker->n; i++)
        if (grebe__p2c_load_utilization(grebe__p2c_load_of(picker->endpoints[i].load),
                                        picker->config.expiration_ns, now_ns, &one)) {
            sum += one;
            n++;
        }
    return n == 0 ? 0 : sum / n;
}

static void renew_mean(struct p2c *p2c)
{
    uint64_t now_ns = grebe_client_conn_now_ns(p2c->petiole.cc);

    if (p2c->config.metric != GREBE__P2C_ORCA_UTILIZATION)
        return;
    grebe__real_set(&p2c->picker->mean, count_mean(p2c->picker, now_ns));
    grebe_timer_start(p2c->timer, now_ns + mean_period_ns);
}

static void on_timer(void *arg)
{
    renew_mean(arg);
}

static void forget_picker(struct p2c *p2c)
{
    grebe_timer_cancel(p2c->timer);
    grebe__load_watches_free(p2c->watches);
    p2c->watches = NULL;
    if (p2c->picker != NULL)
        grebe_picker_unref(&p2c->picker->base);
    p2c->picker = NULL;
}

/* Takes over the reference. */
static void use_picker(struct p2c *p2c, struct p2c_picker *picker)
{
    struct grebe__load_watches *watches = NULL;

    if (p2c->config.is_out_of_band)
        watches = grebe__load_watches_new(
            p2c->petiole.cc, picker->policy, picker->endpoints, picker->n,
            p2c->config.oob_period_ns, grebe__p2c_load_report);
    forget_picker(p2c);
    p2c->watches = watches;
    p2c->picker = picker;
    renew_mean(p2c);
}

/* n > 0 children, one of them READY at least. */
static struct p2c_picker *new_p2c_picker(struct p2c *p2c,
                                         const struct grebe_sharding_child *children,
                                         size_t n)
{
    const struct grebe_mem *mem = p2c->petiole.mem;
    struct p2c_picker *picker =
        grebe_mem_alloc(mem, sizeof *picker + n * sizeof picker->endpoints[0]);

    if (picker == NULL)
        return NULL;
    grebe_picker_init(&picker->base, &p2c_picker_ops);
    picker->mem = mem;
    picker->policy = p2c->petiole.ops->policy;
    picker->config = p2c->config;
    picker->mean = 0;
    if (grebe__load_book_take(&p2c->book, children, n, picker->endpoints, &picker->n) !=
        GREBE_OK) {
        grebe_mem_free(mem, picker);
        return NULL;
    }
    picker->crew = p2c->book.crew;
    picker->looks_ahead = p2c->config.metric == GREBE__P2C_PEAK_EWMA &&
                          !p2c->config.probes_once && picker->n > 1;
    return picker;
}

/* What is known of an endpoint stays while it is listed, READY or not: one that failed is
 * no better for having been away. */
struct grebe_picker *grebe__p2c_new_picker(struct grebe__petiole *petiole,
                                           enum grebe_connectivity state,
                                           const struct grebe_sharding_child *children,
                                           size_t n)
{
    struct p2c *p2c = of(petiole);
    struct grebe_picker *turns;

    if (n > 0 && state == GREBE_READY) {
        struct p2c_picker *picker = new_p2c_picker(p2c, children, n);

        if (picker == NULL)
            return NULL;
        use_picker(p2c, picker);
        return grebe_picker_ref(&picker->base);
    }
    if (grebe__load_book_keep(&p2c->book, children, n) != GREBE_OK)
        return NULL;
    turns = grebe__petiole_turns(petiole, state, children, n);
    if (turns != NULL)
        forget_picker(p2c);
    return turns;
}

static const struct grebe__petiole_ops petiole_ops = {
    .policy = "p2c_ewma",
    .new_picker = grebe__p2c_new_picker,
    .is_of_ready = true,
};

/* The book is open. */
static void use_config(struct p2c *p2c, const struct grebe__p2c_config *config)
{
    p2c->config = *config;
    grebe__p2c_rules_set(grebe__p2c_rules_of(p2c->book.crew), config,
                         grebe_client_conn_now_ns(p2c->petiole.cc));
}

static int p2c_update(struct grebe_balancer *base,
                      const struct grebe_balancer_update *update)
{
    struct p2c *p2c = of(grebe__petiole_of(base));
    struct grebe__p2c_config before = p2c->config;
    int result = grebe__load_book_open(&p2c->book);

    if (result != GREBE_OK)
        return result;
    use_config(p2c, update->config == NULL
                        ? p2c->defaults
                        : (const struct grebe__p2c_config *)update->config);
    result = grebe__petiole_update(&p2c->petiole, update, NULL);
    if (result == GREBE_ERR_NOMEM)
        use_config(p2c, &before);
    return result;
}

static void p2c_destroy(struct grebe_balancer *base)
{
    struct p2c *p2c = of(grebe__petiole_of(base));

    forget_picker(p2c);
    grebe_timer_destroy(p2c->timer);
    grebe__petiole_fini(&p2c->petiole);
    grebe__load_book_fini(&p2c->book);
    grebe_mem_free(p2c->petiole.mem, p2c);
}

static const struct grebe_balancer_ops p2c_ops = {
    .update = p2c_update,
    .resolver_error = grebe__petiole_resolver_error,
    .exit_idle = grebe__petiole_exit_idle,
    .settled = grebe__petiole_settled,
    .destroy = p2c_destroy,
};

int grebe__p2c_build(struct grebe_client_conn *cc, const struct grebe__petiole_ops *ops,
                     const struct grebe__p2c_config *defaults,
                     struct grebe_balancer **out)
{
    const struct grebe_mem *mem = grebe_client_conn_mem(cc);
    struct p2c *p2c = grebe_mem_zalloc(mem, sizeof *p2c);
    int result;

    if (p2c == NULL)
        return GREBE_ERR_NOMEM;
    p2c->book = (struct grebe__load_book){
        .mem = mem,
        .size = sizeof(struct grebe__p2c_load),
        .crew_size = sizeof(struct grebe__p2c_rules),
        .init = init_load,
        .arg = p2c,
    };
    p2c->defaults = defaults;
    p2c->config = *defaults;
    result = grebe_timer_new(cc, on_timer, p2c, &p2c->timer);
    if (result == GREBE_OK)
        result = grebe__petiole_init(&p2c->petiole, cc, &p2c_ops, ops);
    if (result != GREBE_OK) {
        grebe_timer_destroy(p2c->timer);
        grebe_mem_free(mem, p2c);
        return result;
    }
    *out = &p2c->petiole.base;
    return GREBE_OK;
}

static int p2c_build(struct grebe_client_conn *cc,
                     const struct grebe_build_options *options,
                     struct grebe_balancer **out)
{
    (void)options;
    return grebe__p2c_build(cc, &petiole_ops, &grebe__p2c_defaults, out);
}

const struct grebe_balancer_builder grebe__p2c_ewma = {
    .api = GREBE_BALANCER_API,
    .name = "p2c_ewma",
    .parse_config = grebe__p2c_config_parse,
    .free_config = grebe__p2c_config_free,
    .build = p2c_build,
};

/* As the specification names it, until it has settled. */
const struct grebe_balancer_builder grebe__p2c_experimental = {
    .api = GREBE_BALANCER_API,
    .name = "p2c_experimental",
    .parse_config = grebe__p2c_config_parse,
    .free_config = grebe__p2c_config_free,
    .build = p2c_build,
};
