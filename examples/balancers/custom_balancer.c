/* SPDX-License-Identifier: Apache-2.0 */
/* custom_balancer.c -- a whole policy, written against grebe/balancer.h alone.
 *
 *     ./custom_balancer ipv4:127.0.0.1:50051,127.0.0.1:50052 1000
 *
 * One subconn for all addresses: it tries them in order and stays with the first that
 * answers, for as long as the name still has it.  When the connection is lost it starts
 * over from the top, without waiting for a call.
 */
#include <stdlib.h>

#include <grebe/balancer.h>

#include "shares.h"

struct custom {
    struct grebe_balancer base; /* first: the library knows us by it */
    struct grebe_client_conn *cc;
    struct grebe_subconn *subconn; /* NULL before the first address */
    struct grebe_picker *picker;   /* for when that is READY; a reference */
};

/* Tell the channel our state, and give it the picker that goes with it. */
static void publish(struct custom *custom, enum grebe_connectivity state,
                    const struct grebe_status *error)
{
    struct grebe_picker *picker;

    if (state == GREBE_READY)
        picker = grebe_picker_ref(custom->picker);
    else if (state == GREBE_TRANSIENT_FAILURE)
        picker = grebe_picker_failing(grebe_client_conn_mem(custom->cc), error);
    else /* IDLE, CONNECTING: calls wait */
        picker = grebe_picker_queueing();
    grebe_client_conn_update_state(custom->cc, state, picker);
}

static void on_state(void *arg, struct grebe_subconn *subconn,
                     enum grebe_connectivity state, const struct grebe_status *error)
{
    struct custom *custom = arg;

    if (subconn != custom->subconn)
        return; /* one that we gave up */
    if (state == GREBE_IDLE)
        grebe_subconn_connect(subconn); /* it never does so by itself */
    publish(custom, state, error);
}

static void resolver_error(struct grebe_balancer *base, const struct grebe_status *status)
{
    struct custom *custom = (struct custom *)base;

    if (custom->subconn == NULL) /* else: what works goes on working */
        publish(custom, GREBE_TRANSIENT_FAILURE, status);
}

static void drop_subconn(struct custom *custom)
{
    if (custom->subconn != NULL)
        grebe_subconn_shutdown(custom->subconn);
    grebe_picker_unref(custom->picker);
    custom->subconn = NULL;
    custom->picker = NULL;
}

static int give_up(struct custom *custom)
{
    struct grebe_status none =
        grebe_status_of(GREBE_STATUS_UNAVAILABLE, "the name has no address");

    drop_subconn(custom);
    publish(custom, GREBE_TRANSIENT_FAILURE, &none);
    return GREBE_ERR_BAD_RESOLVER_STATE; /* please ask again, with backoff */
}

static int connect_to(struct custom *custom, struct grebe_address **addresses, size_t n)
{
    struct grebe_subconn_options options = GREBE_SUBCONN_OPTIONS_INIT;
    int result;

    if (custom->subconn != NULL)
        return grebe_subconn_update_addresses(custom->subconn, addresses, n);
    options.addresses = addresses;
    options.n_addresses = n;
    options.on_state = on_state;
    options.arg = custom;
    result = grebe_client_conn_new_subconn(custom->cc, &options, &custom->subconn);
    if (result != GREBE_OK)
        return result;
    custom->picker =
        grebe_picker_fixed(grebe_client_conn_mem(custom->cc), custom->subconn);
    if (custom->picker == NULL) {
        drop_subconn(custom);
        return GREBE_ERR_NOMEM; /* the resolver will ask again */
    }
    grebe_subconn_connect(custom->subconn);
    return GREBE_OK;
}

static int update(struct grebe_balancer *base, const struct grebe_balancer_update *update)
{
    struct custom *custom = (struct custom *)base;
    struct grebe_address **addresses;
    size_t n = 0, n_taken = 0;
    int result;

    for (size_t i = 0; i < update->n_endpoints; i++)
        n += grebe_endpoint_n_addresses(update->endpoints[i]);
    if (n == 0)
        return give_up(custom);
    addresses = malloc(n * sizeof *addresses);
    if (addresses == NULL)
        return GREBE_ERR_NOMEM; /* what we have goes on serving */
    for (size_t i = 0; i < update->n_endpoints; i++)
        for (size_t j = 0; j < grebe_endpoint_n_addresses(update->endpoints[i]); j++)
            addresses[n_taken++] = grebe_endpoint_address(update->endpoints[i], j);
    result = connect_to(custom, addresses, n);
    free(addresses);
    return result;
}

static void destroy(struct grebe_balancer *base)
{
    drop_subconn((struct custom *)base);
    free(base);
}

static const struct grebe_balancer_ops ops = {
    .update = update, .resolver_error = resolver_error, .destroy = destroy};

static int build(struct grebe_client_conn *cc, const struct grebe_build_options *options,
                 struct grebe_balancer **out)
{
    struct custom *custom = calloc(1, sizeof *custom);

    (void)options;
    if (custom == NULL)
        return GREBE_ERR_NOMEM;
    grebe_balancer_init(&custom->base, &ops);
    custom->cc = cc;
    *out = &custom->base;
    return GREBE_OK;
}

int main(int argc, char *argv[])
{
    return shares_main("custom_balancer", build, argc, argv);
}
