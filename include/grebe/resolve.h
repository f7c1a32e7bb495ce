/* SPDX-License-Identifier: Apache-2.0 */
/* grebe/resolve.h -- name resolution alone, without a channel.
 *
 * Watches what a target resolves to: each update and each error, as a channel would get
 * them.
 *
 * Threading   Make and destroy from any thread; callbacks run on the loop's thread.
 */
#ifndef GREBE_RESOLVE_H
#define GREBE_RESOLVE_H

#include <grebe/channel.h>
#include <grebe/resolver.h>

GREBE_BEGIN_DECLS

struct grebe_resolver_watch;

/* Exactly one of `state` and `error` is set; both are borrowed.  `scheme` names the
 * resolver at work. */
typedef void (*grebe_resolve_fn)(void *arg, const struct grebe_resolver_state *state,
                                 const struct grebe_status *error, const char *scheme);

/* Start resolving `target`.  Of `options` (NULL: defaults) resolvers, DNS, proxy and log
 * matter, and credentials are not needed.  GREBE_ERR_TARGET, GREBE_ERR_INVALID (the proxy),
 * GREBE_ERR_FORKED, GREBE_ERR_NOMEM and what the resolver's build() answers, with `diag`.
 * *out is the caller's to destroy. */
GREBE_API int
grebe_resolver_watch_new(struct grebe_loop *loop, const char *target,
                         const struct grebe_channel_options *options,
                         struct grebe_diag *diag, grebe_resolve_fn on_result, void *arg,
                         struct grebe_resolver_watch **out) GREBE_MUST_CHECK;

/* When the resolver will ask again, on the loop's clock, which grebe_now_ns() reads; 0: not
 * by itself, or it is asking.  On the loop's thread, as inside on_result, where it is about
 * the result or the error that is told.  NULL: 0. */
GREBE_API uint64_t grebe_resolver_watch_next_ns(const struct grebe_resolver_watch *watch);

/* A hint that now would be a good time. */
GREBE_API int grebe_resolver_watch_resolve_now(struct grebe_resolver_watch *watch);

/* No callback comes after it has returned.  NULL: no-op. */
GREBE_API void grebe_resolver_watch_destroy(struct grebe_resolver_watch *watch);

GREBE_END_DECLS

#endif
