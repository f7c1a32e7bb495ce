/* SPDX-License-Identifier: Apache-2.0 */
/* support/resolver_bench.h -- drives a resolver as a channel would, on virtual time.
 *
 * What the resolver tells its channel is kept as text:
 *
 *   "update 10.0.0.1:443 10.0.0.2:443"     an update with these endpoints
 *   "update 10.0.0.1:443+[::1]:443"        one with several addresses
 *   "update host:443~10.0.0.9:3128"        one that is reached through a proxy
 *   "update 10.0.0.1:443 but why"          with a service config that could not be had
 *   "error UNAVAILABLE dns: ..."           report_error()
 *
 * Its memory is counted, and DNS and files are those of the sim.
 */
#ifndef SUPPORT_RESOLVER_BENCH_H
#define SUPPORT_RESOLVER_BENCH_H

#include <grebe/resolver.h>

#include "core/resolver_conn.h"
#include "sim/sim.h"
#include "support/mem.h"

struct resolver_bench {
    struct test_mem mem;
    struct sim sim;
    struct grebe__dns_options dns; /* 30 s, 30 s, false */
    struct grebe_resolver_conn conn;
    bool ignores_config; /* the channel is not interested in service configs */
    int verdict;         /* what updates are answered with */
    const struct grebe__proxy *proxy; /* NULL: none.  Set before the build */
    const struct grebe_resolver_builder *const *builders; /* asked before the registry */
    size_t n_builders;
    struct grebe_target *target;
    struct grebe_resolver *resolver;
    struct grebe_diag diag;
    uint32_t n_updates, n_errors;
    uint64_t next_attempt_ns;            /* as told with the last error */
    uint64_t ttl_ns, next_refresh_ns;    /* of the last update */
    struct grebe_endpoint *endpoints[8]; /* likewise, the first ones; references */
    size_t n_endpoints;
    size_t n_told;                             /* of all, also those beyond */
    char service_config[256], source[128];     /* likewise; "" if there is none */
    char reason[256];                          /* likewise */
    const struct grebe_attributes *attributes; /* likewise; a reference, or NULL */
    uint32_t n_logged;                         /* lines, so far */
    char logged[512];                          /* the last one */
    char log[1024], text[1024];
};

void resolver_bench_init(struct resolver_bench *bench, uint64_t seed);
/* Destroys the resolver, if there is one, and checks that every block came back. */
void resolver_bench_fini(struct resolver_bench *bench);

/* Parses the target and builds its resolver.  On failure bench->diag says why. */
int resolver_bench_build(struct resolver_bench *bench, const char *target);
void resolver_bench_resolve_now(struct resolver_bench *bench);
void resolver_bench_destroy(struct resolver_bench *bench);

/* What was told since the last time, joined by " | ". */
const char *resolver_bench_log(struct resolver_bench *bench);

/* Until the next timer of the sim; UINT64_MAX if none runs. */
uint64_t resolver_bench_wait_ns(struct resolver_bench *bench);

#endif
