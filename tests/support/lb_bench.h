/* SPDX-License-Identifier: Apache-2.0 */
/* support/lb_bench.h -- one policy in the lab (lab/lab.h), in the words of tests.
 *
 * A test says what the resolver and the subconns do and reads back what the policy did.
 * Endpoints are written as their addresses: "a b+c" is two endpoints, the second with two
 * addresses; "east>x>a*3#k@z" has the path east, x, the weight 3 and the hash key k, and is
 * in zone z.  What the policy asks for is noted as text, in order:
 *
 *   new a      a subconn for address a was made        resolve    resolve_now
 *   connect a  it was asked to connect                 READY      a state was published
 *   drop a     it was shut down                        watch a    its health is watched
 *   update to b+c  a subconn has these addresses now
 *
 * The lab checks what every policy owes: no picks of subconns it gave up, no calls
 * after it was destroyed, references and memory all returned.  lb_bench_sweep() runs a
 * script with each allocation failing in turn.
 */
#ifndef SUPPORT_LB_BENCH_H
#define SUPPORT_LB_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include <grebe/balancer.h>
#include <grebe/parent.h>

#include "lab/lab.h"
#include "support/mem.h"

enum { LB_BENCH_ENDPOINTS = 512, LB_BENCH_CONFIGS = 32, LB_BENCH_TEXT = 8192 };

struct lb_bench {
    struct test_mem mem; /* first: see lb_bench_init_failing() */
    struct lab lab;
    const struct grebe_balancer_builder *builder;
    void *configs[LB_BENCH_CONFIGS]; /* all of lb_bench_config(), the last one in force */
    size_t n_configs;
    uint32_t n_published;
    uint32_t n_violations_expected; /* by lb_bench_fini() */
    bool wants_health; /* the next update carries GREBE_ATTRIBUTE_HEALTH_LISTENER */
    const struct lab_subconn *health_of; /* last watched */
    char log[LB_BENCH_TEXT];
    char text[LB_BENCH_TEXT]; /* what a function below returned last */
};

/* Builds the policy.  `seed` decides its random choices.  False: it could not be built,
 * for want of memory, and the bench is over. */
bool lb_bench_init(struct lb_bench *bench, const struct grebe_balancer_builder *builder,
                   uint64_t seed);
/* The same with one allocation of the policy, or of what serves it, failing. */
bool lb_bench_init_failing(struct lb_bench *bench,
                           const struct grebe_balancer_builder *builder, uint64_t seed,
                           uint32_t fail_at);
/* Destroys the policy and checks that everything came back. */
void lb_bench_fini(struct lb_bench *bench);

/* ---- What happens to the policy -------------------------------------------------------- */

/* `config` is handed over as it is; NULL: what lb_bench_config() made last. */
int lb_bench_update(struct lb_bench *bench, const char *endpoints, const void *config);
/* Has the policy parse its configuration, for updates from now on.  If that fails the one
 * before stays, and `text` is what the policy says about it. */
int lb_bench_config(struct lb_bench *bench, const char *json);
/* What `builder` says of each: GREBE_OK, or GREBE_ERR_CONFIG and `error`.  Each has a bench of its
 * own. */
struct lb_config_case {
    const char *json;
    const char *error; /* NULL: it is fine */
};
void lb_bench_expect_configs(const struct grebe_balancer_builder *builder,
                             const struct lb_config_case *cases, size_t n);
void lb_bench_resolver_error(struct lb_bench *bench, const char *text);
void lb_bench_exit_idle(struct lb_bench *bench);
void lb_bench_advance_ms(struct lb_bench *bench, uint64_t ms);

/* The newest subconn for `address` that was not given up changes its state.  `error` NULL:
 * "connection refused" if it needs one. */
void lb_bench_subconn(struct lb_bench *bench, const char *address,
                      enum grebe_connectivity state, const char *error);
void lb_bench_health(struct lb_bench *bench, const char *address,
                     enum grebe_connectivity state, const char *error);

/* READY by the way a real one takes, and healthy; all of "a b c". */
void lb_bench_connect(struct lb_bench *bench, const char *address);
void lb_bench_connect_all(struct lb_bench *bench, const char *addresses);

/* "a=R b=C c=T d=I": an update with these endpoints, then each subconn to that state by
 * the way a real one takes. */
void lb_bench_set(struct lb_bench *bench, const char *states);

/* ---- What the policy did ----------------------------------------------------------------- */

/* The notes since the last time, joined with ", ". */
const char *lb_bench_log(struct lb_bench *bench);

/* One pick: an address, "queue", "fail: TEXT" or "drop CODE: TEXT".  A pick that owes an
 * on_done gets it. */
const char *lb_bench_pick(struct lb_bench *bench);

/* The same for a call with this hash, or for any call. */
const char *lb_bench_pick_hash(struct lb_bench *bench, uint64_t hash);
const char *lb_bench_pick_call(struct lb_bench *bench, const struct lab_call *call);

/* The shortest sequence that n picks repeat, rotated to begin with its smallest name: "a b
 * c".  n is 64. */
const char *lb_bench_cycle(struct lb_bench *bench);

/* Of `n` picks, how many went to `address`. */
uint32_t lb_bench_count(struct lb_bench *bench, uint32_t n, const char *address);

uint32_t lb_bench_n_live(const struct lb_bench *bench); /* subconns not given up */

/* ---- Out of memory -------------------------------------------------------------------------- */

/* Runs script(bench) with allocation 1 failing, then 2, and so on, until a run needs no
 * more.  Whatever fails, nothing crashes and everything comes back. */
void lb_bench_sweep(const struct grebe_balancer_builder *builder,
                    void (*script)(struct lb_bench *bench));

#endif
