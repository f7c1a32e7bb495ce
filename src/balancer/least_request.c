/* SPDX-License-Identifier: Apache-2.0 */
/* least_request -- the endpoint with the fewest calls in flight, of some drawn at random.
 *
 * Two draws are enough to keep the longest queue short, and a look at two counters costs
 * the same with ten endpoints and with ten thousand.  Draws are with replacement, as in
 * gRFC A48: the same endpoint may come twice, and of equals the first stays.
 *
 * least_request_full looks at all of them.  It begins with another endpoint each time, so
 * that equals take turns: a client with little to do would else send everything to the
 * first.
 *
 * With weights, an endpoint of weight 3 counts as busy as one of weight 1 with a third of
 * the calls; a call to be sent counts as if it were there already.
 *
 * Source: gRFC A48; grpc-go package balancer/leastrequest.  Weights: Envoy's policy of this
 * name, with a bias of 1.
 */
#include "balancer/least_request.h"

#include <grebe/explain.h>

#include "balancer/endpoint_load.h"
#include "balancer/petiole.h"
#include "base/rng.h"
#include "base/rotation.h"

enum { MAX_CHOICES = 10 };

struct config {
    uint32_t n_choices; /* 0: all endpoints are looked at */
    bool is_weighted;
};

static const struct config defaults = {.n_choices = 2};
static const struct config full_defaults = {.n_choices = 0};

/* ---- Picker -------------------------------------------------------------------------- */

struct lr_picker {
    struct grebe_picker base;
    const struct grebe_mem *mem;
    struct config config;
    struct grebe__rotation rotation; /* where the next look at all of them begins */
    uint32_t n;
    struct grebe__loaded
        endpoints[]; /* weight 1 unless the configuration wants weights */
};

static uint64_t calls(const struct grebe__loaded *endpoint)
{
    return (uint64_t)grebe__endpoint_load_in_flight(endpoint->load) + 1;
}

/* calls / weight, without a division. */
static bool is_less_busy(const struct grebe__loaded *a, const struct grebe__loaded *b)
{
    return calls(a) * b->weight < calls(b) * a->weight;
}

/* The draws that belong to `random`: explain() repeats them. */
static uint32_t choose_of_drawn(const struct lr_picker *picker, uint64_t random)
{
    struct grebe__rng rng = {random};
    uint32_t best = grebe__rng_below(&rng, picker->n);

    for (uint32_t i = 1; i < picker->config.n_choices; i++) {
        uint32_t other = grebe__rng_below(&rng, picker->n);

        if (is_less_busy(&picker->endpoints[other], &picker->endpoints[best]))
            best = other;
    }
    return best;
}

static uint32_t choose_of_all(struct lr_picker *picker)
{
    uint32_t first = grebe__rotation_next(&picker->rotation), best = first;

    for (uint32_t i = 1; i < picker->n; i++) {
        uint32_t other = first + i < picker->n ? first + i : first + i - picker->n;

        if (is_less_busy(&picker->endpoints[other], &picker->endpoints[best]))
            best = other;
    }
    return best;
}

static void mention(const struct lr_picker *picker, uint32_t i, const char *reason,
                    bool is_chosen, struct grebe_explanation *explanation)
{
    const struct grebe__loaded *endpoint = &picker->endpoints[i];
    struct grebe_candidate candidate = GREBE_CANDIDATE_INIT;

    candidate.subconn = grebe_picker_subconn(endpoint->picker);
    candidate.in_flight = grebe__endpoint_load_in_flight(endpoint->load);
    candidate.is_chosen = is_chosen;
    candidate.reason = reason;
    if (picker->config.is_weighted) {
        candidate.score_name = "weight per call";
        candidate.score = endpoint->weight / (candidate.in_flight + 1.0);
    }
    if (candidate.subconn != NULL)
        grebe_explain_candidate(explanation, &candidate);
}

static bool is_drawn(const struct lr_picker *picker, uint64_t random, uint32_t i)
{
    struct grebe__rng rng = {random};
    bool is_full = picker->config.n_choices == 0;

    for (uint32_t k = 0; k < picker->config.n_choices; k++)
        is_full |= grebe__rng_below(&rng, picker->n) == i;
    return is_full;
}

static void explain(const struct lr_picker *picker, const struct grebe_pick_args *args,
                    uint32_t chosen)
{
    bool is_full = picker->config.n_choices == 0;

    grebe_explain_begin(args->explanation,
                        is_full ? "least_request_full" : "least_request",
                        is_full ? "the fewest calls in flight"
                                : "the fewest calls in flight, of some drawn at random");
    if (!is_full)
        grebe_explain_note(args->explanation, "%u drawn of %u, some perhaps twice",
                           picker->config.n_choices, picker->n);
    mention(picker, chosen, "the least busy", true, args->explanation);
    for (uint32_t i = 0; i < picker->n; i++)
        if (i != chosen)
            mention(picker, i,
                    is_drawn(picker, args->random, i) ? "not less busy" : "not drawn",
                    false, args->explanation);
    grebe_explain_end(args->explanation);
}

static void on_done(void *load, const struct grebe_done_info *info)
{
    (void)info;
    grebe__endpoint_load_end(load);
}

static void lr_pick(struct grebe_picker *base, const struct grebe_pick_args *args,
                    struct grebe_pick *out)
{
    struct lr_picker *picker = grebe_container_of(base, struct lr_picker, base);
    uint32_t chosen = picker->config.n_choices == 0
                          ? choose_of_all(picker)
                          : choose_of_drawn(picker, args->random);
    struct grebe__loaded *endpoint = &picker->endpoints[chosen];

    if (args->explanation != NULL)
        explain(picker, args, chosen);
    grebe__petiole_pick_leaf(endpoint->picker, args, out);
    if (grebe_pick_listen(out, on_done, endpoint->load))
        grebe__endpoint_load_begin(endpoint->load);
}

static void lr_picker_destroy(struct grebe_picker *base)
{
    struct lr_picker *picker = grebe_container_of(base, struct lr_picker, base);

    grebe__loaded_release(picker->endpoints, picker->n);
    grebe_mem_free(picker->mem, picker);
}

static const struct grebe_picker_ops lr_picker_ops = {
    .pick = lr_pick,
    .destroy = lr_picker_destroy,
};

/* ---- Balancer ------------------------------------------------------------------------ */

struct least_request {
    struct grebe__petiole petiole;
    struct grebe__load_book book;
    const struct config *defaults;
    struct config config;
};

static struct least_request *of(struct grebe__petiole *petiole)
{
    return grebe_container_of(petiole, struct least_request, petiole);
}

/* n > 0 children, one of them READY at least. */
static struct grebe_picker *new_lr_picker(struct least_request *lr,
                                          const struct grebe_sharding_child *children,
                                          size_t n)
{
    const struct grebe_mem *mem = lr->petiole.mem;
    struct lr_picker *picker =
        grebe_mem_alloc(mem, sizeof *picker + n * sizeof picker->endpoints[0]);

    if (picker == NULL)
        return NULL;
    grebe_picker_init(&picker->base, &lr_picker_ops);
    picker->mem = mem;
    picker->config = lr->config;
    if (grebe__load_book_take(&lr->book, children, n, picker->endpoints, &picker->n) !=
        GREBE_OK) {
        grebe_mem_free(mem, picker);
        return NULL;
    }
    if (!lr->config.is_weighted)
        for (uint32_t i = 0; i < picker->n; i++)
            picker->endpoints[i].weight = 1;
    grebe__rotation_init(&picker->rotation, picker->n,
                         grebe_client_conn_random_below(lr->petiole.cc, picker->n));
    return &picker->base;
}

/* An endpoint that is not READY any more forgets its calls, so there is nothing to be
 * remembered where none is. */
static struct grebe_picker *new_picker(struct grebe__petiole *petiole,
                                       enum grebe_connectivity state,
                                       const struct grebe_sharding_child *children,
                                       size_t n)
{
    if (n > 0 && state == GREBE_READY)
        return new_lr_picker(of(petiole), children, n);
    grebe__load_book_fini(&of(petiole)->book);
    return grebe__petiole_turns(petiole, state, children, n);
}

static int lr_update(struct grebe_balancer *base,
                     const struct grebe_balancer_update *update)
{
    struct least_request *lr = of(grebe__petiole_of(base));
    struct config before = lr->config;
    int result;

    lr->config =
        update->config == NULL ? *lr->defaults : *(const struct config *)update->config;
    result = grebe__petiole_update(&lr->petiole, update, NULL);
    if (result == GREBE_ERR_NOMEM)
        lr->config = before;
    return result;
}

static void lr_destroy(struct grebe_balancer *base)
{
    struct least_request *lr = of(grebe__petiole_of(base));

    grebe__petiole_fini(&lr->petiole);
    grebe__load_book_fini(&lr->book);
    grebe_mem_free(lr->petiole.mem, lr);
}

static const struct grebe_balancer_ops lr_ops = {
    .update = lr_update,
    .resolver_error = grebe__petiole_resolver_error,
    .exit_idle = grebe__petiole_exit_idle,
    .settled = grebe__petiole_settled,
    .destroy = lr_destroy,
};

static const struct grebe__petiole_ops petiole_ops = {
    .policy = "least_request",
    .new_picker = new_picker,
};

static const struct grebe__petiole_ops full_petiole_ops = {
    .policy = "least_request_full",
    .new_picker = new_picker,
};

static int build_with(struct grebe_client_conn *cc, const struct config *config,
                      const struct grebe__petiole_ops *ops, struct grebe_balancer **out)
{
    const struct grebe_mem *mem = grebe_client_conn_mem(cc);
    struct least_request *lr = grebe_mem_zalloc(mem, sizeof *lr);
    int result;

    if (lr == NULL)
        return GREBE_ERR_NOMEM;
    lr->book = (struct grebe__load_book){
        .mem = mem,
        .size = sizeof(struct grebe__endpoint_load),
        .is_forgetful = true,
    };
    lr->defaults = config;
    lr->config = *config;
    result = grebe__petiole_init(&lr->petiole, cc, &lr_ops, ops);
    if (result != GREBE_OK) {
        grebe_mem_free(mem, lr);
        return result;
    }
    *out = &lr->petiole.base;
    return GREBE_OK;
}

static int lr_build(struct grebe_client_conn *cc,
                    const struct grebe_build_options *options,
                    struct grebe_balancer **out)
{
    (void)options;
    return build_with(cc, &defaults, &petiole_ops, out);
}

static int full_build(struct grebe_client_conn *cc,
                      const struct grebe_build_options *options,
                      struct grebe_balancer **out)
{
    (void)options;
    return build_with(cc, &full_defaults, &full_petiole_ops, out);
}

/* ---- Configuration ------------------------------------------------------------------- */

static int keep(const struct config *config, void **out)
{
    struct config *kept = grebe_mem_alloc(NULL, sizeof *kept);

    if (kept == NULL)
        return GREBE_ERR_NOMEM;
    *kept = *config;
    *out = kept;
    return GREBE_OK;
}

static int lr_parse(const struct grebe_json *json, struct grebe_diag *diag, void **out)
{
    struct config config = defaults;

    if (grebe_json_get_uint32(json, "choiceCount", &config.n_choices, diag) != GREBE_OK ||
        grebe_json_get_bool(json, "weighted", &config.is_weighted, diag) != GREBE_OK)
        return GREBE_ERR_CONFIG;
    if (config.n_choices < 2) {
        grebe_diag_set(diag, "choiceCount: must be >= 2");
        return GREBE_ERR_CONFIG;
    }
    if (config.n_choices > MAX_CHOICES)
        config.n_choices = MAX_CHOICES;
    return keep(&config, out);
}

static int full_parse(const struct grebe_json *json, struct grebe_diag *diag, void **out)
{
    struct config config = full_defaults;

    if (grebe_json_get_bool(json, "weighted", &config.is_weighted, diag) != GREBE_OK)
        return GREBE_ERR_CONFIG;
    return keep(&config, out);
}

static void free_config(void *config)
{
    grebe_mem_free(NULL, config);
}

const struct grebe_balancer_builder grebe__least_request = {
    .api = GREBE_BALANCER_API,
    .name = "least_request",
    .parse_config = lr_parse,
    .free_config = free_config,
    .build = lr_build,
};

/* As grpc-go and the proposal have it. */
const struct grebe_balancer_builder grebe__least_request_experimental = {
    .api = GREBE_BALANCER_API,
    .name = "least_request_experimental",
    .parse_config = lr_parse,
    .free_config = free_config,
    .build = lr_build,
};

const struct grebe_balancer_builder grebe__least_request_full = {
    .api = GREBE_BALANCER_API,
    .name = "least_request_full",
    .parse_config = full_parse,
    .free_config = free_config,
    .build = full_build,
};
