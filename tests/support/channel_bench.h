/* SPDX-License-Identifier: Apache-2.0 */
/* support/channel_bench.h -- a whole channel on virtual time.
 *
 * The target "manual:///test" is resolved by the test itself; servers are those of
 * sim/sim.h.  Every state of the channel and every line of its log is kept as text.
 */
#ifndef SUPPORT_CHANNEL_BENCH_H
#define SUPPORT_CHANNEL_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include <grebe/call.h>
#include <grebe/channel.h>
#include <grebe/resolver.h>

#include "core/call.h"
#include "core/channel.h"
#include "sim/sim.h"
#include "support/mem.h"

enum { CHANNEL_BENCH_TEXT = 8192, CHANNEL_BENCH_LOG = 65536 };

struct channel_bench {
    struct test_mem mem;
    struct sim sim;
    struct grebe_channel *channel;
    struct grebe_channel_options options; /* change before channel_bench_open() */
    struct grebe_diag diag;
    struct grebe__record_sink *record_sink; /* likewise; NULL: nothing is recorded */
    /* The manual resolver. */
    struct grebe_resolver_conn *conn; /* NULL: not built */
    uint32_t n_builds, n_resolve_now;
    bool is_told_of_no_config; /* by the options of the last build() */
    const char *build_error;   /* build() fails with it */
    const char *resolves_to;   /* given inline by build(); NULL: nothing */
    int inline_result;         /* of that update */
    void (*on_resolve_now)(struct channel_bench *bench); /* may be NULL */
    const char *service_config, *service_config_error;   /* with every update */
    const struct grebe_attributes *address_attributes;   /* of every address, borrowed */
    const struct grebe_attributes *balancer_attributes;  /* likewise */
    const char *server_name;                             /* likewise */
    /* What the channel did. */
    char states[CHANNEL_BENCH_TEXT]; /* "CONNECTING, READY" */
    char log[CHANNEL_BENCH_LOG];
    bool is_closed;
};

/* Options at their defaults, randomness fixed. */
void channel_bench_init(struct channel_bench *bench);
/* Makes the channel.  The result of grebe__channel_new(). */
int channel_bench_open(struct channel_bench *bench, const char *target);
/* Both, for "manual:///test", with this service config as the channel's default (or
 * NULL). */
void channel_bench_start(struct channel_bench *bench, const char *service_config);
/* Closes the channel and checks that everything came back. */
void channel_bench_fini(struct channel_bench *bench);

/* ---- Events --------------------------------------------------------------------------- */

/* The resolver finds these endpoints ("a b+c", see support/lb_bench.h). */
int channel_bench_resolve(struct channel_bench *bench, const char *endpoints);
void channel_bench_resolver_error(struct channel_bench *bench, const char *text);
void channel_bench_connect(struct channel_bench *bench);
void channel_bench_close(struct channel_bench *bench);
/* As an application closes it from inside of something; it follows. */
void channel_bench_submit_close(struct channel_bench *bench);
void channel_bench_advance_ms(struct channel_bench *bench, uint64_t ms);

/* Start a unary call of "/s/m" with request "ping"; the caller's reference.  `options`
 * NULL: defaults.  NULL: out of memory. */
struct grebe_call *channel_bench_call(struct channel_bench *bench,
                                      const struct grebe_call_options *options);
struct grebe_call *channel_bench_call_method(struct channel_bench *bench,
                                             const char *method, const void *request,
                                             size_t length,
                                             const struct grebe_call_options *options);
void channel_bench_cancel(struct channel_bench *bench, struct grebe_call *call);

/* Servers of these names that echo. */
void channel_bench_servers(struct channel_bench *bench, const char *names);

/* Options with a timeout (0: none), and the same for a call that waits for READY. */
struct grebe_call_options timeout_ms(int64_t ms);
struct grebe_call_options waiting_ms(int64_t ms);

/* ---- Questions -------------------------------------------------------------------------- */

/* The states since the last time. */
const char *channel_bench_states(struct channel_bench *bench);
/* How often the log has this part, and whether it has. */
unsigned channel_bench_n_logged(const struct channel_bench *bench, const char *part);
bool channel_bench_logged(const struct channel_bench *bench, const char *part);
/* How many times the log has it. */
unsigned times_logged(const struct channel_bench *bench, const char *part);

/* Ends with this code and a message that has this part; gives up the reference. */
void expect_status(struct grebe_call *call, int code, const char *part);
/* Ends with OK, echoed by that server. */
void expect_echo(struct grebe_call *call, const char *peer);
void expect_pending(const struct grebe_call *call);
/* What a call is told of the policies that chose its backend, and of the candidates. */
void expect_explanation(struct channel_bench *bench, const char *policies);

#endif
