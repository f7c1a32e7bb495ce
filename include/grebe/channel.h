/* SPDX-License-Identifier: Apache-2.0 */
/* grebe/channel.h -- what an application holds: one service, many backends.
 *
 * A channel turns a target into endpoints with a resolver, keeps connections to them with
 * a balancer, and sends calls where the balancer's picker says.  It is made without I/O,
 * starts IDLE, and connects when the first call or grebe_channel_connect() asks for it.
 *
 * Threading   Any thread, unless it says otherwise.
 * fork()      A channel made before fork() answers GREBE_ERR_FORKED in the child.  What is
 *             without a result does nothing there: the child leaves the memory of the
 *             parent's channels alone.
 * Sources     grpc-go ClientConn; gRPC connectivity semantics; gRFC A21, A61.
 */
#ifndef GREBE_CHANNEL_H
#define GREBE_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <grebe/attr.h>
#include <grebe/connectivity.h>
#include <grebe/credentials.h>
#include <grebe/error.h>
#include <grebe/log.h>
#include <grebe/loop.h>
#include <grebe/mem.h>

GREBE_BEGIN_DECLS

struct grebe_channel;
struct grebe_dialer;
struct grebe_recorder;
struct grebe_resolver_builder;

/* Fill with grebe_channel_options_init(), then set what you need.  Everything is copied or
 * referenced during grebe_channel_new(). */
struct grebe_channel_options {
    size_t struct_size;
    struct grebe_credentials *credentials; /* required */
    struct grebe_loop *loop;               /* NULL: one of its own */
    const struct grebe_mem *mem;           /* NULL: malloc */
    const char *authority;                 /* NULL: from the target */
    const char *user_agent; /* put before the library's own; NULL, "": none */
    const char *policy; /* balancer if no service config names one; NULL: pick_first */
    const char *service_config; /* JSON, if the resolver gives none; NULL: none */
    bool ignores_resolver_service_config;
    const struct grebe_resolver_builder *const
        *resolvers; /* before the registry; or NULL */
    size_t n_resolvers;
    grebe_log_fn on_log; /* NULL: silent */
    void *log_arg;
    uint64_t idle_timeout_ns;        /* 30 min; 0: never */
    uint64_t min_connect_timeout_ns; /* 20 s, for TCP, TLS and HTTP/2 together; the
                                      * backoff behind an attempt, if that is longer */
    uint64_t backoff_base_ns;        /* 1 s */
    double backoff_multiplier;       /* 1.6 */
    double backoff_jitter;           /* 0.2 */
    uint64_t backoff_max_ns;         /* 120 s */
    uint64_t keepalive_time_ns;      /* UINT64_MAX: no HTTP/2 pings; at least 10 s */
    uint64_t keepalive_timeout_ns;   /* 20 s */
    bool keepalive_without_calls;
    /* How soon a dead peer is noticed: 20 s, or with keepalive keepalive_timeout_ns (gRFC
     * A18), unless it is set; 0: the system's. */
    uint32_t tcp_user_timeout_ms;
    const char *tcp_congestion;     /* a TCP_CONGESTION name; NULL: system's */
    uint64_t dns_min_interval_ns;   /* 30 s between two lookups */
    bool ignores_dns_ttl;           /* do not look up again when the answer's TTL ends */
    uint32_t max_receive_bytes;     /* for each message; 0: 4 MiB */
    uint32_t max_send_bytes;        /* for each message; 0: 2147483647 */
    uint32_t max_header_list_bytes; /* 64 KiB for each header block of a backend */
    /* 10: no more connections to one backend than this, whatever the service config's
     * connectionScaling.maxConnectionsPerSubchannel says (gRFC A105); 0 reads as 1. */
    uint32_t max_connections_per_subchannel;
    /* 250 ms: how long pick_first waits for one address before it dials the next as well;
     * taken as between 100 ms and 2 s (gRFC A61). */
    uint64_t happy_eyeballs_delay_ns;
    struct grebe_recorder *const *recorders; /* grebe/metrics.h; referenced; NULL: none */
    size_t n_recorders;
    bool labels_all_methods; /* as if every call had labels_method */

    /* ---- dns:/// targets: docs/guide/discovery.md has the whole picture. */

    /* Look up again after this at the latest, whatever the TTL; UINT64_MAX: the TTL alone
     * decides. */
    uint64_t dns_max_interval_ns;
    uint64_t dns_lookup_timeout_ns; /* 30 s for all lookups of one resolution */
    /* No service config from the TXT record _grpc_config.HOST; elsewhere this is
     * GRPC_ENABLE_TXT_SERVICE_CONFIG=false. */
    bool ignores_dns_txt;
    /* One that cannot be looked up counts as an invalid one; elsewhere this is
     * GRPC_GO_IGNORE_TXT_ERRORS=false. */
    bool reports_dns_txt_errors;
    bool ignores_dns_srv; /* _service._proto.domain is a host like any other */
    bool uses_srv_names;  /* TLS expects each SRV target's name, not the domain's */
    bool accepts_empty_dns_answers; /* a name without addresses empties a working list */
    /* Look up _grpclb._tcp.HOST, too, for a policy that knows GREBE_ATTRIBUTE_BALANCERS. */
    bool wants_dns_balancers;

    /* ---- How connections are made. */

    const struct grebe_dialer *dialer; /* grebe/dialer.h; NULL: TCP and Unix sockets */
    bool ignores_health_check; /* whatever the service config's healthCheckConfig says */
    uint32_t trace_events;     /* 30: of the channel and each subchannel, so many of the
                              * latest are kept for grebe/channelz.h; 0: none */
    /* The id of a channel that this one serves, under which grebe/channelz.h shows it; its
     * allocator outlives this channel.  0: it stands for itself. */
    int64_t channelz_parent;

    /* ---- An HTTP proxy on the way. */

    /* "http://user:password@host:port": connections go through this HTTP proxy, by CONNECT
     * (gRFC A1); port 80 and no credentials unless given.  NULL, "": none.  The library
     * never looks into the environment.  Not together with a dialer. */
    const char *proxy;
    /* Who is reached without it, as in NO_PROXY: "example.com,.corp,10.0.0.0/8,host:80" or
     * "*"; NULL: nobody but this machine, which always is. */
    const char *no_proxy;
    /* Look dns:/// names up although there is a proxy: calls are balanced over what they
     * resolve to.  Otherwise the proxy gets the name, and finds one backend. */
    bool resolves_names_locally;

    /* ---- A recording of what reaches the balancer: docs/guide/replay.md. */

    /* A file, made anew, for `grebe replay`; NULL: nothing is recorded.  A thread of its own
     * writes it until the channel is destroyed.  What calls carry is not in it, but their
     * methods are, and metadata that a picker looks at. */
    const char *record_path;
    uint32_t record_buffer_bytes; /* 4 MiB may wait to be written; what is more is lost */
    /* "session-id,tenant": metadata that is recorded although the policy does not look at
     * it, for policies that do to be tried with; NULL: none. */
    const char *record_metadata;
};
GREBE_API void grebe_channel_options_init(struct grebe_channel_options *options,
                                          size_t struct_size);
#define grebe_channel_options_init(options)                                              \
    grebe_channel_options_init((options), sizeof(struct grebe_channel_options))

/* Make a channel, IDLE, without any I/O.  GREBE_ERR_TARGET, GREBE_ERR_CONFIG,
 * GREBE_ERR_INVALID (no credentials, two server names, text that no header may hold, a
 * proxy and a dialer, a recording that cannot be made), GREBE_ERR_UNSUPPORTED (a recorder of
 * a later version), GREBE_ERR_SYSTEM (no descriptors or threads are left), GREBE_ERR_FORKED
 * (options.loop) or GREBE_ERR_NOMEM, with `diag` saying which and why.  *out is the
 * caller's to destroy. */
GREBE_API int grebe_channel_new(const char *target,
                                const struct grebe_channel_options *options,
                                struct grebe_diag *diag,
                                struct grebe_channel **out) GREBE_MUST_CHECK;

/* Close the channel and let go of it.  Calls in flight end CANCELLED; their callbacks have
 * run, and all connections are closed, when it returns.  On the loop's own thread it
 * returns at once and the rest follows.  Finished calls stay readable.  NULL: no-op. */
GREBE_API void grebe_channel_destroy(struct grebe_channel *channel);

/* Never blocks, never connects. */
GREBE_API enum grebe_connectivity
grebe_channel_state(const struct grebe_channel *channel);

/* Leave idle mode and have the balancer connect.  Does not wait.  GREBE_OK, or
 * GREBE_ERR_FORKED. */
GREBE_API int grebe_channel_connect(struct grebe_channel *channel);

/* Wait until the state is not `source`; GREBE_OK at once if it is not now.
 * GREBE_ERR_TIMEOUT after `timeout_ns` (negative: never); GREBE_ERR_DEADLOCK on the loop's
 * own thread; GREBE_ERR_FORKED.  States may be missed in between. */
GREBE_API int grebe_channel_wait_for_state_change(struct grebe_channel *channel,
                                                  enum grebe_connectivity source,
                                                  int64_t timeout_ns);

/* Hear every state, in order, none twice, on the loop's thread, SHUTDOWN last.  It begins
 * with the present one, unless that is the IDLE in which the channel was made.  Any number
 * of watchers; the same function with the same argument is one.  GREBE_ERR_NOMEM,
 * GREBE_ERR_FORKED, or GREBE_ERR_CLOSED while the channel is being destroyed. */
typedef void (*grebe_channel_state_fn)(void *arg, enum grebe_connectivity state);
GREBE_API int grebe_channel_watch_state(struct grebe_channel *channel,
                                        grebe_channel_state_fn on_state, void *arg);
/* That watcher hears nothing more once this has returned.  One that never was: no-op.
 * GREBE_OK, or GREBE_ERR_FORKED. */
GREBE_API int grebe_channel_unwatch_state(struct grebe_channel *channel,
                                          grebe_channel_state_fn on_state, void *arg);

/* Drop resolver, balancer and connections until the next call.  Ignored while calls are
 * in flight.  GREBE_OK, or GREBE_ERR_FORKED. */
GREBE_API int grebe_channel_enter_idle(struct grebe_channel *channel);

/* Forget all backoff: subconns that wait are tried again now.  GREBE_OK, or
 * GREBE_ERR_FORKED. */
GREBE_API int grebe_channel_reset_backoff(struct grebe_channel *channel);

/* The one it belongs to.  Borrowed. */
GREBE_API struct grebe_loop *grebe_channel_loop(const struct grebe_channel *channel);
/* "dns:///host:443", whatever was written.  Borrowed. */
GREBE_API const char *grebe_channel_target(const struct grebe_channel *channel);

GREBE_END_DECLS

#endif
