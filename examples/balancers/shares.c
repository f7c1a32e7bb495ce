/* SPDX-License-Identifier: Apache-2.0 */
#include "shares.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <grebe/grebe.h>

enum { MAX_BACKENDS = 64 };

struct share {
    char backend[64];
    long n;
};

static int fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    return 1;
}

static void count(struct share *shares, const char *backend)
{
    int i = 0;

    while (i < MAX_BACKENDS - 1 && shares[i].n > 0 &&
           strcmp(shares[i].backend, backend) != 0)
        i++;
    snprintf(shares[i].backend, sizeof shares[i].backend, "%s", backend);
    shares[i].n++;
}

/* One call; GREBE_OK if it succeeded. */
static int call_once(struct grebe_channel *channel, struct share *shares)
{
    struct grebe_call_options options = GREBE_CALL_OPTIONS_INIT;
    const struct grebe_status *status;
    struct grebe_call *call;
    int result;

    options.wait_for_ready = GREBE_YES;
    options.timeout_ns = INT64_C(10000000000);
    result = grebe_call_unary(channel, "/grebe.test.Echo/Echo", "hi", 2, &options, &call);
    if (result != GREBE_OK)
        return result;
    status = grebe_call_status(call);
    if (status->code != GREBE_STATUS_OK)
        fprintf(stderr, "%s\n", status->message);
    else
        count(shares, grebe_call_peer(call));
    result = status->code == GREBE_STATUS_OK ? GREBE_OK : GREBE_ERR_CLOSED;
    grebe_call_unref(call);
    return result;
}

int print_shares_of(const struct grebe_balancer_builder *builder,
                    const char *service_config, grebe_log_fn on_log, const char *target,
                    long n_calls)
{
    struct share shares[MAX_BACKENDS] = {{"", 0}}, warm_up[MAX_BACKENDS] = {{"", 0}};
    struct grebe_channel_options options;
    struct grebe_channel *channel;
    struct grebe_diag diag;
    int result = GREBE_OK;

    if (grebe_balancer_register(builder) != GREBE_OK)
        return fail("the policy cannot be registered");
    grebe_channel_options_init(&options);
    options.credentials = grebe_credentials_insecure();
    options.service_config = service_config;
    options.on_log = on_log;
    if (grebe_channel_new(target, &options, &diag, &channel) != GREBE_OK)
        return fail(diag.text);
    /* The first calls may run while other backends are still being connected. */
    for (int i = 0; i < 100 && result == GREBE_OK; i++)
        result = call_once(channel, warm_up);
    for (long i = 0; i < n_calls && result == GREBE_OK; i++)
        result = call_once(channel, shares);
    for (int i = 0; i < MAX_BACKENDS && shares[i].n > 0; i++)
        printf("%s %ld\n", shares[i].backend, shares[i].n);
    grebe_channel_destroy(channel);
    return result == GREBE_OK ? 0 : 1;
}

int print_shares(const char *policy, build_fn build, const char *target, long n_calls)
{
    static struct grebe_balancer_builder builder = {.api = GREBE_BALANCER_API};
    char config[256];

    builder.name = policy;
    builder.build = build;
    snprintf(config, sizeof config, "{\"loadBalancingConfig\": [{\"%s\": {}}]}", policy);
    return print_shares_of(&builder, config, NULL, target, n_calls);
}

int shares_main(const char *policy, build_fn build, int argc, char *argv[])
{
    if (argc == 3)
        return print_shares(policy, build, argv[1], atol(argv[2]));
    fprintf(stderr, "usage: %s TARGET CALLS\n", argv[0]);
    return 2;
}
