/* SPDX-License-Identifier: Apache-2.0 */
#include "core/channel.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <grebe/registry.h>
#include <grebe/resolver.h>
#include <grebe/version.h>

#include "base/assert.h"
#include "base/ref.h"
#include "base/text.h"
#include "core/call.h"
#include "core/call_meter.h"
#include "core/health.h"
#include "core/options.h"
#include "core/subconn.h"
#include "core/tell.h"
#include "resolver/target.h"

static const uint64_t keepalive_floor_ns = UINT64_C(10000000000);
static const uint64_t memory_retry_ns = UINT64_C(1000000000);

void grebe__channel_log(struct grebe_channel *channel, enum grebe_log_level level,
                        const char *format, ...)
{
    char text[GREBE__DESCRIPTION_MAX];
    va_list args;

    if (!grebe__is_heard(&channel->host, level, GREBE_LOG_INFO))
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    grebe__tell_text(&channel->host, level, GREBE_LOG_INFO, text);
}

/* ---- Making one ---------------------------------------------------------------------- */

static void on_idle_timer(struct grebe__timer *timer);
static void run_closed(struct grebe__effect *completion);
static void run_requests(struct grebe__task *task);
static void on_root_freed(struct grebe__lb_host *host);

static void init_parts(struct grebe_channel *channel)
{
    grebe__list_init(&channel->state_waiters);
    grebe__list_init(&channel->state_watchers);
    grebe__list_init(&channel->subconns);
    grebe__list_init(&channel->transports);
    grebe__channel_init_picking(channel);
    grebe__list_init(&channel->calls);
    grebe__churn_init(&channel->churn, channel->host.mem);
    grebe__timer_init(&channel->idle_timer, on_idle_timer);
    grebe__effect_init(&channel->closed_effect, run_closed);
    channel->request_task.run = run_requests;
    grebe__channel_init_resolver(channel);
    grebe__health_init(channel);
    channel->state = GREBE_IDLE;
    channel->is_idle = true;
}

static int set_target(struct grebe_channel *channel, const char *target,
                      const struct grebe_channel_options *options,
                      struct grebe_diag *diag)
{
    struct grebe__target_options how = grebe__channel_options_target(options);
    int result = grebe__target_parse(channel->host.mem, target, &how, diag,
                                     &channel->target, &channel->resolver_builder);

    if (result != GREBE_OK)
        return result;
    grebe__resolver_builder_ref(channel->resolver_builder);
    channel->target_text = grebe__target_canonical(channel->host.mem, channel->target);
    return channel->target_text == NULL ? GREBE_ERR_NOMEM : GREBE_OK;
}

/* `what` goes into a header of every call. */
static int check_text(const char *what, const char *text, char lowest,
                      struct grebe_diag *diag)
{
    char buf[256];
    struct grebe__text escaped = grebe__text_init(buf, sizeof buf);

    if (text == NULL || (grebe__text_is_from(text, lowest) && *text != '\0'))
        return GREBE_OK;
    grebe__text_append_escaped(&escaped, text, strlen(text));
    grebe_diag_set(diag, "%s \"%s\": %s", what, buf,
                   *text == '\0' ? "it is empty" : "no header may hold these bytes");
    return GREBE_ERR_INVALID;
}

/* The application's word, then the credentials', then the resolver's, then the target. */
static int set_authority(struct grebe_channel *channel,
                         const struct grebe__channel_params *params,
                         struct grebe_diag *diag)
{
    const struct grebe_mem *mem = channel->host.mem;
    const char *of_option = params->options->authority;
    const char *of_credentials = params->credentials_name;

    if (of_option != NULL && of_credentials != NULL &&
        strcmp(of_option, of_credentials) != 0) {
        grebe_diag_set(
            diag,
            "authority \"%s\" and server name \"%s\" of the credentials differ: "
            "set one of them",
            of_option, of_credentials);
        return GREBE_ERR_INVALID;
    }
    if (check_text("authority", of_option, '!', diag) != GREBE_OK ||
        check_text("server name", of_credentials, '!', diag) != GREBE_OK)
        return GREBE_ERR_INVALID;
    channel->is_authority_fixed = of_option != NULL || of_credentials != NULL;
    if (of_option != NULL)
        channel->authority = grebe_mem_strdup(mem, of_option);
    else if (of_credentials != NULL)
        channel->authority = grebe_mem_strdup(mem, of_credentials);
    else
        channel->authority =
            grebe__target_authority(mem, channel->target, channel->resolver_builder);
    return channel->authority == NULL ? GREBE_ERR_NOMEM : GREBE_OK;
}

static int set_user_agent(struct grebe_channel *channel, const char *of_application,
                          struct grebe_diag *diag)
{
    static const char own[] = "grpc-c-grebe/" GREBE_VERSION;
    size_t length;

    if (of_application != NULL && *of_application == '\0')
        of_application = NULL;
    length = of_application == NULL ? 0 : strlen(of_application) + 1;
    if (check_text("user_agent", of_application, ' ', diag) != GREBE_OK)
        return GREBE_ERR_INVALID;
    channel->own_user_agent =
        grebe_mem_strdup(channel->host.mem, of_application == NULL ? "" : of_application);
    channel->user_agent = grebe_mem_alloc(channel->host.mem, length + sizeof own);
    if (channel->user_agent == NULL || channel->own_user_agent == NULL)
        return GREBE_ERR_NOMEM;
    if (of_application != NULL) {
        memcpy(channel->user_agent, of_application, length - 1);
        channel->user_agent[length - 1] = ' ';
    }
    memcpy(channel->user_agent + length, own, sizeof own);
    return GREBE_OK;
}

/* gRPC keepalive: no more often than once in ten seconds. */
static uint64_t keepalive_time(struct grebe_channel *channel, uint64_t asked_ns)
{
    if (asked_ns >= keepalive_floor_ns)
        return asked_ns;
    grebe__channel_log(channel, GREBE_LOG_WARNING,
                       "keepalive time below 10 s: 10 s is used");
    return keepalive_floor_ns;
}

static int set_transport_options(struct grebe_channel *channel,
                                 const struct grebe_channel_options *options)
{
    if (options->tcp_congestion != NULL) {
        channel->tcp_congestion =
            grebe_mem_strdup(channel->host.mem, options->tcp_congestion);
        if (channel->tcp_congestion == NULL)
            return GREBE_ERR_NOMEM;
    }
    channel->transport_options = (struct grebe__transport_options){
        .credentials = grebe_credentials_ref(options->credentials),
        .user_agent = channel->user_agent,
        .max_header_list_bytes = options->max_header_list_bytes,
        .keepalive_time_ns = keepalive_time(channel, options->keepalive_time_ns),
        .keepalive_timeout_ns = options->keepalive_timeout_ns,
        .keepalive_without_calls = options->keepalive_without_calls,
        .tcp_user_timeout_ms = grebe__channel_options_user_timeout_ms(options),
        .tcp_congestion = channel->tcp_congestion,
        .on_log = channel->host.on_log,
        .log_arg = channel->host.log_arg,
    };
    if (options->dialer != NULL) {
        channel->dialer = grebe__dialer_complete(options->dialer);
        channel->transport_options.dialer = &channel->dialer;
    }
    return GREBE_OK;
}

/* The policy for service configs that name none. */
static int set_default_policy(struct grebe_channel *channel, const char *name,
                              struct grebe_diag *diag)
{
    const struct grebe_balancer_builder *builder =
        grebe_balancer_get(name == NULL ? "pick_first" : name);

    if (builder == NULL) {
        grebe_diag_set(diag, "no balancer is registered as \"%s\"", name);
        return GREBE_ERR_CONFIG;
    }
    return grebe_lb_config_new(builder, &channel->default_lb);
}

static int set_default_config(struct grebe_channel *channel, const char *json,
                              struct grebe_diag *diag)
{
    int result = grebe__service_config_parse(
        channel->host.mem, json == NULL ? "{}" : json, diag, &channel->default_config);

    channel->has_default_config = json != NULL;
    if (result == GREBE_ERR_CONFIG && diag != NULL) {
        struct grebe_diag why = *diag;

        grebe_diag_set(diag, "grpc: the provided default service config is invalid: %s",
                       why.text);
    }
    return result;
}

static void set_numbers(struct grebe_channel *channel,
                        const struct grebe_channel_options *options)
{
    channel->backoff = (struct grebe__backoff_policy){
        .base_ns = options->backoff_base_ns,
        .multiplier = options->backoff_multiplier,
        .jitter = options->backoff_jitter,
        .max_ns = options->backoff_max_ns,
    };
    channel->dns_options = grebe__channel_options_dns(options);
    channel->min_connect_timeout_ns = options->min_connect_timeout_ns;
    channel->idle_timeout_ns = options->idle_timeout_ns;
    channel->ignores_resolver_service_config = options->ignores_resolver_service_config;
    channel->ignores_health_check = options->ignores_health_check;
    channel->max_receive_bytes = options->max_receive_bytes;
    channel->max_send_bytes = options->max_send_bytes;
    channel->connections_limit = options->max_connections_per_subchannel;
    channel->max_connections = 1;
}

static int set_recorders(struct grebe_channel *channel,
                         const struct grebe_channel_options *options,
                         struct grebe_diag *diag)
{
    const struct grebe_mem *mem = channel->host.mem;

    if (options->n_recorders == 0)
        return GREBE_OK;
    for (size_t i = 0; i < options->n_recorders; i++) {
        if (options->recorders[i]->api > GREBE_METRICS_API) {
            grebe_diag_set(diag, "a recorder was made for a later version of grebe");
            return GREBE_ERR_UNSUPPORTED;
        }
    }
    channel->host.meter = grebe__meter_new(mem, options->recorders, options->n_recorders);
    if (channel->host.meter == NULL)
        return GREBE_ERR_NOMEM;
    channel->call_meter = grebe__call_meter_new(channel->host.meter, channel->target_text,
                                                options->labels_all_methods);
    return channel->call_meter == NULL ? GREBE_ERR_NOMEM : GREBE_OK;
}

static int set_up(struct grebe_channel *channel,
                  const struct grebe__channel_params *params, struct grebe_diag *diag)
{
    const struct grebe_channel_options *options = params->options;
    int result;

    set_numbers(channel, options);
    if ((result = set_target(channel, params->target, options, diag)) != GREBE_OK ||
        (result = set_default_policy(channel, options->policy, diag)) != GREBE_OK ||
        (result = set_default_config(channel, options->service_config, diag)) !=
            GREBE_OK ||
        (result = set_authority(channel, params, diag)) != GREBE_OK ||
        (result = set_user_agent(channel, options->user_agent, diag)) != GREBE_OK ||
        (result = set_transport_options(channel, options)) != GREBE_OK ||
        (result = grebe__channel_options_proxy(options, channel->host.mem, diag,
                                               &channel->proxy, &channel->has_proxy)) !=
            GREBE_OK ||
        (result = set_recorders(channel, options, diag)) != GREBE_OK)
        return result;
    channel->host.build_options = (struct grebe_build_options){
        .target = channel->target_text,
        .authority = channel->authority,
        .user_agent = channel->own_user_agent,
        .happy_eyeballs_delay_ns = options->happy_eyeballs_delay_ns,
    };
    return GREBE_OK;
}

/* Only now: a channel that could not be made was never there. */
static void enter_book(struct grebe_channel *channel,
                       const struct grebe__channel_params *params)
{
    struct grebe__env *env = channel->host.env;

    if (env->book == NULL)
        return;
    channel->host.entity = grebe__book_add_channel(
        env->book, channel->host.mem, params->options->channelz_parent, params->target,
        &channel->counts, params->options->trace_events, params->now_ns);
    grebe__book_set_max_connections(channel->host.entity, channel->max_connections);
}

static int start_recording(struct grebe_channel *channel,
                           const struct grebe__channel_params *params)
{
    if (params->record_sink == NULL)
        return GREBE_OK;
    return grebe__recording_start(&channel->host,
                                  &(struct grebe__recording_options){
                                      .sink = params->record_sink,
                                      .now_ns = params->now_ns,
                                      .started = params->started,
                                      .metadata = params->options->record_metadata,
                                  },
                                  &channel->host.recording);
}

int grebe__channel_new(const struct grebe__channel_params *params,
                       struct grebe_diag *diag, struct grebe_channel **out)
{
    const struct grebe_mem *mem = params->options->mem;
    struct grebe_channel *channel;
    int result;

    if (params->options->credentials == NULL) {
        grebe_diag_set(diag, "no credentials: set options.credentials, for plaintext to "
                             "grebe_credentials_insecure()");
        return GREBE_ERR_INVALID;
    }
    if (mem == NULL)
        mem = grebe_mem_default();
    channel = grebe_mem_zalloc(mem, sizeof *channel);
    if (channel == NULL)
        return GREBE_ERR_NOMEM;
    channel->refs = 1;
    channel->host = (struct grebe__lb_host){
        .env = params->env,
        .mem = mem,
        .on_log = params->options->on_log,
        .log_arg = params->options->log_arg,
        .on_root_freed = on_root_freed,
    };
    init_parts(channel);
    result = set_up(channel, params, diag);
    if (result == GREBE_OK)
        result = start_recording(channel, params);
    if (result != GREBE_OK) {
        grebe__channel_unref(channel);
        return result;
    }
    enter_book(channel, params);
    *out = channel;
    return GREBE_OK;
}

struct grebe_channel *grebe__channel_ref(struct grebe_channel *channel)
{
    grebe__ref_get(&channel->refs);
    return channel;
}

void grebe__channel_unref(struct grebe_channel *channel)
{
    const struct grebe_mem *mem;

    if (!grebe__ref_put(&channel->refs))
        return;
    mem = channel->host.mem;
    GREBE_ASSERT(channel->is_idle && grebe__list_is_empty(&channel->calls));
    grebe__effect_cancel(&channel->repick_effect);
    grebe__channel_drop_watchers(channel);
    if (!channel->is_closed && channel->host.entity != NULL)
        grebe__book_remove(channel->host.entity, channel->host.env->now_ns);
    grebe__book_forget(channel->host.entity, NULL);
    grebe__recording_free(channel->host.recording);
    grebe__call_meter_free(channel->call_meter);
    grebe__meter_free(channel->host.meter);
    grebe__churn_fini(&channel->churn);
    grebe__status_fini(&channel->resolver_error);
    grebe__service_config_unref(channel->config);
    grebe__service_config_unref(channel->default_config);
    grebe_lb_config_unref(channel->default_lb);
    grebe_credentials_unref(channel->transport_options.credentials);
    if (channel->has_proxy)
        grebe__proxy_fini(&channel->proxy, mem);
    grebe_mem_free(mem, channel->tcp_congestion);
    grebe_mem_free(mem, channel->user_agent);
    grebe_mem_free(mem, channel->own_user_agent);
    grebe_mem_free(mem, channel->authority);
    grebe_mem_free(mem, channel->target_text);
    grebe__target_free(mem, channel->target);
    grebe__resolver_builder_unref(channel->resolver_builder);
    grebe_mem_free(mem, channel);
}

static void on_root_freed(struct grebe__lb_host *host)
{
    grebe__channel_unref(grebe_container_of(host, struct grebe_channel, host));
}

const char *grebe__channel_authority_of(const struct grebe_channel *channel,
                                        const struct grebe_address *address)
{
    const char *of_address = grebe_address_server_name(address);

    return channel->is_authority_fixed || of_address == NULL ? channel->authority
                                                             : of_address;
}

/* ---- Idle mode ------------------------------------------------------------------------ */

static void start_idle_timer(struct grebe_channel *channel, uint64_t from_ns)
{
    if (channel->idle_timeout_ns == 0 || channel->is_idle)
        return;
    grebe__env_start_timer(channel->host.env, &channel->idle_timer,
                           from_ns + channel->idle_timeout_ns);
}

/* Without memory for a policy or a resolver the channel stays idle, so that the next call
 * tries again; this one fails, or waits for another try if that is what it does. */
static void fail_for_memory(struct grebe_channel *channel)
{
    struct grebe_status status =
        grebe_status_of(GREBE_STATUS_UNAVAILABLE, "out of memory");

    channel->has_resolved = true;
    grebe__channel_set_picker(channel, grebe_picker_failing(channel->host.mem, &status));
    grebe__channel_set_state(channel, GREBE_TRANSIENT_FAILURE);
    grebe__env_start_timer(channel->host.env, &channel->idle_timer,
                           grebe__env_after(channel->host.env, memory_retry_ns));
}

static void drop_epoch(struct grebe_channel *channel);

void grebe__channel_exit_idle(struct grebe_channel *channel)
{
    static const struct grebe__phrase exiting = {"Channel exiting idle mode", ""};

    if (!channel->is_idle || channel->is_closed)
        return;
    if (grebe__channel_start_balancer(channel) != GREBE_OK) {
        fail_for_memory(channel);
        return;
    }
    channel->is_idle = false;
    channel->has_resolved = false;
    grebe__channel_set_picker(channel, NULL);
    grebe__tell_plainly(&channel->host, channel->host.entity, GREBE_LOG_INFO, &exiting,
                        "");
    grebe__channel_set_state(channel, GREBE_CONNECTING);
    start_idle_timer(channel, channel->host.env->now_ns);
    if (grebe__channel_start_resolver(channel) == GREBE_ERR_NOMEM) {
        drop_epoch(channel);
        fail_for_memory(channel);
    }
}

/* Drop everything that exit_idle built.  In this order: no update reaches a policy that is
 * gone, no call a picker that is. */
static void drop_epoch(struct grebe_channel *channel)
{
    grebe__timer_cancel(&channel->idle_timer);
    grebe__channel_stop_resolver(channel);
    grebe__channel_set_picker(channel, NULL);
    grebe__channel_stop_balancer(channel);
    channel->is_idle = true;
}

bool grebe__channel_enter_idle(struct grebe_channel *channel)
{
    static const struct grebe__phrase entering = {"Channel entering idle mode", ""};

    if (channel->is_idle)
        return true;
    if (channel->n_calls > 0)
        return false;
    drop_epoch(channel);
    grebe__tell_plainly(&channel->host, channel->host.entity, GREBE_LOG_INFO, &entering,
                        "");
    grebe__channel_set_state(channel, GREBE_IDLE);
    return true;
}

static void on_idle_timer(struct grebe__timer *timer)
{
    struct grebe_channel *channel =
        grebe_container_of(timer, struct grebe_channel, idle_timer);

    if (channel->is_idle) {
        if (channel->n_calls > 0) /* they wait for memory */
            grebe__channel_exit_idle(channel);
    } else if (channel->n_calls > 0) {
        start_idle_timer(channel, channel->host.env->now_ns);
    } else if (channel->was_used) {
        channel->was_used = false;
        start_idle_timer(channel, channel->last_call_end_ns);
    } else {
        grebe__channel_enter_idle(channel);
    }
}

void grebe__channel_call_begins(struct grebe_channel *channel)
{
    grebe__env_hold(channel->host.env);
    grebe__call_counts_begin(&channel->counts, channel->host.env->now_ns);
    channel->n_calls++;
    channel->n_undelivered++;
    channel->was_used = true;
    if (channel->is_idle)
        grebe__channel_exit_idle(channel);
}

void grebe__channel_call_ends(struct grebe_channel *channel)
{
    channel->n_calls--;
    channel->last_call_end_ns = channel->host.env->now_ns;
}

void grebe__channel_call_delivered(struct grebe_channel *channel)
{
    channel->n_undelivered--;
    grebe__env_release(channel->host.env);
    grebe__channel_part_closed(channel);
}

void grebe__channel_connect(struct grebe_channel *channel)
{
    grebe__channel_exit_idle(channel);
    if (channel->root != NULL)
        grebe_client_conn_exit_idle(channel->root);
}

void grebe__channel_reset_backoff(struct grebe_channel *channel)
{
    grebe__list_foreach_safe (link, &channel->subconns) {
        grebe__subconn_reset_backoff(
            grebe_container_of(link, struct grebe__subconn, link));
    }
}

/* ---- From any thread ------------------------------------------------------------------ */

static void run_requests(struct grebe__task *task)
{
    struct grebe_channel *channel =
        grebe_container_of(task, struct grebe_channel, request_task);
    uint32_t requests = __atomic_exchange_n(&channel->requests, 0, __ATOMIC_ACQ_REL);

    if (!channel->is_closed) {
        if (requests & GREBE__REQUEST_RESET_BACKOFF)
            grebe__channel_reset_backoff(channel);
        if (requests & GREBE__REQUEST_ENTER_IDLE)
            grebe__channel_enter_idle(channel);
        if (requests & GREBE__REQUEST_CONNECT)
            grebe__channel_connect(channel);
    }
    grebe__channel_unref(channel);
}

void grebe__channel_submit(struct grebe_channel *channel,
                           enum grebe__channel_request request)
{
    if (__atomic_fetch_or(&channel->requests, request, __ATOMIC_ACQ_REL) != 0)
        return; /* they go together */
    grebe__channel_ref(channel);
    grebe__env_submit(channel->host.env, &channel->request_task);
}

static void run_close(struct grebe__task *task)
{
    struct grebe_channel *channel =
        grebe_container_of(task, struct grebe_channel, close_request.task);

    grebe__channel_close(channel, channel->close_request.on_closed,
                         channel->close_request.arg);
}

/* Whoever asks holds a reference until on_closed() has come. */
void grebe__channel_submit_close(struct grebe_channel *channel,
                                 void (*on_closed)(struct grebe_channel *channel,
                                                   void *arg),
                                 void *arg)
{
    channel->close_request.task.run = run_close;
    channel->close_request.on_closed = on_closed;
    channel->close_request.arg = arg;
    grebe__env_submit(channel->host.env, &channel->close_request.task);
}

/* ---- Closing --------------------------------------------------------------------------- */

static void end_calls(struct grebe_channel *channel)
{
    struct grebe__list *link;

    while ((link = channel->calls.next) != &channel->calls)
        grebe__call_finish(grebe_container_of(link, struct grebe_call, active),
                           GREBE_STATUS_CANCELLED,
                           "grpc: the client connection is closing");
}

static void close_transports(struct grebe_channel *channel)
{
    struct grebe_status closing =
        grebe_status_of(GREBE_STATUS_CANCELLED, "grpc: the client connection is closing");

    grebe__list_foreach_safe (link, &channel->transports) {
        struct grebe__transport *transport =
            grebe_container_of(link, struct grebe__transport, link);

        transport->ops->close(transport, &closing);
    }
}

void grebe__channel_close(struct grebe_channel *channel,
                          void (*on_closed)(struct grebe_channel *channel, void *arg),
                          void *arg)
{
    GREBE_ASSERT(!channel->is_closed);
    channel->is_closed = true;
    channel->on_closed = on_closed;
    channel->on_closed_arg = arg;
    grebe__channel_ref(channel);
    grebe__env_hold(channel->host.env);
    grebe__channel_set_state(channel, GREBE_SHUTDOWN);
    end_calls(channel);
    drop_epoch(channel);
    grebe__book_remove(channel->host.entity, channel->host.env->now_ns);
    close_transports(channel);
    grebe__channel_part_closed(channel);
}

void grebe__channel_part_closed(struct grebe_channel *channel)
{
    if (channel->on_closed == NULL || !grebe__list_is_empty(&channel->subconns) ||
        !grebe__list_is_empty(&channel->transports) || channel->n_undelivered > 0 ||
        grebe__effect_is_queued(&channel->closed_effect))
        return;
    grebe__env_finish(channel->host.env, &channel->closed_effect);
}

/* Everything is closed, and no picker of ours is left: whatever still refers to a subconn
 * has forgotten it.  Nobody may log after this. */
static void name_leaks(struct grebe_channel *channel)
{
    uint32_t n = __atomic_load_n(&channel->host.n_subconns, __ATOMIC_RELAXED);

    if (n > 0)
        grebe__channel_log(channel, GREBE_LOG_ERROR,
                           "balancer \"%s\": %u references to subconns were not given "
                           "back when the channel closed; their memory is kept",
                           channel->policy == NULL ? "?" : channel->policy->name, n);
    channel->host.on_log = NULL;
}

static void run_closed(struct grebe__effect *completion)
{
    struct grebe_channel *channel =
        grebe_container_of(completion, struct grebe_channel, closed_effect);
    struct grebe__env *env = channel->host.env;
    void (*on_closed)(struct grebe_channel *, void *) = channel->on_closed;

    if (channel->n_undelivered > 0)
        return; /* a call was started since: when it is over we come again */
    channel->on_closed = NULL;
    grebe__recording_end(channel->host.recording);
    name_leaks(channel);
    on_closed(channel, channel->on_closed_arg);
    grebe__channel_unref(channel);
    grebe__env_release(env);
}
