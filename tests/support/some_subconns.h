/* SPDX-License-Identifier: Apache-2.0 */
/* support/some_subconns.h -- subconns and nothing else: for tests of what stands between a
 * policy and them.
 *
 * They are those of a policy on an lb_bench that makes them, and a picker for each, and never
 * connects one.  Whoever holds a reference may do so until some_subconns_give_up().
 */
#ifndef SUPPORT_SOME_SUBCONNS_H
#define SUPPORT_SOME_SUBCONNS_H

#include <grebe/balancer.h>

enum { SOME_SUBCONNS = 4 };

struct some_subconns {
    struct grebe_subconn *list[SOME_SUBCONNS];
    struct grebe_picker
        *pickers[SOME_SUBCONNS]; /* a reference each; always that subconn */
};

/* One set at a time. */
void some_subconns_make(struct some_subconns *some);

/* The policy is gone, and so are the subconns but for those that somebody holds. */
void some_subconns_close(struct some_subconns *some);
/* Checks that nobody holds any. */
void some_subconns_give_up(void);

#endif
