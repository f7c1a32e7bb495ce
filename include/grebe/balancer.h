/* SPDX-License-Identifier: Apache-2.0 */
/* grebe/balancer.h -- how to write a load-balancing policy.
 *
 *   resolver --endpoints--> balancer --new_subconn--> subconn (one address each, as a rule)
 *                              |  ^                      |
 *              update_state    |  +---- state changes ---+
 *                              v
 *   call ----pick----> picker (a channel holds exactly one)
 *
 * A builder, found in the registry by the name a service config uses, parses the policy's
 * configuration and builds a balancer.  The balancer sees the endpoints, keeps subconns to
 * them, and publishes a connectivity state together with a picker.  The picker is a
 * snapshot that answers one question: where does this call go?
 *
 * Threading   Everything here runs on the channel's loop thread, in either direction,
 *             except pick() and on_done(), references, and
 *             grebe_client_conn_request_exit_idle(): any thread, at any time, while the
 *             balancer replaces the picker.  Nothing may block.  No policy needs a lock.
 * Re-entrancy grebe_client_conn_*() and grebe_subconn_*() record what you asked for and
 *             return; the effects, callbacks included, begin after your function returns,
 *             in the order you asked.
 * After       destroy() no function of the policy is called again, whatever happens to
 *             its subconns; those still open are shut down for it.
 * Errors      int results are GREBE_OK or a negative GREBE_ERR_*.  An update that fails
 *             leaves the policy serving what it served before.
 * Mistakes    A policy that asks for something after it was destroyed, gives up what it
 *             does not hold, publishes or picks what it must not, is named in the log,
 *             once for each kind of mistake, and the channel goes on.
 * Growth      Structs the library fills only grow at their end.  Structs a policy fills
 *             carry GREBE_BALANCER_API, the layout it was compiled with.
 * Sources     grpc-go package balancer; gRFC A24 (configuration), A61 (endpoints).
 *
 * A policy whose children are policies needs grebe/parent.h as well.
 */
#ifndef GREBE_BALANCER_H
#define GREBE_BALANCER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <grebe/attr.h>
#include <grebe/attributes.h>
#include <grebe/connectivity.h>
#include <grebe/endpoint.h>
#include <grebe/error.h>
#include <grebe/json.h>
#include <grebe/log.h>
#include <grebe/mem.h>
#include <grebe/metadata.h>
#include <grebe/status.h>

GREBE_BEGIN_DECLS

/* Grows when a struct that a policy fills does.
 *   2  wants_load_report in struct grebe_pick
 *   3  listeners, at the end of struct grebe_pick */
#define GREBE_BALANCER_API 3

struct grebe_balancer;
struct grebe_client_conn;
struct grebe_credentials;
struct grebe_explanation;
struct grebe_load_report;
struct grebe_picker;
struct grebe_subconn;
struct grebe_timer;

/* ---- Picker ----------------------------------------------------------------------- */

enum grebe_pick_kind {
    GREBE_PICK_QUEUE,    /* hold the call until the next picker arrives */
    GREBE_PICK_COMPLETE, /* send the call on `subconn` */
    GREBE_PICK_FAIL,     /* fail with `status`; wait_for_ready calls queue instead */
    GREBE_PICK_DROP,     /* fail with `status` even if wait_for_ready; never retried */
};

/* How an attempt ended, for the policy that chose where it went. */
struct grebe_done_info {
    const struct grebe_status *status;     /* of the attempt; code OK if all is well */
    const struct grebe_metadata *trailers; /* NULL if there were none */
    const struct grebe_load_report
        *server_load;    /* grebe/load_report.h; NULL: the pick did
                                                  * not want one, or there was none */
    uint64_t now_ns;     /* the loop's clock */
    uint64_t latency_ns; /* from the pick to now */
    bool bytes_sent;     /* a stream was created */
    bool bytes_received; /* the backend answered something */
    bool is_discarded;   /* not a success, not a failure: no attempt was made of the pick,
                          * or it lost to another one */
    uint64_t headers_ns; /* from the pick to the headers of the response; 0: none came
                          * before the end, or in no time at all */
    bool is_streaming; /* the call is not unary: how long it takes is up to the caller */
};

typedef void (*grebe_pick_done_fn)(void *arg, const struct grebe_done_info *info);

/* How many may listen to the end of a call beside on_done. */
enum { GREBE_PICK_LISTENERS = 4 };

struct grebe_pick_listener {
    grebe_pick_done_fn on_done;
    void *arg;
};

struct grebe_pick {
    enum grebe_pick_kind kind;
    bool wants_load_report;        /* COMPLETE: on_done is for the backend's load, too */
    struct grebe_subconn *subconn; /* COMPLETE: borrowed from the picker */
    const struct grebe_status *status; /* FAIL, DROP: borrowed from the picker */
    struct grebe_metadata *metadata;   /* COMPLETE: borrowed, for this attempt; or NULL */
    grebe_pick_done_fn on_done; /* COMPLETE: runs exactly once, at once if the subconn */
    void *on_done_arg;          /* turns out not to be READY; may be NULL */
    /* COMPLETE: who hears it after on_done, in this order: see grebe_pick_listen().  Those
     * from n_listeners on are not set. */
    uint32_t n_listeners;
    struct grebe_pick_listener listeners[GREBE_PICK_LISTENERS];
};

struct grebe_pick_args {
    const char *method;                    /* "/package.Service/Method" */
    const struct grebe_metadata *metadata; /* the call's; NULL if none */
    uint64_t now_ns;                       /* the loop's monotonic clock */
    uint64_t deadline_ns;                  /* on that clock; UINT64_MAX if none */
    uint64_t random;                       /* uniform, fresh for each pick */
    const uint64_t *hash;                  /* of the request; NULL: nobody computed one */
    struct grebe_explanation *explanation; /* NULL: nobody asks; see grebe/explain.h */
    /* Who asks for one pick at a time, on whatever threads: a channel, whose picks so are one
     * sequence although several threads take turns driving its loop.  NULL: his thread tells
     * who asks. */
    const void *caller;
};

/* A picker answers one question, many times a second.  pick() must not block, allocate,
 * read a clock, or use state other than its own (immutable apart from atomics) and `args`,
 * which is borrowed.  `out` arrives as grebe_pick_init() leaves it, that is, as QUEUE.
 *
 * A parent that asks a child's picker hands on the `out` it was given, and changes
 * afterwards what it wants changed, but for the subconn of a COMPLETE pick: that one is what
 * those who listen rely on.  Who wants another ends the pick first, as discarded.  One that
 * has a struct of its own begins it with grebe_pick_init(), and must be compiled with the
 * layout its children have. */
struct grebe_picker_ops {
    void (*pick)(struct grebe_picker *picker, const struct grebe_pick_args *args,
                 struct grebe_pick *out);
    void (*destroy)(
        struct grebe_picker *picker); /* the last reference is gone: any thread */
};

/* The first member of every picker. */
struct grebe_picker {
    const struct grebe_picker_ops *ops;
    uint32_t refs; /* atomic; only grebe_picker_ref() and _unref() touch it */
    uint32_t api;
};

/* One reference, the caller's. */
static inline void grebe_picker_init(struct grebe_picker *picker,
                                     const struct grebe_picker_ops *ops)
{
    picker->ops = ops;
    picker->api = GREBE_BALANCER_API;
    picker->refs = 1;
}

static inline void grebe_picker_pick(struct grebe_picker *picker,
                                     const struct grebe_pick_args *args,
                                     struct grebe_pick *out)
{
    picker->ops->pick(picker, args, out);
}

/* Zeroes `pick`, but for its listeners, of which nobody has counted any. */
static inline void grebe_pick_init(struct grebe_pick *pick)
{
    memset(pick, 0, offsetof(struct grebe_pick, listeners));
}

/* For a parent's pick(), after that of its child: hear how the call ends beside whoever
 * gave an on_done.  The innermost policy hears first, each exactly once, and the subconn is
 * held for the call until all have heard.  False: `pick` is not COMPLETE, or
 * 1 + GREBE_PICK_LISTENERS of them listen already; nobody will call `on_done` then, so the
 * call must not be counted. */
static inline bool grebe_pick_listen(struct grebe_pick *pick, grebe_pick_done_fn on_done,
                                     void *arg)
{
    if (pick->kind != GREBE_PICK_COMPLETE)
        return false;
    if (pick->on_done == NULL) {
        pick->on_done = on_done;
        pick->on_done_arg = arg;
        return true;
    }
    if (pick->n_listeners == GREBE_PICK_LISTENERS)
        return false;
    pick->listeners[pick->n_listeners].on_done = on_done;
    pick->listeners[pick->n_listeners].arg = arg;
    pick->n_listeners++;
    return true;
}

/* For whoever asked a picker: tell all who listen that the call is over.  Once for each
 * COMPLETE pick, with a reference to its subconn held or the picker kept. */
static inline void grebe_pick_end(const struct grebe_pick *pick,
                                  const struct grebe_done_info *info)
{
    if (pick->on_done != NULL)
        pick->on_done(pick->on_done_arg, info);
    for (uint32_t i = 0; i < pick->n_listeners; i++)
        pick->listeners[i].on_done(pick->listeners[i].arg, info);
}

GREBE_API struct grebe_picker *grebe_picker_ref(struct grebe_picker *picker);
GREBE_API void grebe_picker_unref(struct grebe_picker *picker); /* NULL: no-op */

/* Always QUEUE.  One object for all; never NULL. */
GREBE_API struct grebe_picker *grebe_picker_queueing(void);

/* Always FAIL (or DROP) with a copy of `status`.  Never NULL: when memory is short it
 * fails with UNAVAILABLE "out of memory" instead. */
GREBE_API struct grebe_picker *grebe_picker_failing(const struct grebe_mem *mem,
                                                    const struct grebe_status *status);
GREBE_API struct grebe_picker *grebe_picker_dropping(const struct grebe_mem *mem,
                                                     const struct grebe_status *status);

/* Always COMPLETE with `subconn`, to which it takes a reference.  NULL when out of
 * memory. */
GREBE_API struct grebe_picker *grebe_picker_fixed(const struct grebe_mem *mem,
                                                  struct grebe_subconn *subconn);

/* ---- Balancer --------------------------------------------------------------------- */

struct grebe_balancer_update {
    struct grebe_endpoint *const *endpoints; /* resolver order; borrowed */
    size_t n_endpoints;
    const struct grebe_attributes *attributes; /* of the update as a whole; may be NULL */
    const void *config; /* from parse_config(); valid until the next update(), even one
                         * that fails, or destroy(); NULL if none */
};

struct grebe_balancer_ops {
    /* New endpoints or config.  GREBE_ERR_BAD_RESOLVER_STATE asks the resolver to try
     * again, with backoff. */
    int (*update)(struct grebe_balancer *balancer,
                  const struct grebe_balancer_update *update);
    /* Name resolution failed.  A policy with working subconns ignores it.  NULL: always. */
    void (*resolver_error)(struct grebe_balancer *balancer,
                           const struct grebe_status *status);
    /* A call, or the application, wants a connection.  NULL: the library connects all its
     * subconns that are IDLE. */
    void (*exit_idle)(struct grebe_balancer *balancer);
    /* All reports of children that the last update, resolver_error or exit_idle caused
     * have been delivered.  For policies that publish once for all of them; may be NULL. */
    void (*settled)(struct grebe_balancer *balancer);
    /* Free the policy.  It may shut down its subconns, or leave that to the library. */
    void (*destroy)(struct grebe_balancer *balancer);
    /* States of subconns that were made without an on_state.  May be NULL. */
    void (*update_subconn_state)(struct grebe_balancer *balancer,
                                 struct grebe_subconn *subconn,
                                 enum grebe_connectivity state,
                                 const struct grebe_status *error);
};

/* The first member of every balancer. */
struct grebe_balancer {
    const struct grebe_balancer_ops *ops;
    uint32_t api;
};

static inline void grebe_balancer_init(struct grebe_balancer *balancer,
                                       const struct grebe_balancer_ops *ops)
{
    balancer->ops = ops;
    balancer->api = GREBE_BALANCER_API;
}

/* What a policy may want to know of the channel it serves. */
struct grebe_build_options {
    const char *target;               /* canonical: "dns:///host:443" */
    const char *authority;            /* of the channel */
    const char *user_agent;           /* "" if the application gave none */
    uint64_t happy_eyeballs_delay_ns; /* 250 ms; between 100 ms and 2 s */
};

struct grebe_balancer_builder {
    uint32_t api;     /* GREBE_BALANCER_API */
    const char *name; /* as in service configs; static storage */
    /* `json` is this policy's entry.  *out is handed to update() until free_config().
     * Ignore members you do not know.  NULL: any JSON will do, and config is NULL. */
    int (*parse_config)(const struct grebe_json *json, struct grebe_diag *diag,
                        void **out);
    void (*free_config)(void *config);
    /* `cc` and `options` are borrowed and outlive the balancer. */
    int (*build)(struct grebe_client_conn *cc, const struct grebe_build_options *options,
                 struct grebe_balancer **out);
};

/* ---- Client conn: what a balancer may ask of its channel or parent ----------------- */

/* `error` is set for TRANSIENT_FAILURE only, and borrowed. */
typedef void (*grebe_subconn_state_fn)(void *arg, struct grebe_subconn *subconn,
                                       enum grebe_connectivity state,
                                       const struct grebe_status *error);

/* Fill with GREBE_SUBCONN_OPTIONS_INIT, then set what you need. */
struct grebe_subconn_options {
    size_t struct_size;
    struct grebe_address *const *addresses; /* n of them, tried in order; referenced */
    size_t n_addresses;
    grebe_subconn_state_fn on_state; /* every change, in order; NULL: the balancer's
                                      * update_subconn_state() */
    void *arg;
    bool wants_health_check; /* READY only once the health service says SERVING */
    struct grebe_credentials *credentials; /* for this one alone; NULL: the channel's */
};
#define GREBE_SUBCONN_OPTIONS_INIT                                                       \
    {                                                                                    \
        sizeof(struct grebe_subconn_options), NULL, 0, NULL, NULL, false, NULL           \
    }

/* Create a subconn, in IDLE; it stays there until grebe_subconn_connect().  on_state
 * reports every later change in order and none twice; the last is GREBE_SHUTDOWN, after
 * grebe_subconn_shutdown().  *out is borrowed until then; take a reference to keep it
 * longer.  GREBE_ERR_INVALID without addresses, GREBE_ERR_CLOSED after destroy() or when
 * the channel is closing, GREBE_ERR_NOMEM. */
GREBE_API int grebe_client_conn_new_subconn(struct grebe_client_conn *cc,
                                            const struct grebe_subconn_options *options,
                                            struct grebe_subconn **out) GREBE_MUST_CHECK;

/* Publish a connectivity state and the picker that goes with it; takes over the caller's
 * reference to `picker`.  NULL stands for one that queues.  Reports are delivered in order
 * and never merged.  Call it whenever a new picker is needed, even if the state is the
 * same. */
GREBE_API void grebe_client_conn_update_state(struct grebe_client_conn *cc,
                                              enum grebe_connectivity state,
                                              struct grebe_picker *picker);

/* A hint that names should be resolved again. */
GREBE_API void grebe_client_conn_resolve_now(struct grebe_client_conn *cc);

/* Hear the health of a READY subconn: READY, CONNECTING or TRANSIENT_FAILURE, from the
 * health service if the service config names one, else READY once.  Ends with the next
 * change of the subconn's state.  A second call replaces the first; `on_health` NULL ends
 * it.  Ignored unless the last state delivered was READY. */
GREBE_API void grebe_client_conn_watch_health(struct grebe_client_conn *cc,
                                              struct grebe_subconn *subconn,
                                              grebe_subconn_state_fn on_health,
                                              void *arg);

/* Have exit_idle() of the balancer of `cc` called soon: for pickers that want a
 * connection.  Threading: any; keep a reference to `cc` in the picker. */
GREBE_API void grebe_client_conn_request_exit_idle(struct grebe_client_conn *cc);

GREBE_API struct grebe_client_conn *grebe_client_conn_ref(struct grebe_client_conn *cc);
GREBE_API void grebe_client_conn_unref(struct grebe_client_conn *cc);

/* The channel's target: "dns:///host:443".  Borrowed. */
GREBE_API const char *grebe_client_conn_target(const struct grebe_client_conn *cc);
/* The allocator, time, randomness and log of the channel. */
GREBE_API const struct grebe_mem *
grebe_client_conn_mem(const struct grebe_client_conn *cc);
GREBE_API uint64_t grebe_client_conn_now_ns(const struct grebe_client_conn *cc);
GREBE_API uint64_t grebe_client_conn_random(struct grebe_client_conn *cc);
/* Uniform in [0, n); n > 0. */
GREBE_API uint32_t grebe_client_conn_random_below(struct grebe_client_conn *cc,
                                                  uint32_t n);
GREBE_API void grebe_client_conn_log(struct grebe_client_conn *cc,
                                     enum grebe_log_level level, const char *format, ...)
    GREBE_PRINTF(3, 4);

/* ---- Subconn ---------------------------------------------------------------------- */

/* Start connecting.  Only a subconn that is IDLE listens; nothing is remembered. */
GREBE_API void grebe_subconn_connect(struct grebe_subconn *subconn);

/* Close it for good.  Calls on it may finish.  More than once is harmless. */
GREBE_API void grebe_subconn_shutdown(struct grebe_subconn *subconn);

/* The same, for those who look for it where grpc-go has it. */
static inline void grebe_client_conn_remove_subconn(struct grebe_client_conn *cc,
                                                    struct grebe_subconn *subconn)
{
    (void)cc;
    grebe_subconn_shutdown(subconn);
}

/* Replace the addresses, which are referenced.  A connection to an address still listed is
 * kept; none at all leave the subconn IDLE.  GREBE_ERR_NOMEM. */
GREBE_API int grebe_subconn_update_addresses(struct grebe_subconn *subconn,
                                             struct grebe_address *const *addresses,
                                             size_t n) GREBE_MUST_CHECK;

GREBE_API struct grebe_subconn *grebe_subconn_ref(struct grebe_subconn *subconn);
GREBE_API void grebe_subconn_unref(struct grebe_subconn *subconn);

/* ---- Timer ------------------------------------------------------------------------ */

typedef void (*grebe_timer_fn)(void *arg);

/* A one-shot timer, not running.  It never fires after the balancer of `cc` is destroyed,
 * which has to destroy it before that is over.  *out is the caller's to destroy.
 * GREBE_ERR_NOMEM. */
GREBE_API int grebe_timer_new(struct grebe_client_conn *cc, grebe_timer_fn on_fire,
                              void *arg, struct grebe_timer **out) GREBE_MUST_CHECK;
/* Fire at `at_ns` on the clock of grebe_client_conn_now_ns(); replaces an earlier time. */
GREBE_API void grebe_timer_start(struct grebe_timer *timer, uint64_t at_ns);
GREBE_API void grebe_timer_cancel(struct grebe_timer *timer);
GREBE_API void grebe_timer_destroy(struct grebe_timer *timer); /* NULL: no-op */

GREBE_END_DECLS

#endif
