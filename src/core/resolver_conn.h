/* SPDX-License-Identifier: Apache-2.0 */
/* core/resolver_conn.h -- what a channel is to a resolver that is built in.
 *
 * Resolvers of other people see grebe/resolver.h only; the DNS resolver also needs the
 * env, for its timers and its questions.
 */
#ifndef GREBE_CORE_RESOLVER_CONN_H
#define GREBE_CORE_RESOLVER_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include <grebe/resolver.h>

struct grebe__env;

/* grebe/channel.h has them by longer names. */
struct grebe__dns_options {
    uint64_t min_interval_ns;   /* between the end of one resolution and the next: 30 s */
    uint64_t max_interval_ns;   /* likewise, whatever the TTL; UINT64_MAX */
    uint64_t lookup_timeout_ns; /* for all lookups of one resolution: 30 s */
    bool ignores_ttl;           /* do not look up again because an answer grows old */
    bool ignores_txt;           /* no service config */
    bool reports_txt_errors;    /* one that cannot be had is an error */
    bool ignores_srv;           /* _service._proto.domain is a host like any other */
    bool uses_srv_names;        /* an SRV target is its own server name */
    bool accepts_empty;         /* nothing found is a list like any other */
    bool wants_balancers;       /* look for _grpclb._tcp.HOST */
};

struct grebe_resolver_conn_ops {
    int (*update)(struct grebe_resolver_conn *conn,
                  const struct grebe_resolver_state *state);
    void (*report_error)(struct grebe_resolver_conn *conn,
                         const struct grebe_status *status);
};

/* Embedded in the channel, and in whoever else listens to a resolver. */
struct grebe_resolver_conn {
    const struct grebe_resolver_conn_ops *ops;
    struct grebe__env *env;
    const struct grebe_mem *mem;
    const struct grebe__dns_options *dns; /* never NULL */
    grebe_log_fn on_log;                  /* may be NULL */
    void *log_arg;
    uint64_t next_ns; /* when the resolver will ask again, as far as it says; or 0 */
};

static inline struct grebe__env *
grebe__resolver_conn_env(const struct grebe_resolver_conn *conn)
{
    return conn->env;
}

static inline const struct grebe__dns_options *
grebe__resolver_conn_dns(const struct grebe_resolver_conn *conn)
{
    return conn->dns;
}

/* For a resolver that is about to report an error: when it will try again. */
static inline void grebe__resolver_conn_set_next(struct grebe_resolver_conn *conn,
                                                 uint64_t next_ns)
{
    conn->next_ns = next_ns == UINT64_MAX ? 0 : next_ns;
}

#endif
