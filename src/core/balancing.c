/* SPDX-License-Identifier: Apache-2.0 */
/* The channel as its policy sees it: the root client_conn. */
#include "core/channel.h"
#include "core/subconn.h"

static void on_update_state(void *arg, enum grebe_connectivity state,
                            struct grebe_picker *picker)
{
    struct grebe_channel *channel = arg;

    /* Picker first: whoever sees READY and asks must not meet the old one. */
    grebe__channel_set_picker(channel, picker);
    grebe__channel_set_state(channel, state);
}

static void on_resolve_now(void *arg)
{
    grebe__channel_resolve_now(arg);
}

static int on_new_subconn(void *arg, const struct grebe_subconn_options *options,
                          struct grebe_subconn **out)
{
    return grebe__subconn_new(arg, options, out);
}

/* From here on it is health_listener.c's, after the policy's function has returned. */
static void on_watch_health(void *arg, struct grebe_subconn *subconn,
                            grebe_subconn_state_fn on_health, void *health_arg)
{
    struct grebe_channel *channel = arg;
    bool had_listener = subconn->on_health != NULL;

    if (grebe__subconn_watch_health(subconn, on_health, health_arg) || had_listener)
        grebe__env_do(channel->host.env, &subconn->health_effect);
}

static const struct grebe_client_conn_ops root_ops = {
    .update_state = on_update_state,
    .resolve_now = on_resolve_now,
    .new_subconn = on_new_subconn,
    .watch_health = on_watch_health,
};

int grebe__channel_start_balancer(struct grebe_channel *channel)
{
    struct grebe_client_conn *root;
    int result;

    result = grebe__client_conn_new_root(&channel->host, &root_ops, channel, &root);
    if (result != GREBE_OK)
        return result;
    grebe__channel_ref(channel); /* given up when the root is freed */
    result = grebe_client_conn_build(root, &grebe_graceful_switch);
    if (result != GREBE_OK) {
        grebe_client_conn_close(root);
        return result;
    }
    channel->root = root;
    return GREBE_OK;
}

void grebe__channel_stop_balancer(struct grebe_channel *channel)
{
    struct grebe_client_conn *root = channel->root;

    channel->root = NULL;
    grebe_client_conn_close(root);
}
