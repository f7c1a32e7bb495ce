/* SPDX-License-Identifier: Apache-2.0 */
/* round_robin_picker.c -- the smallest policy: READY backends take calls in turn.
 *
 *     ./round_robin_picker ipv4:127.0.0.1:50051,127.0.0.1:50052 1000
 *
 * The base balancer keeps the connections; all that is ours is the picker.
 */
#include <stdatomic.h>
#include <stdlib.h>

#include <grebe/base_balancer.h>

#include "shares.h"

struct rr_picker {
    struct grebe_picker base;
    atomic_uint next; /* taken modulo n; wrapping is harmless */
    size_t n;
    struct grebe_subconn *subconns[]; /* n references */
};

/* Any thread, at any time: the only thing that changes is an atomic counter. */
static void pick(struct grebe_picker *base, const struct grebe_pick_args *args,
                 struct grebe_pick *out)
{
    struct rr_picker *picker = (struct rr_picker *)base;
    unsigned turn = atomic_fetch_add_explicit(&picker->next, 1, memory_order_relaxed);

    (void)args;
    out->kind = GREBE_PICK_COMPLETE;
    out->subconn = picker->subconns[turn % picker->n];
}

static void destroy(struct grebe_picker *base)
{
    struct rr_picker *picker = (struct rr_picker *)base;

    for (size_t i = 0; i < picker->n; i++)
        grebe_subconn_unref(picker->subconns[i]);
    free(picker);
}

static const struct grebe_picker_ops picker_ops = {.pick = pick, .destroy = destroy};

static struct grebe_picker *build_picker(void *arg, struct grebe_client_conn *cc,
                                         const struct grebe_ready_subconn *ready,
                                         size_t n)
{
    struct rr_picker *picker;

    (void)arg;
    if (n == 0)
        return grebe_picker_queueing();
    picker = malloc(sizeof *picker + n * sizeof picker->subconns[0]);
    if (picker == NULL)
        return NULL; /* the picker we have goes on serving */
    grebe_picker_init(&picker->base, &picker_ops);
    /* Clients started together must not walk the backends in step. */
    atomic_init(&picker->next, grebe_client_conn_random_below(cc, (uint32_t)n));
    picker->n = n;
    for (size_t i = 0; i < n; i++)
        picker->subconns[i] = grebe_subconn_ref(ready[i].subconn);
    return &picker->base;
}

static int build(struct grebe_client_conn *cc, const struct grebe_build_options *options,
                 struct grebe_balancer **out)
{
    struct grebe_base_balancer_options base = GREBE_BASE_BALANCER_OPTIONS_INIT;

    (void)options;
    base.build_picker = build_picker;
    return grebe_base_balancer_new(cc, &base, out);
}

int main(int argc, char *argv[])
{
    return shares_main("round_robin_picker", build, argc, argv);
}
