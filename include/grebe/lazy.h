/* SPDX-License-Identifier: Apache-2.0 */
/* grebe/lazy.h -- a child policy that is built when it is first needed.
 *
 * Until then it is IDLE, keeps the latest update and the latest resolver error, and has no
 * subconns.  The first pick, or exit_idle, builds the child and hands both on; from then on
 * everything passes through.  Policies that spread calls over many endpoints of which most
 * get none, as ring_hash does, make their children lazy.
 *
 * Threading, re-entrancy and errors are those of grebe/balancer.h.
 * Sources     grpc-go package balancer/lazy.
 */
#ifndef GREBE_LAZY_H
#define GREBE_LAZY_H

#include <grebe/balancer.h>

GREBE_BEGIN_DECLS

/* For a builder's build(): a balancer that builds `child` (static storage) on `cc` when it
 * is needed.  GREBE_ERR_NOMEM. */
GREBE_API int grebe_lazy_new(struct grebe_client_conn *cc,
                             const struct grebe_balancer_builder *child,
                             struct grebe_balancer **out) GREBE_MUST_CHECK;

GREBE_END_DECLS

#endif
