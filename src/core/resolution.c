/* SPDX-License-Identifier: Apache-2.0 */
/* What the resolver finds, and which service config is in force.
 *
 *   resolver gives          nothing was in force      something was
 *   a valid config          that one                  that one
 *   none                    the default               what it was
 *   an invalid one          the default, or, without  what it was; the addresses are
 *                           one, no call succeeds     used all the same
 *
 * An invalid one is always GREBE_ERR_BAD_RESOLVER_STATE for the resolver, so that it tries
 * again.  Source: gRFC A21, but for "none", where a config stays in force: a lost TXT
 * record must not reconfigure a channel (as in grpc-go).
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <grebe/resolver.h>

#include "base/hash.h"
#include "core/call.h"
#include "core/health.h"
#include "core/options.h"
#include "core/subconn.h"
#include "resolver/proxied.h"

static struct grebe_channel *channel_of(struct grebe_resolver_conn *conn)
{
    return grebe_container_of(conn, struct grebe_channel, resolver_conn);
}

/* ---- Calls that wait for the first answer ------------------------------------------- */

static void release_calls(struct grebe_channel *channel)
{
    struct grebe__list waiting, *link;

    if (channel->has_resolved)
        return;
    channel->has_resolved = true;
    grebe__list_init(&waiting);
    grebe__list_splice(&waiting, &channel->resolving);
    while ((link = grebe__list_shift(&waiting)) != NULL)
        grebe__call_resolved(grebe__call_of_link(link));
}

/* ---- Service config ------------------------------------------------------------------ */

/* Lowering the number closes nothing; raising it may be what calls wait for. */
static void set_max_connections(struct grebe_channel *channel, uint32_t wanted)
{
    uint32_t before = channel->max_connections;

    if (wanted > channel->connections_limit)
        wanted = channel->connections_limit;
    channel->max_connections = wanted == 0 ? 1 : wanted;
    grebe__book_set_max_connections(channel->host.entity, channel->max_connections);
    if (channel->max_connections <= before)
        return;
    grebe__list_foreach (link, &channel->subconns) {
        grebe__subconn_wants_more(grebe_container_of(link, struct grebe__subconn, link));
    }
}

static void put_in_force(struct grebe_channel *channel,
                         struct grebe__service_config *config)
{
    struct grebe__service_config *before = channel->config;

    channel->config = grebe__service_config_ref(config);
    grebe__health_config_changed(channel, before);
    grebe__service_config_unref(before);
    set_max_connections(channel, grebe__service_config_max_connections(config));
}

/* No usable service config was ever there: every call fails, wait_for_ready or not. */
static void fail_channel(struct grebe_channel *channel, const char *why)
{
    const struct grebe_mem *mem = channel->host.mem;
    struct grebe__status status;

    grebe__status_init(&status, mem);
    grebe__status_set(&status, GREBE_STATUS_UNAVAILABLE,
                      "error parsing service config: %s", why);
    grebe__channel_set_picker(channel, grebe_picker_dropping(mem, &status.view));
    grebe__channel_set_state(channel, GREBE_TRANSIENT_FAILURE);
    grebe__status_fini(&status);
}

/* Chooses the config for this update.  GREBE_ERR_BAD_RESOLVER_STATE with `diag` if what
 * the resolver gave is invalid. */
static int choose_config(struct grebe_channel *channel,
                         const struct grebe_resolver_state *state,
                         struct grebe_diag *diag)
{
    struct grebe__service_config *config = NULL;
    int result = GREBE_OK;

    if (channel->ignores_resolver_service_config) {
        put_in_force(channel, channel->default_config);
        return GREBE_OK;
    }
    if (state->service_config_error != NULL) {
        grebe_diag_set(diag, "%s", state->service_config_error);
        result = GREBE_ERR_BAD_RESOLVER_STATE;
    } else if (state->service_config != NULL) {
        result = grebe__service_config_parse(channel->host.mem, state->service_config,
                                             diag, &config);
        if (result == GREBE_OK) {
            put_in_force(channel, config);
            grebe__service_config_unref(config);
            return GREBE_OK;
        }
        if (result == GREBE_ERR_NOMEM)
            grebe_diag_set(diag, "%s", grebe_strerror(result));
        result = GREBE_ERR_BAD_RESOLVER_STATE;
    }
    if (channel->config == NULL && (result == GREBE_OK || channel->has_default_config))
        put_in_force(channel, channel->default_config);
    return result;
}

/* ---- Updates ------------------------------------------------------------------------- */

/* Zero stands for none. */
static uint64_t hash_of(const char *json)
{
    uint64_t hash = json == NULL ? 0 : grebe__hash64_text(json);

    return json != NULL && hash == 0 ? 1 : hash;
}

/* What is new in this answer: a resolver that has nothing new to say says it often. */
static void tell_news(struct grebe_channel *channel,
                      const struct grebe_resolver_state *state)
{
    uint64_t config_hash = hash_of(state->service_config);
    bool had_any = channel->has_result && channel->n_endpoints > 0;
    const char *of_config =
        config_hash != channel->config_hash ? "service config updated" : "";
    const char *of_addresses = "";

    if (had_any && state->n_endpoints == 0)
        of_addresses = "resolver returned an empty address list";
    else if (!had_any && state->n_endpoints > 0)
        of_addresses = "resolver returned new addresses";
    channel->config_hash = config_hash;
    if (*of_config != '\0' || *of_addresses != '\0')
        grebe__channel_log(
            channel, GREBE_LOG_INFO, "Resolver state updated: %zu endpoint%s (%s%s%s)",
            state->n_endpoints, state->n_endpoints == 1 ? "" : "s", of_config,
            *of_config != '\0' && *of_addresses != '\0' ? "; " : "", of_addresses);
}

static void note_error(struct grebe_channel *channel, const struct grebe_status *status)
{
    grebe__status_copy(&channel->resolver_error, status);
    channel->resolver_error_ns = channel->host.env->now_ns;
}

/* Why there are no endpoints, if that is so and was said; else OK. */
static struct grebe_status status_of(const struct grebe_resolver_state *state)
{
    const char *reason = grebe_attributes_get(state->attributes, &GREBE_ATTRIBUTE_REASON);

    if (state->n_endpoints > 0 || reason == NULL)
        return grebe_status_of(GREBE_STATUS_OK, "");
    return grebe_status_of(GREBE_STATUS_UNAVAILABLE, reason);
}

static void note_result(struct grebe_channel *channel,
                        const struct grebe_resolver_state *state)
{
    struct grebe_status status = status_of(state);

    channel->has_result = true;
    channel->result_ns = channel->host.env->now_ns;
    channel->n_endpoints = state->n_endpoints;
    if (status.code == GREBE_STATUS_OK)
        grebe__status_set_static(&channel->resolver_error, GREBE_STATUS_OK, "");
    else
        note_error(channel, &status);
}

static const struct grebe_lb_config *policy_in_force(struct grebe_channel *channel)
{
    const struct grebe_lb_config *config = grebe__service_config_lb(channel->config);
    const struct grebe_balancer_builder *builder;

    if (config == NULL)
        config = channel->default_lb;
    builder = grebe_lb_config_builder(config);
    /* By name, as the graceful switch goes: the same name registered anew is no switch. */
    if (channel->policy == NULL || strcmp(channel->policy->name, builder->name) != 0) {
        grebe__channel_log(channel, GREBE_LOG_INFO,
                           "Channel switches to new LB policy \"%s\"", builder->name);
        channel->policy = builder;
        channel->picker_faults = 0;
    }
    return config;
}

static int apply_update(struct grebe_channel *channel,
                        const struct grebe_resolver_state *state)
{
    struct grebe_diag diag = {""};
    int chosen = choose_config(channel, state, &diag);
    struct grebe_balancer_update update = {
        .endpoints = state->endpoints,
        .n_endpoints = state->n_endpoints,
        .attributes = state->attributes,
    };
    int result;

    if (chosen != GREBE_OK)
        grebe__channel_log(channel, GREBE_LOG_WARNING,
                           "the resolver's service config is not used: %s", diag.text);
    if (channel->config == NULL) {
        fail_channel(channel, diag.text);
        return chosen;
    }
    update.config = policy_in_force(channel);
    result = grebe_client_conn_update(channel->root, &update);
    return chosen != GREBE_OK ? chosen : result;
}

static int on_update(struct grebe_resolver_conn *conn,
                     const struct grebe_resolver_state *state)
{
    struct grebe_channel *channel = channel_of(conn);
    int result;

    if (channel->root == NULL)
        return GREBE_OK; /* idle or closed: nobody is interested */
    tell_news(channel, state);
    note_result(channel, state);
    result = apply_update(channel, state);
    release_calls(channel);
    return result;
}

static void on_report_error(struct grebe_resolver_conn *conn,
                            const struct grebe_status *status)
{
    struct grebe_channel *channel = channel_of(conn);

    if (channel->root == NULL)
        return;
    note_error(channel, status);
    grebe__channel_log(channel, GREBE_LOG_WARNING, "name resolution failed: %s",
                       status->message);
    if (channel->config == NULL)
        put_in_force(channel, channel->default_config);
    grebe_client_conn_resolver_error(channel->root, status);
    release_calls(channel);
}

static const struct grebe_resolver_conn_ops conn_ops = {
    .update = on_update,
    .report_error = on_report_error,
};

/* A resolver may come from a callback of its own, outside of any turn. */
int grebe_resolver_conn_update(struct grebe_resolver_conn *conn,
                               const struct grebe_resolver_state *given)
{
    struct grebe_resolver_state state = grebe__resolver_state_complete(given);
    struct grebe__env *env = conn->env;
    int result;

    grebe__env_enter(env);
    conn->next_ns = state.next_refresh_ns;
    result = conn->ops->update(conn, &state);
    grebe__env_leave(env);
    return result;
}

void grebe_resolver_conn_report_error(struct grebe_resolver_conn *conn,
                                      const struct grebe_status *status)
{
    struct grebe__env *env = conn->env;

    grebe__env_enter(env);
    conn->ops->report_error(conn, status);
    grebe__env_leave(env);
}

const struct grebe_mem *grebe_resolver_conn_mem(const struct grebe_resolver_conn *conn)
{
    return conn->mem;
}

uint64_t grebe_resolver_conn_now_ns(const struct grebe_resolver_conn *conn)
{
    return conn->env->now_ns;
}

void grebe_resolver_conn_log(struct grebe_resolver_conn *conn, enum grebe_log_level level,
                             const char *format, ...)
{
    char text[512];
    va_list args;

    if (conn->on_log == NULL)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    conn->on_log(conn->log_arg, level, text);
}

/* ---- The resolver's life -------------------------------------------------------------- */

static void run_resolve_now(struct grebe__effect *effect)
{
    struct grebe_channel *channel =
        grebe_container_of(effect, struct grebe_channel, resolve_effect);

    if (channel->resolver != NULL && channel->resolver->ops->resolve_now != NULL)
        channel->resolver->ops->resolve_now(channel->resolver);
}

void grebe__channel_resolve_now(struct grebe_channel *channel)
{
    if (channel->resolver != NULL)
        grebe__env_do(channel->host.env, &channel->resolve_effect);
}

void grebe__channel_init_resolver(struct grebe_channel *channel)
{
    channel->resolver_conn = (struct grebe_resolver_conn){
        .ops = &conn_ops,
        .env = channel->host.env,
        .mem = channel->host.mem,
        .dns = &channel->dns_options,
        .on_log = channel->host.on_log,
        .log_arg = channel->host.log_arg,
    };
    grebe__effect_init(&channel->resolve_effect, run_resolve_now);
    grebe__list_init(&channel->resolving);
    grebe__status_init(&channel->resolver_error, channel->host.mem);
}

int grebe__channel_start_resolver(struct grebe_channel *channel)
{
    struct grebe_resolver_options options = {
        .ignores_service_config = channel->ignores_resolver_service_config,
        .has_dialer = channel->transport_options.dialer != NULL,
    };
    struct grebe_diag diag = {""};
    struct grebe_status status;
    int result;

    result = grebe__resolver_build(
        channel->resolver_builder, channel->has_proxy ? &channel->proxy : NULL,
        channel->target, &channel->resolver_conn, options, &diag, &channel->resolver);
    if (result == GREBE_OK || result == GREBE_ERR_NOMEM)
        return result;
    if (diag.text[0] == '\0')
        grebe_diag_set(&diag, "%s", grebe_strerror(result));
    status = grebe_status_of(GREBE_STATUS_UNAVAILABLE, diag.text);
    on_report_error(&channel->resolver_conn, &status);
    return result;
}

void grebe__channel_stop_resolver(struct grebe_channel *channel)
{
    struct grebe_resolver *resolver = channel->resolver;

    grebe__effect_cancel(&channel->resolve_effect);
    channel->resolver = NULL;
    channel->has_result = false;
    channel->resolver_conn.next_ns = 0;
    channel->config_hash = 0;
    grebe__status_set_static(&channel->resolver_error, GREBE_STATUS_OK, "");
    if (resolver != NULL)
        resolver->ops->destroy(resolver);
}
