/* SPDX-License-Identifier: Apache-2.0 */
/* shares.h -- what the example balancers have in common: try the policy, tell who got
 * the calls. */
#ifndef SHARES_H
#define SHARES_H

#include <grebe/balancer.h>

typedef int (*build_fn)(struct grebe_client_conn *cc,
                        const struct grebe_build_options *options,
                        struct grebe_balancer **out);

/* Register a policy without configuration, make calls to `target` through it, one after
 * the other, and print how many each backend took.  Returns the exit code. */
int print_shares(const char *policy, build_fn build, const char *target, long n_calls);

/* The same for a program whose arguments are TARGET and CALLS. */
int shares_main(const char *policy, build_fn build, int argc, char *argv[]);

#endif
