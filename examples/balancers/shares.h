/* SPDX-License-Identifier: Apache-2.0 */
/* shares.h -- what the example balancers have in common: try the policy, tell who got
 * the calls. */
#ifndef SHARES_H
#define SHARES_H

#include <grebe/balancer.h>

typedef int (*build_fn)(struct grebe_client_conn *cc,
                        const struct grebe_build_options *options,
                        struct grebe_balancer **out);

/* Register a policy, make calls to `target` through it as `service_config` says, one after
 * the other, and print how many each backend took.  `on_log` may be NULL.  Returns the exit
 * code. */
int print_shares_of(const struct grebe_balancer_builder *builder,
                    const char *service_config, grebe_log_fn on_log, const char *target,
                    long n_calls);

/* The same with a policy without configuration. */
int print_shares(const char *policy, build_fn build, const char *target, long n_calls);

/* And for a program whose arguments are TARGET and CALLS. */
int shares_main(const char *policy, build_fn build, int argc, char *argv[]);

#endif
