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

struct grebe__dns_options {
    uint64_t min_interval_ns;   /* between the end of one resolution and the next: 30 s */
    uint64_t lookup_timeout_ns; /* for all lookups of one resolution: 30 s */
    bool ignores_ttl;           /* do not look up again because an answer grows old */
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

#endif
