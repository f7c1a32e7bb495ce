/* SPDX-License-Identifier: Apache-2.0 */
/* grebe/manual.h -- a resolver that finds what it is told: for programs that know their
 * backends from somewhere else, and for tests.
 *
 *   your discovery --update--> manual resolver --> every channel that was made with it
 *
 * The object is its own builder: put grebe_manual_resolver_builder() into the `resolvers`
 * of a channel's options and use a target of its scheme, "manual:///anything".  It
 * remembers the last state, so that a channel that leaves idle mode, or is made later,
 * starts with it.  Before the first update a channel waits.
 *
 * One object serves any number of channels, on any loops.  Each gets every update, none
 * merged, all in the same order.
 *
 * Lifetime    Counted; channels hold a reference each from their making to their end.
 * Threading   Any thread.  Callbacks run on the loop of the channel they are about, and,
 *             like all of an application's, never inside the function that caused them.
 * Sources     grpc-go package resolver/manual.
 */
#ifndef GREBE_MANUAL_H
#define GREBE_MANUAL_H

#include <stddef.h>
#include <stdint.h>

#include <grebe/attr.h>
#include <grebe/error.h>
#include <grebe/mem.h>
#include <grebe/resolver.h>
#include <grebe/status.h>

GREBE_BEGIN_DECLS

struct grebe_manual_resolver;

/* Fill with GREBE_MANUAL_RESOLVER_OPTIONS_INIT, then set what you need.  All callbacks may
 * be NULL.  `id` tells one channel's resolver from another's: 1 for the first that was
 * built, and a new one each time a channel leaves idle mode. */
struct grebe_manual_resolver_options {
    size_t struct_size;
    const struct grebe_mem *mem; /* NULL: malloc.  Called from any thread */
    const char *scheme;          /* lower case, copied; NULL: "manual" */
    /* A channel began to listen.  `target` is what it was made for; borrowed. */
    void (*on_build)(void *arg, uint64_t id, const char *target);
    /* A channel thinks that now would be a good time to look again. */
    void (*on_resolve_now)(void *arg, uint64_t id);
    /* What a channel made of a state: GREBE_OK, or GREBE_ERR_BAD_RESOLVER_STATE for one it
     * cannot use. */
    void (*on_result)(void *arg, uint64_t id, int result);
    /* A channel listens no more: idle, or closed.  The last word about this id. */
    void (*on_close)(void *arg, uint64_t id);
    void *arg;
};
#define GREBE_MANUAL_RESOLVER_OPTIONS_INIT                                               \
    {                                                                                    \
        sizeof(struct grebe_manual_resolver_options), NULL, NULL, NULL, NULL, NULL,      \
            NULL, NULL                                                                   \
    }

/* `options` NULL: all defaults.  GREBE_ERR_NOMEM.  *out is the caller's to unref. */
GREBE_API int
grebe_manual_resolver_new(const struct grebe_manual_resolver_options *options,
                          struct grebe_manual_resolver **out) GREBE_MUST_CHECK;
GREBE_API struct grebe_manual_resolver *
grebe_manual_resolver_ref(struct grebe_manual_resolver *manual);
GREBE_API void grebe_manual_resolver_unref(struct grebe_manual_resolver *manual);

/* For the `resolvers` of a channel's options.  Borrowed from `manual`.  Do not give it to
 * grebe_resolver_register(), which counts nothing, unless `manual` stays for ever. */
GREBE_API const struct grebe_resolver_builder *
grebe_manual_resolver_builder(struct grebe_manual_resolver *manual);

/* For build() of a resolver builder of your own, whose news comes from a thread: what it
 * gives is a resolver of `manual`, which keeps a reference for it; `conn` hears what `manual`
 * is told, from any thread, until the channel destroys *out, which on_close() tells.
 * GREBE_ERR_NOMEM.  On the loop's thread; examples/plugin/discovery.c. */
GREBE_API int grebe_manual_resolver_build(struct grebe_manual_resolver *manual,
                                          const struct grebe_target *target,
                                          struct grebe_resolver_conn *conn,
                                          struct grebe_resolver **out) GREBE_MUST_CHECK;

/* These are the endpoints now, for all channels and for those to come.  Everything in
 * `state` is copied or referenced.  Channels get it in their next turns, and
 * on_result() tells how they liked it.  GREBE_ERR_NOMEM: nothing changed. */
GREBE_API int
grebe_manual_resolver_update(struct grebe_manual_resolver *manual,
                             const struct grebe_resolver_state *state) GREBE_MUST_CHECK;

/* The same for `n` addresses as text, an endpoint each, in that order.  GREBE_ERR_NOMEM. */
GREBE_API int grebe_manual_resolver_set_addresses(struct grebe_manual_resolver *manual,
                                                  const char *const *addresses,
                                                  size_t n) GREBE_MUST_CHECK;

/* Finding out failed.  Channels keep what they have; those without anything fail their
 * calls with this.  A channel that begins to listen gets the last state and, if it is
 * newer, the last error.  GREBE_ERR_NOMEM: nothing changed. */
GREBE_API int
grebe_manual_resolver_report_error(struct grebe_manual_resolver *manual,
                                   const struct grebe_status *status) GREBE_MUST_CHECK;

GREBE_END_DECLS

#endif
