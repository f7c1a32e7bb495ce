/* SPDX-License-Identifier: Apache-2.0 */
/* logging_parent.c -- a policy whose child is a policy: it says what the child reports.
 *
 *     ./logging_parent ipv4:127.0.0.1:50051,127.0.0.1:50052 1000 round_robin
 *
 * The child is named by the configuration, {"childPolicy": [{"round_robin": {}}]}, as a list
 * of which the first known policy is taken.  A graceful switch stands between the two:
 * when another child is named, it is built beside the old one and takes over when it is
 * ready.
 */
#include <stdio.h>
#include <stdlib.h>

#include <grebe/balancer.h>
#include <grebe/parent.h>
#include <grebe/registry.h>

#include "shares.h"

struct logging {
    struct grebe_balancer base; /* first: the library knows us by it */
    struct grebe_client_conn *cc;
    struct grebe_client_conn *child;  /* whose balancer is the graceful switch */
    struct grebe_lb_config *fallback; /* for updates without a configuration */
};

/* {"childPolicy": [...]} */
static int parse_config(const struct grebe_json *json, struct grebe_diag *diag,
                        void **out)
{
    const struct grebe_json *list = NULL;
    struct grebe_lb_config *child;
    int result = grebe_json_get_array(json, "childPolicy", &list, diag);

    if (result != GREBE_OK)
        return result;
    result = grebe_lb_config_parse(list, diag, &child);
    if (result != GREBE_OK)
        grebe_diag_prefix(diag, "childPolicy"); /* where in our own configuration */
    else
        *out = child;
    return result;
}

static void free_config(void *config)
{
    grebe_lb_config_unref(config);
}

static void on_child_state(void *arg, enum grebe_connectivity state,
                           struct grebe_picker *picker)
{
    struct logging *logging = arg;

    grebe_client_conn_log(logging->cc, GREBE_LOG_INFO, "logging: the child is %s",
                          grebe_connectivity_name(state));
    grebe_client_conn_update_state(logging->cc, state, picker); /* with its reference */
}

/* What is not here goes on to our own client_conn: new_subconn, resolve_now, ... */
static const struct grebe_client_conn_ops child_ops = {.update_state = on_child_state};

static int update(struct grebe_balancer *base, const struct grebe_balancer_update *update)
{
    struct logging *logging = (struct logging *)base;
    struct grebe_balancer_update for_child = *update;

    if (for_child.config == NULL)
        for_child.config = logging->fallback;
    return grebe_client_conn_update(logging->child, &for_child);
}

static void resolver_error(struct grebe_balancer *base, const struct grebe_status *status)
{
    grebe_client_conn_resolver_error(((struct logging *)base)->child, status);
}

static void exit_idle(struct grebe_balancer *base)
{
    grebe_client_conn_exit_idle(((struct logging *)base)->child);
}

static void destroy(struct grebe_balancer *base)
{
    struct logging *logging = (struct logging *)base;

    grebe_client_conn_close(logging->child);
    grebe_lb_config_unref(logging->fallback);
    free(logging);
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
    struct logging *logging = calloc(1, sizeof *logging);
    int result;

    (void)options;
    if (logging == NULL)
        return GREBE_ERR_NOMEM;
    grebe_balancer_init(&logging->base, &ops);
    logging->cc = cc;
    result = grebe_lb_config_new(grebe_balancer_get("pick_first"), &logging->fallback);
    if (result == GREBE_OK)
        result = grebe_client_conn_new_child(cc, &child_ops, logging, &logging->child);
    if (result == GREBE_OK)
        result = grebe_client_conn_build(logging->child, &grebe_graceful_switch);
    if (result == GREBE_OK)
        *out = &logging->base;
    else
        destroy(&logging->base);
    return result;
}

static const struct grebe_balancer_builder builder = {
    .api = GREBE_BALANCER_API,
    .name = "logging",
    .parse_config = parse_config,
    .free_config = free_config,
    .build = build,
};

static void print_log(void *arg, enum grebe_log_level level, const char *message)
{
    (void)arg;
    if (level >= GREBE_LOG_INFO)
        fprintf(stderr, "%s\n", message);
}

int main(int argc, char *argv[])
{
    char config[256];

    if (argc != 4) {
        fprintf(stderr, "usage: %s TARGET CALLS CHILD\n", argv[0]);
        return 2;
    }
    snprintf(
        config, sizeof config,
        "{\"loadBalancingConfig\": [{\"logging\": {\"childPolicy\": [{\"%s\": {}}]}}]}",
        argv[3]);
    return print_shares_of(&builder, config, print_log, argv[1], atol(argv[2]));
}
