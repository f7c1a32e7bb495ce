/* SPDX-License-Identifier: Apache-2.0 */
/* core/client_conn.h -- the face that a channel, or a parent policy, shows a balancer.
 *
 * A client_conn is made for one balancer and knows everything that must happen when that
 * balancer is gone: which subconns and timers it left, which reports are still on their
 * way.  Whoever stands at the root (a channel, a test bench, the lab) makes a host and a
 * root client_conn; parents make children with the public functions of grebe/parent.h.
 *
 * Threading   The loop's thread; references from any thread.
 */
#ifndef GREBE_CORE_CLIENT_CONN_H
#define GREBE_CORE_CLIENT_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include <grebe/balancer.h>
#include <grebe/parent.h>

#include "base/list.h"
#include "channelz/book.h"
#include "core/env.h"
#include "core/meter.h"
#include "core/record.h"

struct grebe__subconn_stream;

/* What a policy may do wrong.  Each is told once for each client_conn. */
enum grebe__fault {
    GREBE__FAULT_LATE = 1,          /* a request after it was destroyed */
    GREBE__FAULT_BUILD = 2,         /* build() said it made a balancer, and made none */
    GREBE__FAULT_STATE = 4,         /* a state that is not a policy's to publish */
    GREBE__FAULT_RESULT = 8,        /* update() returned what is no result */
    GREBE__FAULT_REFERENCE = 16,    /* it gave up a reference that it did not hold */
    GREBE__FAULT_HEALTH_WATCH = 32, /* watched anew from inside the listener */
    GREBE__FAULT_INSTRUMENT = 64,   /* wanted a series of one that is not registered */
    GREBE__FAULT_CHILD = 128,       /* it was destroyed and left a child behind */
    GREBE__FAULT_TIMER = 256,       /* or a timer */
};

/* What all policies of one channel share.  Outlives their client_conns. */
struct grebe__lb_host {
    struct grebe__env *env;
    const struct grebe_mem *mem;
    struct grebe_build_options build_options;
    grebe_log_fn on_log; /* may be NULL */
    void *log_arg;
    /* A policy did what it may not: `message` names it.  NULL: that goes to the log. */
    void (*on_fault)(struct grebe__lb_host *host, enum grebe__fault fault,
                     const char *message);
    /* A root client_conn was freed, on any thread: whoever embeds the host may count them
     * to know when it is no longer needed.  May be NULL. */
    void (*on_root_freed)(struct grebe__lb_host *host);
    uint32_t n_subconns;                  /* atomic: not yet freed, shut down or not */
    struct grebe__meter *meter;           /* NULL: nobody records */
    struct grebe__channel_entity *entity; /* of the channel in the book; or NULL */
    struct grebe__recording *recording;   /* of what reaches its policies; or NULL */
    /* A replay: timers, feeds and wishes of pickers for exit_idle() wait until they are
     * told to go on, with the functions at the end of this header. */
    bool is_driven;
    struct grebe__list feeds; /* of its policies, if it is driven */
    struct { /* how many there were since the last root was made: the next one's id */
        uint32_t client_conns, subconns, timers, feeds;
    } next_id;
};

/* A report of a balancer on its way to its parent. */
struct grebe__lb_report {
    struct grebe__effect effect;
    struct grebe_client_conn *cc; /* referenced while the report is queued */
    enum grebe_connectivity state;
    struct grebe_picker *picker; /* a reference */
};

struct grebe_client_conn {
    const struct grebe_client_conn_ops *ops; /* the parent's answers */
    void *arg;
    struct grebe__lb_host *host;
    struct grebe_client_conn *parent; /* a reference; NULL at the root */
    struct grebe__list children;      /* that it made and did not close yet */
    struct grebe__list sibling;       /* on parent->children */
    uint32_t id;                      /* of host->next_id */
    uint32_t refs;
    bool is_overdrawn; /* atomic: more references were given up than taken */
    bool is_closed;
    bool wants_exit_idle;            /* atomic: exit_idle_task is posted */
    struct grebe_balancer *balancer; /* owned; NULL before build and after close */
    const struct grebe_balancer_builder *builder; /* NULL before build */
    uint32_t faults;                              /* grebe__fault that were told */
    struct grebe__list subconns; /* those the balancer made and did not lose yet */
    struct grebe__list timers;
    struct grebe__lb_report report;      /* the usual one: no allocation */
    struct grebe__lb_report *newest;     /* of the reports that are queued, or NULL */
    struct grebe__effect settled_effect; /* holds a reference while queued */
    struct grebe__effect resolve_effect; /* likewise */
    struct grebe__task exit_idle_task;   /* likewise */
};

/* The root: requests that nobody in between answers end at `ops`, of which new_subconn,
 * update_state, resolve_now and watch_health must all be there. */
int grebe__client_conn_new_root(struct grebe__lb_host *host,
                                const struct grebe_client_conn_ops *ops, void *arg,
                                struct grebe_client_conn **out);

/* Tell what the policy of `cc` did, unless it was told before. */
void grebe__client_conn_blame(struct grebe_client_conn *cc, enum grebe__fault fault,
                              const char *what);

/* ---- Subconns, as whoever stands at the root makes them ------------------------------- */

struct grebe__subconn_ops {
    /* Each runs as an effect, never from inside a policy. */
    void (*connect)(struct grebe_subconn *subconn);
    void (*update_addresses)(struct grebe_subconn *subconn,
                             struct grebe_address *const *addresses, size_t n);
    void (*shutdown)(struct grebe_subconn *subconn); /* once; ends in deliver(SHUTDOWN) */
    void (*destroy)(struct grebe_subconn *subconn);  /* last reference; any thread */
    /* A stream to its backend, as grebe__subconn_stream_open().  NULL: there never is one,
     * and feeds stay silent. */
    int (*open_stream)(struct grebe_subconn *subconn,
                       struct grebe__subconn_stream *stream);
    /* The health listener is another one, or gone.  NULL: it hears READY, once. */
    void (*listen_for_health)(struct grebe_subconn *subconn);
};

/* The first member of every kind of subconn. */
struct grebe_subconn {
    const struct grebe__subconn_ops *ops;
    uint32_t id;                       /* of host->next_id */
    uint32_t refs;                     /* one until SHUTDOWN is delivered */
    enum grebe_connectivity delivered; /* the last state the policy heard of */
    bool is_shutting_down;             /* asked for */
    bool is_on_offer;        /* health listener may be registered: READY heard */
    bool is_overdrawn;       /* atomic: more references were given up than taken */
    bool is_telling_health;  /* on_health is on the stack */
    bool hears_ejection;     /* and not health; ejection.c */
    bool lacks_load_reports; /* orca.c: it said so, in the state that it is in */
    struct grebe_client_conn *owner; /* referenced */
    struct grebe__list owner_link;
    struct grebe__list producers;  /* producer.c's; closed before each change of state */
    struct grebe_address *address; /* referenced: the first, by which people know it */
    grebe_subconn_state_fn on_state;
    void *arg;
    grebe_subconn_state_fn on_health;
    void *health_arg;
    enum grebe_connectivity health; /* for on_health; CONNECTING before the first */
    char *health_error; /* with TRANSIENT_FAILURE; NULL: none, or memory was short */
    struct grebe_subconn_tag *tags; /* of parents, the outermost last */
    uint32_t n_ejections;           /* tags that eject it */
    struct grebe__effect connect_effect;
    struct grebe__effect shutdown_effect;
    struct grebe__effect health_effect; /* there is another health listener */
    struct grebe__effect ejection_effect;
};

/* For the root's new_subconn: everything but `ops`' own business.  One reference, the
 * root's, which deliver(SHUTDOWN) gives up. */
void grebe__subconn_init(struct grebe_subconn *subconn,
                         const struct grebe__subconn_ops *ops,
                         const struct grebe_subconn_options *options);

/* Tell the policy, unless it has heard this state last or is gone.  Producers are closed
 * before.  Top level of a turn only.  `error` goes with TRANSIENT_FAILURE.  SHUTDOWN is the
 * last. */
void grebe__subconn_deliver(struct grebe_subconn *subconn, enum grebe_connectivity state,
                            const struct grebe_status *error);

/* ejection.c: tell the health listener, if there is one, and it may hear it. */
void grebe__subconn_deliver_health(struct grebe_subconn *subconn,
                                   enum grebe_connectivity state,
                                   const struct grebe_status *error);

/* producer.c: whoever holds one is left with an empty hold. */
void grebe__subconn_close_producers(struct grebe_subconn *subconn);

/* ejection.c, for the subconn itself: it has one, forgets who listens, is gone. */
void grebe__subconn_init_ejection(struct grebe_subconn *subconn);
void grebe__subconn_forget_listener(struct grebe_subconn *subconn);
void grebe__subconn_tell_tags(struct grebe_subconn *subconn,
                              enum grebe_connectivity state);
void grebe__subconn_shut_down_tags(struct grebe_subconn *subconn);
void grebe__subconn_release_tags(struct grebe_subconn *subconn);
/* Why a parent took it out of service, or NULL. */
const char *grebe__subconn_ejection(const struct grebe_subconn *subconn);

/* For the root's watch_health: remember the listener, or forget it.  True if it is now
 * waiting for reports; run health_effect then. */
bool grebe__subconn_watch_health(struct grebe_subconn *subconn,
                                 grebe_subconn_state_fn on_health, void *arg);

/* ---- For a replay: a host that is driven ----------------------------------------------- */

/* What is posted for exit_idle() of the client_conn with this id; NULL if `task` is not
 * that. */
struct grebe_client_conn *grebe__client_conn_of_exit(struct grebe__task *task);

/* Fires a timer that is due.  False: there is none with that id. */
bool grebe__client_conn_fire(struct grebe__lb_host *host, uint32_t id);

/* feed.c: what the feed with this id tells its owner.  NULL: there is none that is open. */
struct grebe_feed *grebe__feed_find(struct grebe__lb_host *host, uint32_t id);
void grebe__feed_drive_open(struct grebe_feed *feed);
void grebe__feed_drive_message(struct grebe_feed *feed, const void *bytes, size_t length);
void grebe__feed_drive_end(struct grebe_feed *feed, const struct grebe_feed_end *end);

#endif
