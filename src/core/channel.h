/* SPDX-License-Identifier: Apache-2.0 */
/* core/channel.h -- the channel from the inside.
 *
 *   application -> call -> picking -> subconn -> transport
 *                            ^ picker
 *   resolver -> resolution -> balancing (graceful switch -> policy)
 *
 * channel.c is its life (new, idle, close), resolution.c takes what the resolver finds,
 * balancing.c answers the policy, picking.c finds a backend for each call,
 * connectivity.c tells its state.
 *
 * Idle mode   A channel is born idle: no resolver, no policy, no connections.  Leaving it
 *             builds them, entering it drops them; config_in_force survives.
 * Memory      The application holds one reference, each root client_conn and each call
 *             that is not done holds another.
 * Threading   The loop's thread, but for references and the state.
 * Source      grpc-go ClientConn.
 */
#ifndef GREBE_CORE_CHANNEL_H
#define GREBE_CORE_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#include <grebe/channel.h>
#include <grebe/dialer.h>

#include "config/service_config.h"
#include "core/backoff.h"
#include "core/churn.h"
#include "core/client_conn.h"
#include "core/env.h"
#include "core/resolver_conn.h"
#include "core/status.h"
#include "core/transport.h"
#include "resolver/proxy.h"

/* One who wants to know when the state changes.  Off the list once told. */
struct grebe__state_waiter {
    struct grebe__list link;
    void (*on_change)(struct grebe__state_waiter *waiter);
};

struct grebe_channel {
    uint32_t refs;
    struct grebe__lb_host host; /* env, allocator, log, what policies may know */

    /* As given. */
    char *target_text; /* canonical: scheme://authority/endpoint */
    char *authority;   /* of the channel: option, credentials, resolver or endpoint */
    bool is_authority_fixed;    /* by the application: addresses cannot replace it */
    char *user_agent;           /* the whole header */
    char *own_user_agent;       /* the application's part of it; "" if there is none */
    char *tcp_congestion;       /* or NULL */
    struct grebe_dialer dialer; /* if transport_options has it */
    struct grebe__proxy proxy;  /* if has_proxy */
    bool has_proxy;
    struct grebe_target *target;
    const struct grebe_resolver_builder *resolver_builder; /* a reference */
    struct grebe__transport_options transport_options;
    struct grebe__backoff_policy backoff;
    struct grebe__dns_options dns_options;
    uint64_t min_connect_timeout_ns;
    uint64_t idle_timeout_ns; /* 0: never */
    bool ignores_resolver_service_config;
    bool ignores_health_check;
    uint32_t max_receive_bytes, max_send_bytes;
    uint32_t connections_limit; /* for a subconn, whatever the service config says */
    struct grebe__service_config *default_config; /* never NULL */
    bool has_default_config;                      /* the application gave it */
    struct grebe_lb_config *default_lb;           /* for configs that name no policy */

    /* Connectivity. */
    enum grebe_connectivity state; /* atomic for readers */
    bool has_changed_state;        /* it is not, or not any more, the first IDLE */
    struct grebe__list state_waiters;
    struct grebe__list state_watchers; /* of connectivity.c */

    /* Idle mode. */
    bool is_idle, is_closed;
    struct grebe__call_counts counts;
    uint32_t n_calls;          /* between start and status */
    uint32_t n_undelivered;    /* between start and completion */
    uint64_t last_call_end_ns; /* when the last one ended */
    bool was_used;             /* by a call since the idle timer last looked */
    struct grebe__timer idle_timer;

    /* Resolution. */
    struct grebe_resolver *resolver; /* NULL when idle, or when building it failed */
    struct grebe_resolver_conn resolver_conn;
    struct grebe__service_config *config; /* in force; NULL: none was ever accepted */
    bool has_resolved;                    /* calls need not wait for a first answer */
    struct grebe__list resolving;         /* calls that do */
    bool has_result;
    uint64_t result_ns;
    size_t n_endpoints;
    const struct grebe_balancer_builder *policy; /* in force, for the log */
    uint64_t config_hash; /* of the resolver's last service config; 0: it gave none */
    struct grebe__status resolver_error; /* OK if the last resolution went well */
    uint64_t resolver_error_ns;
    struct grebe__effect resolve_effect;

    /* Balancing. */
    struct grebe_client_conn *root; /* whose balancer is the graceful switch */
    struct grebe__list subconns;    /* struct grebe__subconn.link */
    uint32_t max_connections;       /* of each: what config and limit allow; at least 1 */
    uint32_t health_told;           /* health_config.c: what the log has had already */
    struct grebe__effect health_effect; /* likewise: does anyone ask for health? */
    struct grebe__list transports; /* struct grebe__transport.link, draining ones too */
    struct grebe__churn churn;     /* backends that only take connections */

    /* Picking. */
    struct grebe_picker *picker;          /* a reference; NULL: hold all calls */
    uint64_t picker_number;               /* one more with each */
    struct grebe__effect repick_effect;   /* some that wait have not asked this one */
    uint32_t picker_faults;               /* enum of picking.c: told once a policy */
    struct grebe__list picking;           /* calls that wait for the next picker */
    struct grebe__list calls;             /* all that are not done */
    struct grebe__call_meter *call_meter; /* NULL: nobody records */
    uint64_t load_quiet_until_ns;         /* server_load.c: no complaints before this, */
    uint32_t n_bad_loads;                 /* and how many there would have been */

    /* Requests, from any thread. */
    uint32_t requests; /* atomic, of grebe__channel_request; request_task is on its way
                        * while it is not 0, and holds a reference */
    struct grebe__task request_task;

    /* Closing. */
    struct {
        struct grebe__task task;
        void (*on_closed)(struct grebe_channel *channel, void *arg);
        void *arg;
    } close_request;
    void (*on_closed)(struct grebe_channel *channel, void *arg);
    void *on_closed_arg;
    struct grebe__effect closed_effect;
};

/* Everything the application said, checked and completed by the caller. */
struct grebe__channel_params {
    struct grebe__env *env;
    const char *target;
    const struct grebe_channel_options *options; /* all members set */
    const char *credentials_name; /* a server name fixed in the credentials, or NULL */
    uint64_t now_ns; /* another thread may be in a turn: the env's is not to be read */
    struct grebe__record_sink *record_sink; /* NULL: nothing is recorded */
    int64_t started; /* now_ns in nanoseconds since 1970, for the recording */
};

int grebe__channel_new(const struct grebe__channel_params *params,
                       struct grebe_diag *diag, struct grebe_channel **out);
struct grebe_channel *grebe__channel_ref(struct grebe_channel *channel);
void grebe__channel_unref(struct grebe_channel *channel);

/* ---- channel.c: idle mode and closing --------------------------------------------- */

void grebe__channel_connect(struct grebe_channel *channel);
void grebe__channel_exit_idle(struct grebe_channel *channel);
/* False if calls are in flight: nothing happened. */
bool grebe__channel_enter_idle(struct grebe_channel *channel);
void grebe__channel_reset_backoff(struct grebe_channel *channel);

/* The same three, from any thread. */
enum grebe__channel_request {
    GREBE__REQUEST_CONNECT = 1 << 0,
    GREBE__REQUEST_ENTER_IDLE = 1 << 1,
    GREBE__REQUEST_RESET_BACKOFF = 1 << 2,
};
void grebe__channel_submit(struct grebe_channel *channel,
                           enum grebe__channel_request request);

/* A call begins, has its status, was given to the application.  The first leaves idle
 * mode. */
void grebe__channel_call_begins(struct grebe_channel *channel);
void grebe__channel_call_ends(struct grebe_channel *channel);
void grebe__channel_call_delivered(struct grebe_channel *channel);

/* End all calls with CANCELLED, close everything; on_closed(channel, arg) comes as a
 * completion when no subconn, transport or call is left.  Once. */
void grebe__channel_close(struct grebe_channel *channel,
                          void (*on_closed)(struct grebe_channel *channel, void *arg),
                          void *arg);
/* The same, from any thread. */
void grebe__channel_submit_close(struct grebe_channel *channel,
                                 void (*on_closed)(struct grebe_channel *channel,
                                                   void *arg),
                                 void *arg);
/* A subconn, a transport or a call is gone: perhaps it was the last. */
void grebe__channel_part_closed(struct grebe_channel *channel);

void grebe__channel_log(struct grebe_channel *channel, enum grebe_log_level level,
                        const char *format, ...) GREBE_PRINTF(3, 4);

/* For :authority, SNI and verification of connections to `address`. */
const char *grebe__channel_authority_of(const struct grebe_channel *channel,
                                        const struct grebe_address *address);

/* ---- connectivity.c ---------------------------------------------------------------- */

void grebe__channel_set_state(struct grebe_channel *channel,
                              enum grebe_connectivity state);
enum grebe_connectivity grebe__channel_get_state(const struct grebe_channel *channel);
int grebe__channel_watch_state(struct grebe_channel *channel,
                               grebe_channel_state_fn on_state, void *arg);
void grebe__channel_unwatch_state(struct grebe_channel *channel,
                                  grebe_channel_state_fn on_state, const void *arg);
/* For the end of the channel. */
void grebe__channel_drop_watchers(struct grebe_channel *channel);

/* ---- resolution.c ------------------------------------------------------------------ */

void grebe__channel_init_resolver(struct grebe_channel *channel);
/* Build the resolver.  A failure is reported to the policy like an error of it, but for
 * GREBE_ERR_NOMEM, which is returned. */
int grebe__channel_start_resolver(struct grebe_channel *channel);
void grebe__channel_stop_resolver(struct grebe_channel *channel);
/* A hint, passed on as an effect. */
void grebe__channel_resolve_now(struct grebe_channel *channel);

/* ---- balancing.c ------------------------------------------------------------------- */

int grebe__channel_start_balancer(struct grebe_channel *channel);
void grebe__channel_stop_balancer(struct grebe_channel *channel);

/* ---- picking.c --------------------------------------------------------------------- */

struct grebe_call;

void grebe__channel_init_picking(struct grebe_channel *channel);

/* Install a picker (a reference; NULL: hold calls) and ask it for all calls that wait. */
void grebe__channel_set_picker(struct grebe_channel *channel,
                               struct grebe_picker *picker);

/* Find a backend for `call`, now or when a picker gives one. */
void grebe__channel_pick(struct grebe_channel *channel, struct grebe_call *call);

/* The pick of `call` came to nothing.  It waits for another picker than the one it asked:
 * for the next, or, if that has come already, until this turn ends. */
void grebe__channel_pick_again(struct grebe_channel *channel, struct grebe_call *call);

#endif
