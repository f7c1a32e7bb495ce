/* SPDX-License-Identifier: Apache-2.0 */
#include "support/some_subconns.h"

#include "support/lb_bench.h"
#include "support/test.h"

static struct lb_bench bench;
static struct some_subconns *made;

struct policy {
    struct grebe_balancer base;
    struct grebe_client_conn *cc;
};

static int update(struct grebe_balancer *base, const struct grebe_balancer_update *update)
{
    struct policy *policy = grebe_container_of(base, struct policy, base);

    for (size_t i = 0; i < update->n_endpoints; i++) {
        struct grebe_address *address = grebe_endpoint_address(update->endpoints[i], 0);
        struct grebe_subconn_options options = GREBE_SUBCONN_OPTIONS_INIT;

        options.addresses = &address;
        options.n_addresses = 1;
        assert_int_equal(
            grebe_client_conn_new_subconn(policy->cc, &options, &made->list[i]),
            GREBE_OK);
        made->pickers[i] = grebe_picker_fixed(NULL, made->list[i]);
    }
    return GREBE_OK;
}

static void destroy(struct grebe_balancer *base)
{
    grebe_mem_free(NULL, base);
}

static const struct grebe_balancer_ops ops = {.update = update, .destroy = destroy};

static int build(struct grebe_client_conn *cc, const struct grebe_build_options *options,
                 struct grebe_balancer **out)
{
    struct policy *policy = grebe_mem_zalloc(NULL, sizeof *policy);

    (void)options;
    grebe_balancer_init(&policy->base, &ops);
    policy->cc = cc;
    *out = &policy->base;
    return GREBE_OK;
}

static const struct grebe_balancer_builder builder = {
    .api = GREBE_BALANCER_API,
    .name = "some_subconns",
    .build = build,
};

void some_subconns_make(struct some_subconns *some)
{
    made = some;
    assert_true(lb_bench_init(&bench, &builder, 1));
    assert_int_equal(lb_bench_update(&bench, "a b c d", NULL), GREBE_OK);
}

void some_subconns_close(struct some_subconns *some)
{
    for (size_t i = 0; i < SOME_SUBCONNS; i++)
        grebe_picker_unref(some->pickers[i]);
    lab_close(&bench.lab);
}

void some_subconns_give_up(void)
{
    lb_bench_fini(&bench);
}
