/* SPDX-License-Identifier: Apache-2.0 */
/* least_request -- the endpoint with the fewest calls in flight, of some drawn at random.
 *
 * Two draws are enough to keep the longest queue short, and a look at two counters costs
 * the same with ten endpoints and with ten thousand.  Draws are with replacement, as in
 * gRFC A48: the same endpoint may come twice, and of equals the first stays.
 *
 * least_request_full looks at all of them.  It begins with another endpoint each time, so
 * that equals take turns: a client with little to do would else send everything to the
 * first.  With weights it gives turns instead, from a queue, by weight and calls in flight.
 *
 *   lr_config        what can be configured
 *   lr_picker        who has the next call
 *   weighted_least   turns by weight and calls
 *
 * Left here: what outlives a picker, which is the calls in flight, and since when endpoints
 * have been READY.  While one is new its weight grows, once a second, in the picker that is
 * published.
 *
 * Source: gRFC A48; grpc-go package balancer/leastrequest.  Weights, and slow start: Envoy's
 * policy of this name.
 */
#include "balancer/least_request.h"

#include "balancer/lr_picker.h"
#include "balancer/petiole.h"

/* ---- Balancer ------------------------------------------------------------------------ */

/* How often weights are renewed while somebody is new. */
static const uint64_t renewal_period_ns = UINT64_C(1000000000);

struct least_request {
    struct grebe__petiole petiole;
    struct grebe__load_book book;
    const struct grebe__lr_config *defaults;
    struct grebe__lr_config config;
    struct grebe__lr_picker *picker; /* as published: a reference; NULL: not READY */
    struct grebe_timer *timer;       /* until its weights are renewed */
};

static struct least_request *of(struct grebe__petiole *petiole)
{
    return grebe_container_of(petiole, struct least_request, petiole);
}

static void forget_picker(struct least_request *lr)
{
    grebe_timer_cancel(lr->timer);
    if (lr->picker != NULL)
        grebe_picker_unref(&lr->picker->base);
    lr->picker = NULL;
}

static void watch_the_new(struct least_request *lr)
{
    if (lr->picker->n_new > 0)
        grebe_timer_start(lr->timer,
                          grebe_client_conn_now_ns(lr->petiole.cc) + renewal_period_ns);
}

static void on_timer(void *arg)
{
    struct least_request *lr = arg;

    grebe__lr_picker_renew(lr->picker, grebe_client_conn_now_ns(lr->petiole.cc));
    watch_the_new(lr);
}

/* An endpoint that is not READY any more forgets its calls, so there is nothing to be
 * remembered where none is. */
static struct grebe_picker *new_picker(struct grebe__petiole *petiole,
                                       enum grebe_connectivity state,
                                       const struct grebe_sharding_child *children,
                                       size_t n)
{
    struct least_request *lr = of(petiole);
    struct grebe__lr_picker *picker;

    if (n == 0 || state != GREBE_READY) {
        forget_picker(lr);
        grebe__load_book_fini(&lr->book);
        return grebe__petiole_turns(petiole, state, children, n);
    }
    picker = grebe__lr_picker_new(petiole->cc, petiole->ops->policy, &lr->config,
                                  &lr->book, children, n);
    if (picker == NULL)
        return NULL;
    forget_picker(lr);
    lr->picker = picker;
    watch_the_new(lr);
    return grebe_picker_ref(&picker->base);
}

static int lr_update(struct grebe_balancer *base,
                     const struct grebe_balancer_update *update)
{
    struct least_request *lr = of(grebe__petiole_of(base));
    struct grebe__lr_config before = lr->config;
    int result;

    lr->config = update->config == NULL
                     ? *lr->defaults
                     : *(const struct grebe__lr_config *)update->config;
    result = grebe__petiole_update(&lr->petiole, update, NULL);
    if (result == GREBE_ERR_NOMEM)
        lr->config = before;
    return result;
}

static void lr_destroy(struct grebe_balancer *base)
{
    struct least_request *lr = of(grebe__petiole_of(base));

    forget_picker(lr);
    grebe_timer_destroy(lr->timer);
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
    .is_of_ready = true,
};

static const struct grebe__petiole_ops full_petiole_ops = {
    .policy = "least_request_full",
    .new_picker = new_picker,
    .is_of_ready = true,
};

/* ---- Builders ------------------------------------------------------------------------ */

static int build_with(struct grebe_client_conn *cc,
                      const struct grebe__lr_config *defaults,
                      const struct grebe__petiole_ops *ops, struct grebe_balancer **out)
{
    const struct grebe_mem *mem = grebe_client_conn_mem(cc);
    struct least_request *lr = grebe_mem_zalloc(mem, sizeof *lr);
    int result;

    if (lr == NULL)
        return GREBE_ERR_NOMEM;
    lr->book = (struct grebe__load_book){
        .mem = mem,
        .size = sizeof(struct grebe__aged_load),
        .is_forgetful = true,
        .init = grebe__aged_load_init,
        .arg = cc,
    };
    lr->defaults = defaults;
    lr->config = *defaults;
    result = grebe_timer_new(cc, on_timer, lr, &lr->timer);
    if (result == GREBE_OK)
        result = grebe__petiole_init(&lr->petiole, cc, &lr_ops, ops);
    if (result != GREBE_OK) {
        grebe_timer_destroy(lr->timer);
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
    return build_with(cc, &grebe__lr_defaults, &petiole_ops, out);
}

static int full_build(struct grebe_client_conn *cc,
                      const struct grebe_build_options *options,
                      struct grebe_balancer **out)
{
    (void)options;
    return build_with(cc, &grebe__lr_full_defaults, &full_petiole_ops, out);
}

const struct grebe_balancer_builder grebe__least_request = {
    .api = GREBE_BALANCER_API,
    .name = "least_request",
    .parse_config = grebe__lr_config_parse,
    .free_config = grebe__lr_config_free,
    .build = lr_build,
};

/* As grpc-go and the proposal have it. */
const struct grebe_balancer_builder grebe__least_request_experimental = {
    .api = GREBE_BALANCER_API,
    .name = "least_request_experimental",
    .parse_config = grebe__lr_config_parse,
    .free_config = grebe__lr_config_free,
    .build = lr_build,
};

const struct grebe_balancer_builder grebe__least_request_full = {
    .api = GREBE_BALANCER_API,
    .name = "least_request_full",
    .parse_config = grebe__lr_config_parse_full,
    .free_config = grebe__lr_config_free,
    .build = full_build,
};
