/* SPDX-License-Identifier: Apache-2.0 */
#include "support/one_subconn.h"

#include <stdio.h>
#include <string.h>

#include <grebe/registry.h>

#include "support/test.h"

struct one_subconn one;

static void note(enum grebe_connectivity state)
{
    size_t used = strlen(one.states);

    snprintf(one.states + used, sizeof one.states - used, "%s%s", used > 0 ? ", " : "",
             grebe_connectivity_name(state));
}

static void on_state(void *arg, struct grebe_subconn *subconn,
                     enum grebe_connectivity state, const struct grebe_status *error)
{
    struct grebe_picker *picker = NULL;

    (void)arg;
    one.state = state;
    one.n_heard++;
    note(state);
    assert_true((state == GREBE_TRANSIENT_FAILURE) == (error != NULL));
    snprintf(one.error, sizeof one.error, "%s", error == NULL ? "" : error->message);
    if (state == GREBE_READY)
        picker = grebe_picker_fixed(grebe_client_conn_mem(one.cc), subconn);
    grebe_client_conn_update_state(one.cc, state == GREBE_SHUTDOWN ? GREBE_IDLE : state,
                                   picker == NULL ? grebe_picker_queueing() : picker);
}

static size_t collect(const struct grebe_balancer_update *update,
                      struct grebe_address **out)
{
    size_t n = 0;

    for (size_t i = 0; i < update->n_endpoints; i++)
        for (size_t k = 0; k < grebe_endpoint_n_addresses(update->endpoints[i]); k++)
            out[n++] = grebe_endpoint_address(update->endpoints[i], k);
    return n;
}

static int update(struct grebe_balancer *base, const struct grebe_balancer_update *update)
{
    struct grebe_subconn_options options = GREBE_SUBCONN_OPTIONS_INIT;
    struct grebe_address *addresses[16];
    size_t n = collect(update, addresses);

    (void)base;
    if (one.subconn != NULL)
        return grebe_subconn_update_addresses(one.subconn, addresses, n);
    options.addresses = addresses;
    options.n_addresses = n;
    options.on_state = on_state;
    assert_int_equal(grebe_client_conn_new_subconn(one.cc, &options, &one.subconn),
                     GREBE_OK);
    grebe_subconn_connect(one.subconn);
    grebe_subconn_connect(one.subconn); /* once is enough */
    return GREBE_OK;
}

static void resolver_error(struct grebe_balancer *base, const struct grebe_status *status)
{
    (void)base;
    (void)status;
}

static void exit_idle(struct grebe_balancer *base)
{
    (void)base;
    grebe_subconn_connect(one.subconn);
}

static void destroy(struct grebe_balancer *base)
{
    one.subconn = NULL;
    grebe_mem_free(NULL, base);
}

static const struct grebe_balancer_ops ops = {
    .update = update,
    .resolver_error = resolver_error,
    .exit_idle = exit_idle,
    .destroy = destroy,
};

static int build(struct grebe_client_conn *cc, const struct grebe_build_options *options,
                 struct grebe_balancer **out)
{
    (void)options;
    *out = grebe_mem_alloc(NULL, sizeof **out);
    grebe_balancer_init(*out, &ops);
    one.cc = cc;
    return GREBE_OK;
}

static const struct grebe_balancer_builder builder = {
    .api = GREBE_BALANCER_API,
    .name = "one_subconn",
    .build = build,
};

void one_subconn_register(void)
{
    memset(&one, 0, sizeof one);
    assert_int_equal(grebe_balancer_register(&builder), GREBE_OK);
}

void one_subconn_unregister(void)
{
    grebe_balancer_unregister("one_subconn");
}
