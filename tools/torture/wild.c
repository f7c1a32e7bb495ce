/* SPDX-License-Identifier: Apache-2.0 */
#include "wild.h"

#include <stdlib.h>

#include "base/assert.h"
#include "core/client_conn.h"
#include "dice.h"
#include "policies.h"
#include "spy.h"
#include "trace.h"
#include "world.h"

enum { MAX_WILD_SUBCONNS = 12 };

struct wild {
    struct grebe_balancer base;
    struct grebe_client_conn *cc;
    struct grebe_timer *timer;
    struct grebe_subconn *subconns[MAX_WILD_SUBCONNS]; /* references */
    unsigned n;
    struct grebe_address **addresses; /* references: of the last update */
    unsigned n_addresses;
};

static struct wild *wild_of(struct grebe_balancer *base)
{
    return grebe_container_of(base, struct wild, base);
}

static uint32_t below(struct wild *wild, uint32_t n)
{
    return grebe_client_conn_random_below(wild->cc, n);
}

/* ---- Picker ------------------------------------------------------------------------------- */

/* Some of the subconns that there were, whatever became of them. */
struct wild_picker {
    struct grebe_picker base;
    struct grebe_client_conn *cc; /* a reference */
    struct grebe_metadata *metadata;
    struct grebe_status status;
    unsigned n;
    struct grebe_subconn *subconns[]; /* references */
};

static void on_done(void *arg, const struct grebe_done_info *info)
{
    (void)info;
    grebe_picker_unref(arg);
}

static void wild_pick(struct grebe_picker *base, const struct grebe_pick_args *args,
                      struct grebe_pick *out)
{
    struct wild_picker *picker = grebe_container_of(base, struct wild_picker, base);
    unsigned die = args->random % 16;

    if (die == 0) {
        grebe_client_conn_request_exit_idle(picker->cc);
    } else if (die == 1) {
        out->kind = GREBE_PICK_FAIL;
        out->status = &picker->status;
    } else if (die == 2) {
        out->kind = GREBE_PICK_DROP;
        out->status = &picker->status;
    } else if (picker->n > 0) {
        out->kind = GREBE_PICK_COMPLETE;
        out->subconn = picker->subconns[args->random / 16 % picker->n];
        out->metadata = picker->metadata;
        if (die % 2 == 0) {
            out->on_done = on_done;
            out->on_done_arg = grebe_picker_ref(base);
        }
    }
}

static void wild_picker_destroy(struct grebe_picker *base)
{
    struct wild_picker *picker = grebe_container_of(base, struct wild_picker, base);

    while (picker->n > 0)
        grebe_subconn_unref(picker->subconns[--picker->n]);
    grebe_metadata_unref(picker->metadata);
    grebe_client_conn_unref(picker->cc);
    free(picker);
}

static const struct grebe_picker_ops picker_ops = {
    .pick = wild_pick,
    .destroy = wild_picker_destroy,
};

static struct grebe_metadata *new_metadata(void)
{
    struct grebe_metadata *metadata = grebe_metadata_new(NULL);

    GREBE_ASSERT(metadata != NULL);
    if (grebe_metadata_add(metadata, "wild", "yes", 3) != GREBE_OK)
        GREBE_ASSERT(false);
    return metadata;
}

static struct grebe_picker *new_picker(struct wild *wild)
{
    struct wild_picker *picker =
        calloc(1, sizeof *picker + wild->n * sizeof(struct grebe_subconn *));

    GREBE_ASSERT(picker != NULL);
    grebe_picker_init(&picker->base, &picker_ops);
    picker->cc = grebe_client_conn_ref(wild->cc);
    picker->status = grebe_status_of((int)below(wild, 17), "wild");
    if (below(wild, 2) == 0)
        picker->metadata = new_metadata();
    for (unsigned i = 0; i < wild->n; i++)
        picker->subconns[picker->n++] = grebe_subconn_ref(wild->subconns[i]);
    return &picker->base;
}

/* ---- What it does --------------------------------------------------------------------------- */

static void publish(struct wild *wild)
{
    static const uint8_t states[] = {GREBE_READY, GREBE_READY, GREBE_IDLE,
                                     GREBE_CONNECTING, GREBE_TRANSIENT_FAILURE};

    grebe_client_conn_update_state(wild->cc, states[below(wild, GREBE_ARRAY_LEN(states))],
                                   below(wild, 8) == 0 ? NULL : new_picker(wild));
}

static void make_subconn(struct wild *wild, grebe_subconn_state_fn on_state)
{
    struct grebe_subconn_options options = GREBE_SUBCONN_OPTIONS_INIT;
    struct grebe_subconn *subconn;
    uint32_t first;

    if (wild->n == MAX_WILD_SUBCONNS || wild->n_addresses == 0)
        return;
    first = below(wild, wild->n_addresses);
    options.addresses = wild->addresses + first;
    options.n_addresses = 1 + below(wild, wild->n_addresses - first);
    options.on_state = on_state;
    options.arg = wild;
    if (grebe_client_conn_new_subconn(wild->cc, &options, &subconn) != GREBE_OK)
        return;
    wild->subconns[wild->n++] = grebe_subconn_ref(subconn);
    if (below(wild, 4) != 0)
        grebe_subconn_connect(subconn);
}

/* Shut down, and perhaps forgotten: a picker may still choose it. */
static void drop_subconn(struct wild *wild)
{
    uint32_t at;

    if (wild->n == 0)
        return;
    at = below(wild, wild->n);
    grebe_subconn_shutdown(wild->subconns[at]);
    if (below(wild, 2) == 0)
        return;
    grebe_subconn_unref(wild->subconns[at]);
    wild->subconns[at] = wild->subconns[--wild->n];
}

static void move_subconn(struct wild *wild)
{
    uint32_t n = wild->n_addresses == 0 ? 0 : below(wild, wild->n_addresses + 1);

    if (wild->n > 0 &&
        grebe_subconn_update_addresses(wild->subconns[below(wild, wild->n)],
                                       wild->addresses, n) != GREBE_OK)
        publish(wild);
}

static void connect_all(struct wild *wild)
{
    for (unsigned i = 0; i < wild->n; i++)
        grebe_subconn_connect(wild->subconns[i]);
}

static void on_state(void *arg, struct grebe_subconn *subconn,
                     enum grebe_connectivity state, const struct grebe_status *error);

static void do_something(struct wild *wild, unsigned what)
{
    switch (what % 8) {
    case 0:
    case 1:
        publish(wild);
        break;
    case 2:
        make_subconn(wild, on_state);
        break;
    case 3:
        drop_subconn(wild);
        break;
    case 4:
        move_subconn(wild);
        break;
    case 5:
        connect_all(wild);
        break;
    case 6:
        grebe_client_conn_resolve_now(wild->cc);
        grebe_client_conn_request_exit_idle(wild->cc);
        break;
    case 7:
        grebe_timer_start(wild->timer,
                          grebe_client_conn_now_ns(wild->cc) + below(wild, 50000000));
        break;
    }
}

static void on_state(void *arg, struct grebe_subconn *subconn,
                     enum grebe_connectivity state, const struct grebe_status *error)
{
    struct wild *wild = arg;

    (void)error;
    if (state == GREBE_IDLE && below(wild, 2) == 0)
        grebe_subconn_connect(subconn);
    if (state == GREBE_READY || below(wild, 4) == 0)
        publish(wild);
    if (below(wild, 8) == 0)
        do_something(wild, below(wild, 7));
}

static void on_timer(void *arg)
{
    do_something(arg, below(arg, 7)); /* not the timer: it would not end */
}

/* ---- The policy -------------------------------------------------------------------------------- */

static void forget_addresses(struct wild *wild)
{
    while (wild->n_addresses > 0)
        grebe_address_unref(wild->addresses[--wild->n_addresses]);
    free(wild->addresses);
    wild->addresses = NULL;
}

static void keep_addresses(struct wild *wild, const struct grebe_balancer_update *update)
{
    size_t n = 0;

    for (size_t i = 0; i < update->n_endpoints; i++)
        n += grebe_endpoint_n_addresses(update->endpoints[i]);
    forget_addresses(wild);
    wild->addresses = calloc(n + 1, sizeof(struct grebe_address *));
    GREBE_ASSERT(wild->addresses != NULL);
    for (size_t i = 0; i < update->n_endpoints; i++)
        for (size_t j = 0; j < grebe_endpoint_n_addresses(update->endpoints[i]); j++)
            wild->addresses[wild->n_addresses++] =
                grebe_address_ref(grebe_endpoint_address(update->endpoints[i], j));
}

static int wild_update(struct grebe_balancer *base,
                       const struct grebe_balancer_update *update)
{
    struct wild *wild = wild_of(base);

    keep_addresses(wild, update);
    for (unsigned i = 0; i < 3; i++)
        make_subconn(wild, on_state);
    publish(wild);
    return below(wild, 4) == 0 ? GREBE_ERR_BAD_RESOLVER_STATE : GREBE_OK;
}

static void wild_resolver_error(struct grebe_balancer *base,
                                const struct grebe_status *status)
{
    (void)status;
    do_something(wild_of(base), below(wild_of(base), 8));
}

static void wild_exit_idle(struct grebe_balancer *base)
{
    connect_all(wild_of(base));
    if (below(wild_of(base), 2) == 0)
        do_something(wild_of(base), below(wild_of(base), 8));
}

/* Subconns are left to the library. */
static void wild_destroy(struct grebe_balancer *base)
{
    struct wild *wild = wild_of(base);

    grebe_timer_destroy(wild->timer);
    while (wild->n > 0)
        grebe_subconn_unref(wild->subconns[--wild->n]);
    forget_addresses(wild);
    free(wild);
}

static const struct grebe_balancer_ops wild_ops = {
    .update = wild_update,
    .resolver_error = wild_resolver_error,
    .exit_idle = wild_exit_idle,
    .destroy = wild_destroy,
};

static int wild_build(struct grebe_client_conn *cc,
                      const struct grebe_build_options *options,
                      struct grebe_balancer **out)
{
    struct wild *wild = calloc(1, sizeof *wild);
    int result;

    (void)options;
    GREBE_ASSERT(wild != NULL);
    grebe_balancer_init(&wild->base, &wild_ops);
    wild->cc = cc;
    result = grebe_timer_new(cc, on_timer, wild, &wild->timer);
    if (result != GREBE_OK) {
        free(wild);
        return result;
    }
    if (below(wild, 2) == 0)
        publish(wild); /* a policy may, before it knows anything */
    *out = &wild->base;
    return GREBE_OK;
}

const struct grebe_balancer_builder torture_wild = {
    .api = GREBE_BALANCER_API,
    .name = "torture_wild",
    .build = wild_build,
};

void wild_poke(struct client *client, unsigned what)
{
    struct grebe__env *env = &client->world->sim.env;

    grebe__list_foreach (link, &client->spies) {
        struct spy *spy = grebe_container_of(link, struct spy, link);

        if (spy->is_destroyed || spy->policy == NULL ||
            spy->policy->builder != &torture_wild)
            continue;
        trace("client %u: %s is poked", client->index, spy->name);
        /* As a timer of its own on the same loop would come: perhaps outside of turns. */
        if (what % 2 == 0)
            grebe__env_enter(env);
        spy_enter(spy, "a poke");
        do_something(wild_of(spy->child->balancer), what / 2);
        spy_leave(spy);
        if (what % 2 == 0)
            grebe__env_leave(env);
    }
}
