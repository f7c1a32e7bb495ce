/* SPDX-License-Identifier: Apache-2.0 */
#include "core/options.h"

#include <string.h>

#include "base/options.h"
#include "registry/registry.h"

#define SECONDS(n) (UINT64_C(1000000000) * (n))

/* The header's macro adds the size that the program was compiled with. */
#undef grebe_channel_options_init

static const struct grebe_channel_options channel_defaults = {
    .struct_size = sizeof channel_defaults,
    .idle_timeout_ns = SECONDS(30 * 60),
    .min_connect_timeout_ns = SECONDS(20),
    .backoff_base_ns = SECONDS(1),
    .backoff_multiplier = 1.6,
    .backoff_jitter = 0.2,
    .backoff_max_ns = SECONDS(120),
    .keepalive_time_ns = UINT64_MAX,
    .keepalive_timeout_ns = SECONDS(20),
    .tcp_user_timeout_ms = 20000,
    .dns_min_interval_ns = SECONDS(30),
    .max_header_list_bytes = 65536,
    .max_connections_per_subchannel = 10,
    .happy_eyeballs_delay_ns = SECONDS(1) / 4, /* RFC 8305 section 8 */
    .dns_max_interval_ns = UINT64_MAX,
    .dns_lookup_timeout_ns = SECONDS(30),
    .trace_events = 30,
    .record_buffer_bytes = 4194304,
};

void grebe_channel_options_init(struct grebe_channel_options *options, size_t struct_size)
{
    memcpy(options, &channel_defaults,
           struct_size < sizeof channel_defaults ? struct_size : sizeof channel_defaults);
    options->struct_size = struct_size;
}

struct grebe_channel_options
grebe__channel_options_complete(const struct grebe_channel_options *from)
{
    struct grebe_channel_options options = channel_defaults;

    if (from != NULL)
        grebe__options_read(&options, sizeof options, from);
    return options;
}

uint32_t
grebe__channel_options_user_timeout_ms(const struct grebe_channel_options *options)
{
    uint64_t ms = options->keepalive_timeout_ns / 1000000;

    if (options->keepalive_time_ns == UINT64_MAX ||
        options->tcp_user_timeout_ms != channel_defaults.tcp_user_timeout_ms)
        return options->tcp_user_timeout_ms;
    if (ms == 0)
        return 1;
    return ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
}

int grebe__channel_options_proxy(const struct grebe_channel_options *options,
                                 const struct grebe_mem *mem, struct grebe_diag *diag,
                                 struct grebe__proxy *out, bool *has_proxy)
{
    int error;

    *has_proxy = false;
    if (options->proxy == NULL || options->proxy[0] == '\0')
        return GREBE_OK;
    if (options->dialer != NULL) {
        grebe_diag_set(diag,
                       "proxy and dialer: the dialer makes all connections; set one "
                       "of them");
        return GREBE_ERR_INVALID;
    }
    error = grebe__proxy_init(out, mem, options->proxy, options->no_proxy, diag);
    if (error != GREBE_OK)
        return error;
    out->resolves_here = options->resolves_names_locally;
    *has_proxy = true;
    return GREBE_OK;
}

struct grebe_dialer grebe__dialer_complete(const struct grebe_dialer *from)
{
    struct grebe_dialer dialer = GREBE_DIALER_INIT;

    grebe__options_read(&dialer, sizeof dialer, from);
    return dialer;
}

/* What the application said for the whole process counts more than our own default. */
struct grebe__target_options
grebe__channel_options_target(const struct grebe_channel_options *options)
{
    return (struct grebe__target_options){
        .resolvers = options->resolvers,
        .n_resolvers = options->n_resolvers,
        .default_scheme = grebe__registry_default_scheme(),
    };
}

struct grebe__dns_options
grebe__channel_options_dns(const struct grebe_channel_options *options)
{
    return (struct grebe__dns_options){
        .min_interval_ns = options->dns_min_interval_ns,
        .max_interval_ns = options->dns_max_interval_ns,
        .lookup_timeout_ns = options->dns_lookup_timeout_ns,
        .ignores_ttl = options->ignores_dns_ttl,
        .ignores_txt = options->ignores_dns_txt,
        .reports_txt_errors = options->reports_dns_txt_errors,
        .ignores_srv = options->ignores_dns_srv,
        .uses_srv_names = options->uses_srv_names,
        .accepts_empty = options->accepts_empty_dns_answers,
        .wants_balancers = options->wants_dns_balancers,
    };
}

struct grebe_call_options
grebe__call_options_complete(const struct grebe_call_options *from)
{
    struct grebe_call_options options = GREBE_CALL_OPTIONS_INIT;

    if (from != NULL)
        grebe__options_read(&options, sizeof options, from);
    return options;
}

struct grebe_resolver_state
grebe__resolver_state_complete(const struct grebe_resolver_state *from)
{
    struct grebe_resolver_state state = GREBE_RESOLVER_STATE_INIT;

    grebe__options_read(&state, sizeof state, from);
    return state;
}
