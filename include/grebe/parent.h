/* SPDX-License-Identifier: Apache-2.0 */
/* grebe/parent.h -- policies whose children are policies.
 *
 * A parent gives each child a client_conn of its own, builds the child on it, and hears
 * what the child publishes.  Whatever the parent does not handle goes to its own
 * client_conn, so a parent writes down only what it changes.
 *
 *   channel -- client_conn --> parent -- client_conn --> child
 *                                 ^-------update_state-----+
 *
 * Two ready-made parents stand below: the graceful switch, which replaces one policy by
 * another without a gap, and endpoint sharding, which runs one child for each endpoint.
 * Two more have headers of their own: grebe/lazy.h and grebe/balancer_group.h.
 *
 * Threading, re-entrancy and errors are those of grebe/balancer.h: a child's report
 * reaches its parent after the parent's function has returned.
 */
#ifndef GREBE_PARENT_H
#define GREBE_PARENT_H

#include <grebe/balancer.h>
#include <grebe/registry.h>

GREBE_BEGIN_DECLS

/* What a parent does for a child.  A NULL slot passes the request on to the parent's own
 * client_conn.  `arg` is the one given to grebe_client_conn_new_child(). */
struct grebe_client_conn_ops {
    /* Takes over the reference to `picker`. */
    void (*update_state)(void *arg, enum grebe_connectivity state,
                         struct grebe_picker *picker);
    void (*resolve_now)(void *arg);
    /* May call grebe_client_conn_new_subconn() on the parent's client_conn with changed
     * options, for instance with an on_state of its own in between. */
    int (*new_subconn)(void *arg, const struct grebe_subconn_options *options,
                       struct grebe_subconn **out);
    void (*watch_health)(void *arg, struct grebe_subconn *subconn,
                         grebe_subconn_state_fn on_health, void *health_arg);
};

/* ---- Subconns of children ----------------------------------------------------------- */

struct grebe_subconn_tag;

struct grebe_subconn_tag_ops {
    /* What the child is about to hear of its subconn, but for SHUTDOWN, and of its health if
     * it listens, an ejection included.  The loop's thread.  May be NULL. */
    void (*on_state)(struct grebe_subconn_tag *tag, enum grebe_connectivity state);
    void (*on_health)(struct grebe_subconn_tag *tag, enum grebe_connectivity health);
    /* The subconn was given up and is SHUTDOWN.  The loop's thread; also after the parent
     * is gone.  May be NULL. */
    void (*shut_down)(struct grebe_subconn_tag *tag);
    /* The last reference to the subconn is gone: free the tag.  Any thread. */
    void (*release)(struct grebe_subconn_tag *tag);
};

/* What a parent keeps with a subconn of its child: a member of a struct of the parent's own,
 * attached in new_subconn() of grebe_client_conn_ops.
 *
 *   child's picker --COMPLETE, subconn--> parent's pick()
 *                                            grebe_subconn_tag_of(subconn, me): whose is it?
 *
 * So the parent knows again what the child picked, without a lock or a search, and can take
 * it out of service.  Several parents in a row each have their own. */
struct grebe_subconn_tag {
    const struct grebe_subconn_tag_ops *ops;
    const void *owner;             /* who asks for it: compared, and nothing else */
    struct grebe_subconn *subconn; /* what it is attached to; borrowed */
    uint32_t api;
    struct grebe_subconn_tag *next; /* from here on the library's */
    const char *ejection;
};

static inline void grebe_subconn_tag_init(struct grebe_subconn_tag *tag,
                                          const struct grebe_subconn_tag_ops *ops,
                                          const void *owner)
{
    tag->ops = ops;
    tag->owner = owner;
    tag->subconn = NULL;
    tag->api = GREBE_BALANCER_API;
    tag->next = NULL;
    tag->ejection = NULL;
}

/* From inside new_subconn(), for the subconn that was just made: before anybody can pick it.
 * Or at any time later, where it is enough to be told of what is to come.  The tag stays until
 * release().  The loop's thread. */
GREBE_API void grebe_subconn_attach(struct grebe_subconn *subconn,
                                    struct grebe_subconn_tag *tag);
/* The one attached for `owner`, or NULL.  Threading: any, pick() included. */
GREBE_API struct grebe_subconn_tag *
grebe_subconn_tag_of(const struct grebe_subconn *subconn, const void *owner);

/* Whoever listens to the health of the subconn hears TRANSIENT_FAILURE instead, with `why`
 * (static storage), until this parent, and each other that did the same, lets it back in;
 * then what its health has come to meanwhile.  Policies that balance over endpoints listen
 * (GREBE_ATTRIBUTE_HEALTH_LISTENER); others are not touched, nor is the connection.  More
 * than once is harmless.  The loop's thread. */
GREBE_API void grebe_subconn_eject(struct grebe_subconn_tag *tag, const char *why);
GREBE_API void grebe_subconn_readmit(struct grebe_subconn_tag *tag);

/* ---- Children ------------------------------------------------------------------------- */

/* A client_conn for one child of the policy that holds `parent`. */
GREBE_API int grebe_client_conn_new_child(
    struct grebe_client_conn *parent, const struct grebe_client_conn_ops *ops, void *arg,
    struct grebe_client_conn **out) GREBE_MUST_CHECK;

/* Build the child.  Once for each client_conn. */
GREBE_API int
grebe_client_conn_build(struct grebe_client_conn *child,
                        const struct grebe_balancer_builder *builder) GREBE_MUST_CHECK;

/* The child's functions, each a no-op (GREBE_ERR_CLOSED) when it is closed or unbuilt. */
GREBE_API int grebe_client_conn_update(struct grebe_client_conn *child,
                                       const struct grebe_balancer_update *update);
GREBE_API void grebe_client_conn_resolver_error(struct grebe_client_conn *child,
                                                const struct grebe_status *status);
GREBE_API void grebe_client_conn_exit_idle(struct grebe_client_conn *child);

/* Destroy the child, shut down its subconns, drop what it has not yet reported, and give
 * up the parent's reference.  `ops` is not used again.  NULL: no-op.  A parent that is
 * destroyed with a child still open made a mistake: the child is closed for it. */
GREBE_API void grebe_client_conn_close(struct grebe_client_conn *child);

/* ---- A parsed policy configuration -------------------------------------------------- */

struct grebe_lb_config;

/* A list as in "loadBalancingConfig": the first entry with a registered name wins.  An
 * entry must have exactly one member; no registered name is an error, and so is a
 * configuration that the winner rejects (gRFC A24). */
GREBE_API int grebe_lb_config_parse(const struct grebe_json *list,
                                    struct grebe_diag *diag,
                                    struct grebe_lb_config **out) GREBE_MUST_CHECK;

/* `builder` without a configuration. */
GREBE_API int grebe_lb_config_new(const struct grebe_balancer_builder *builder,
                                  struct grebe_lb_config **out) GREBE_MUST_CHECK;
GREBE_API struct grebe_lb_config *grebe_lb_config_ref(struct grebe_lb_config *config);
GREBE_API void grebe_lb_config_unref(struct grebe_lb_config *config); /* NULL: no-op */
GREBE_API const struct grebe_balancer_builder *
grebe_lb_config_builder(const struct grebe_lb_config *config);
/* For grebe_balancer_update.config; NULL if the policy has no parser. */
GREBE_API const void *grebe_lb_config_value(const struct grebe_lb_config *config);

/* ---- Graceful switch ---------------------------------------------------------------- */

/* A balancer whose update.config is a `struct grebe_lb_config *`: it runs the policy named
 * there.  When the name changes the new policy is built beside the old one and takes over
 * as soon as it reports anything but CONNECTING, or the old one is not READY. */
GREBE_API extern const struct grebe_balancer_builder grebe_graceful_switch;

/* Put a new instance of `builder`'s policy beside the one that runs, whatever its name;
 * `balancer` was built by grebe_graceful_switch.  The next update goes to it.
 * GREBE_ERR_NOMEM, or what build() returned; the one that runs goes on then. */
GREBE_API int
grebe_graceful_switch_to(struct grebe_balancer *balancer,
                         const struct grebe_balancer_builder *builder) GREBE_MUST_CHECK;

/* ---- Endpoint sharding -------------------------------------------------------------- */

struct grebe_endpoint_sharding;

/* Is there anything to balance over?  GREBE_ERR_BAD_RESOLVER_STATE, explained in `diag`,
 * for no endpoints, and for endpoints that all have no address.  Duplicates, and some
 * endpoints without addresses beside good ones, are no error. */
GREBE_API int grebe_endpoints_validate(struct grebe_endpoint *const *endpoints, size_t n,
                                       struct grebe_diag *diag) GREBE_MUST_CHECK;

/* One endpoint and the policy that serves it. */
struct grebe_sharding_child {
    struct grebe_endpoint *endpoint;
    enum grebe_connectivity state;
    struct grebe_picker *picker;  /* borrowed; never NULL */
    struct grebe_client_conn *cc; /* for grebe_client_conn_request_exit_idle() */
};

struct grebe_endpoint_sharding_ops {
    /* Some child changed.  Publish a state and a picker of your own with
     * grebe_client_conn_update_state(cc, ...).  n may be 0; the array is borrowed.
     * `state` is the aggregate: READY if any child is, else CONNECTING, else IDLE, else
     * TRANSIENT_FAILURE. */
    void (*on_children)(void *arg, struct grebe_client_conn *cc,
                        enum grebe_connectivity state,
                        const struct grebe_sharding_child *children, size_t n);
};

/* Fill with GREBE_ENDPOINT_SHARDING_OPTIONS_INIT, then set what you need. */
struct grebe_endpoint_sharding_options {
    size_t struct_size;
    const struct grebe_balancer_builder *child; /* NULL: pick_first */
    const struct grebe_endpoint_sharding_ops *ops;
    void *arg;
    bool leaves_idle_alone; /* do not reconnect children that report IDLE */
};
#define GREBE_ENDPOINT_SHARDING_OPTIONS_INIT                                             \
    {                                                                                    \
        sizeof(struct grebe_endpoint_sharding_options), NULL, NULL, NULL, false          \
    }

/* The engine of every policy that balances over endpoints: one child for each distinct
 * endpoint, kept as long as the endpoint is listed.  Called from a builder's build(). */
GREBE_API int grebe_endpoint_sharding_new(
    struct grebe_client_conn *cc, const struct grebe_endpoint_sharding_options *options,
    struct grebe_endpoint_sharding **out) GREBE_MUST_CHECK;
/* All children hear of it; of their errors the first is returned. */
GREBE_API int grebe_endpoint_sharding_update(struct grebe_endpoint_sharding *sharding,
                                             const struct grebe_balancer_update *update);
GREBE_API void grebe_endpoint_sharding_resolver_error(
    struct grebe_endpoint_sharding *sharding, const struct grebe_status *status);
GREBE_API void
grebe_endpoint_sharding_exit_idle(struct grebe_endpoint_sharding *sharding);
GREBE_API void grebe_endpoint_sharding_settled(struct grebe_endpoint_sharding *sharding);
GREBE_API void grebe_endpoint_sharding_destroy(struct grebe_endpoint_sharding *sharding);

GREBE_END_DECLS

#endif
