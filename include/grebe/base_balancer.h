/* SPDX-License-Identifier: Apache-2.0 */
/* grebe/base_balancer.h -- a policy that is nothing but its picker.
 *
 * The base balancer keeps one subconn, connected, for each address the resolver finds,
 * and has a picker built from those that are READY each time that changes.  A policy on
 * top of it writes down how to choose and leaves the rest:
 *
 *   static int build(struct grebe_client_conn *cc, const struct grebe_build_options *o,
 *                    struct grebe_balancer **out)
 *   {
 *       struct grebe_base_balancer_options options = GREBE_BASE_BALANCER_OPTIONS_INIT;
 *
 *       (void)o;
 *       options.build_picker = build_picker;
 *       return grebe_base_balancer_new(cc, &options, out);
 *   }
 *
 * It reports READY while any subconn is, else CONNECTING, IDLE, or TRANSIENT_FAILURE; one
 * that failed counts as failed until it is READY again.  In TRANSIENT_FAILURE calls fail
 * with the last connection error and the last resolver error.
 *
 * Balancing over endpoints with several addresses each, or with health checks of its own,
 * is what grebe/parent.h has endpoint sharding for.
 *
 * Threading   As grebe/balancer.h: the channel's loop, but for the picker itself.
 * Sources     grpc-go package balancer/base.
 */
#ifndef GREBE_BASE_BALANCER_H
#define GREBE_BASE_BALANCER_H

#include <stdbool.h>
#include <stddef.h>

#include <grebe/balancer.h>

GREBE_BEGIN_DECLS

/* A subconn that a call may be sent on, and the address it was made for, with all its
 * attributes.  Both are borrowed: a picker that keeps the subconn takes a reference. */
struct grebe_ready_subconn {
    struct grebe_subconn *subconn;
    struct grebe_address *address;
};

/* Fill with GREBE_BASE_BALANCER_OPTIONS_INIT, then set what you need. */
struct grebe_base_balancer_options {
    size_t struct_size;
    /* A picker over `n` subconns, in the order in which their addresses became known.  n
     * may be 0: nothing is READY yet, so the picker should queue.  NULL when out of
     * memory: the last picker goes on serving. */
    struct grebe_picker *(*build_picker)(void *arg, struct grebe_client_conn *cc,
                                         const struct grebe_ready_subconn *ready,
                                         size_t n);
    /* The balancer is gone, and `arg` no longer used.  May be NULL. */
    void (*free_arg)(void *arg);
    void *arg;
    bool wants_health_check; /* see struct grebe_subconn_options */
    /* build_picker()'s `arg` is the policy's configuration instead, as parse_config() made
     * it; NULL if there is none.  Valid until the next update: a picker copies it. */
    bool gives_config;
};
#define GREBE_BASE_BALANCER_OPTIONS_INIT                                                 \
    {                                                                                    \
        sizeof(struct grebe_base_balancer_options), NULL, NULL, NULL, false, false       \
    }

/* For a builder's build().  GREBE_ERR_INVALID without build_picker, GREBE_ERR_NOMEM;
 * `arg` stays the caller's then. */
GREBE_API int grebe_base_balancer_new(struct grebe_client_conn *cc,
                                      const struct grebe_base_balancer_options *options,
                                      struct grebe_balancer **out) GREBE_MUST_CHECK;

GREBE_END_DECLS

#endif
