/* SPDX-License-Identifier: Apache-2.0 */
/* core/call.h -- one call: a stream of messages each way, and one status.
 *
 *   CREATED -> RESOLVING -> PICKING <-> WAITING -> STREAMING -> DONE
 *                             ^                        |
 *                             +---- transparent retry -+
 *
 *   RESOLVING  for the first answer of the resolver
 *   PICKING    for a picker that knows a backend
 *   WAITING    for a stream on the subconn that was picked
 *   STREAMING  an attempt is on a transport
 *
 * Unary, in unary.c, is the simple use: one message out, one message in.
 *
 * Threading   The loop's thread, but for references and is_done.
 * Sources     gRPC over HTTP/2; gRFC A6 (transparent retries); grpc-go clientStream.
 */
#ifndef GREBE_CORE_CALL_H
#define GREBE_CORE_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include <grebe/call.h>

#include "core/channel.h"
#include "core/metadata.h"
#include "core/status.h"
#include "core/transport.h"

enum grebe__call_state {
    GREBE__CALL_CREATED,
    GREBE__CALL_RESOLVING,
    GREBE__CALL_PICKING,
    GREBE__CALL_WAITING,
    GREBE__CALL_STREAMING,
    GREBE__CALL_DONE,
};

/* Who uses the call.  All inside a turn; on_status is the last, and comes exactly once. */
struct grebe__call_handler {
    /* Initial metadata is in call->headers.  Not for a Trailers-Only answer. */
    void (*on_headers)(struct grebe_call *call);
    /* A message, asked for with grebe__call_receive(); free with call->mem. */
    void (*on_message)(struct grebe_call *call, void *bytes, size_t length);
    /* `send` is the sender's again. */
    void (*on_sent)(struct grebe_call *call, struct grebe__outgoing *send);
    /* call->status is what it will be, unless it is changed here.  May be NULL. */
    void (*on_ending)(struct grebe_call *call);
    /* call->status and call->trailers are set. */
    void (*on_status)(struct grebe_call *call);
};

/* The pick behind an attempt: its end is owed exactly once, to on_done and to the first
 * n_listeners of call->listeners. */
struct grebe__call_pick {
    struct grebe_subconn *subconn; /* a reference; NULL: no pick is open */
    grebe_pick_done_fn on_done;
    void *on_done_arg;
    struct grebe_metadata *metadata; /* a reference, or NULL */
    uint64_t at_ns;
    uint32_t n_listeners;
    bool wants_load_report;
};

/* What is measured of the attempt that runs, or ran last. */
struct grebe__call_attempt {
    uint64_t began_ns;
    uint64_t sent_bytes, received_bytes;        /* of messages, without framing */
    const struct grebe__backend_labels *labels; /* of where it went; NULL: none */
    uint32_t n_begun;                           /* attempts of this call so far */
    bool is_running;
};

/* A message to send, with the call's own link. */
struct grebe__outgoing_entry {
    struct grebe__outgoing outgoing;
    struct grebe__outgoing_entry *next;
    bool is_handed; /* to the stream of the current attempt */
    bool is_sent;   /* by it */
};

struct grebe_call {
    uint32_t refs;
    enum grebe__call_state state;
    bool is_done;                  /* atomic: results may be read */
    struct grebe_channel *channel; /* a reference until it is done; then NULL */
    const struct grebe_mem *mem;
    const struct grebe__call_handler *handler;

    /* What was asked for. */
    const char *method; /* behind this struct */
    char *authority;    /* or NULL */
    char *content_subtype;
    char *custom_label;              /* or NULL */
    struct grebe_metadata *metadata; /* a reference, or NULL */
    enum grebe_choice wait_for_ready;
    uint64_t deadline_ns; /* UINT64_MAX: none */
    uint32_t max_receive_bytes, max_send_bytes;
    bool labels_method; /* its name may be a label */

    /* Where it is. */
    struct grebe__list link;   /* on the list its state waits on */
    struct grebe__list active; /* on channel->calls */
    struct grebe__timer timer; /* the deadline */
    struct grebe__call_pick pick;
    struct grebe_pick_listener listeners[GREBE_PICK_LISTENERS]; /* to the end of `pick` */
    uint64_t picker_number; /* of the picker that was asked last */
    uint64_t number;        /* in a recording; 0: none yet */
    struct grebe__call_attempt attempt;
    struct grebe__method_meter *meter; /* the channel's; NULL: nobody records */
    struct grebe__status pick_error; /* what the balancer last said, for wait_for_ready */
    uint32_t n_attempts;             /* of opening a stream */
    bool is_committed;               /* no retries any more */
    bool has_retried_unprocessed;

    /* What is sent: all messages, until it is committed, so that a retry can repeat them. */
    struct grebe__outgoing_entry *sends, **sends_end;
    uint64_t n_replay_bytes;
    bool is_half_closed;
    uint32_t n_receives; /* permissions not yet used */

    /* What came back. */
    struct grebe_metadata headers, trailers;
    struct grebe__status status;
    struct grebe_failure *failure;         /* owned, or NULL */
    struct grebe_explanation *explanation; /* owned; NULL: nobody asked for it */
    struct grebe_address *peer;            /* of the last attempt: a reference, or NULL */
    struct grebe_call_times times;

    struct grebe__stream stream;

    /* Unary (unary.c). */
    struct {
        struct grebe__outgoing_entry request;
        void *response; /* NULL until it is there */
        size_t response_length;
        grebe_call_done_fn on_done; /* may be NULL */
        void *arg;
    } unary;
    struct grebe__effect completion;
    struct grebe__env *env;                     /* of the channel, which may be gone */
    struct grebe__task start_task, cancel_task; /* each holds a reference until it runs */
    bool is_cancel_posted;                      /* atomic */
};

/* CREATED, with one reference.  Copies what `options` has; any thread.
 * GREBE_ERR_INVALID: `method` is not "/service/method". */
int grebe__call_new(struct grebe_channel *channel, const char *method,
                    const struct grebe_call_options *options, uint64_t now_ns,
                    const struct grebe__call_handler *handler, struct grebe_call **out);

void grebe__call_start(struct grebe_call *call);
/* `entry` stays the sender's memory and is given back by on_sent, or by on_status. */
void grebe__call_send(struct grebe_call *call, struct grebe__outgoing_entry *entry);
void grebe__call_receive(struct grebe_call *call);
/* Ends the call with CANCELLED unless it is done. */
void grebe__call_cancel(struct grebe_call *call);
/* start and cancel, from any thread.  More than one cancel is harmless. */
void grebe__call_submit_start(struct grebe_call *call);
void grebe__call_submit_cancel(struct grebe_call *call);
/* Ends the call unless it is done. */
void grebe__call_finish(struct grebe_call *call, int code, const char *format, ...)
    GREBE_PRINTF(3, 4);
/* The same for want of a backend: the status carries what the channel knows. */
void grebe__call_fail_unavailable(struct grebe_call *call,
                                  const struct grebe_status *status);

/* ---- Between channel, picking, subconn and call -------------------------------------- */

static inline struct grebe_call *grebe__call_of_link(struct grebe__list *link)
{
    return grebe_container_of(link, struct grebe_call, link);
}

/* Waiting on `list` in `state`; GREBE__CALL_STREAMING waits on none. */
void grebe__call_wait_on(struct grebe_call *call, enum grebe__call_state state,
                         struct grebe__list *list);

/* The first answer of the resolver is there. */
void grebe__call_resolved(struct grebe_call *call);

/* Where the call goes, or waits to go. */
void grebe__call_set_peer(struct grebe_call *call, struct grebe_address *peer);

/* A backend was picked; call->pick is set and its subconn has room. */
void grebe__call_start_stream(struct grebe_call *call,
                              struct grebe__transport *transport);

/* The subconn lost its connection before the call got a stream: pick again. */
void grebe__call_bounce(struct grebe_call *call);

/* The open pick is over; the policy hears. */
void grebe__call_pick_done(struct grebe_call *call, const struct grebe_status *status,
                           bool has_sent, bool has_received);

/* ---- unary.c ------------------------------------------------------------------------- */

/* For grebe__call_new(): on_done(arg, call) as a completion when the status is there. */
extern const struct grebe__call_handler grebe__unary_handler;

/* `request` is borrowed until the call is done.  Before the start; any thread. */
void grebe__unary_init(struct grebe_call *call, const void *request, size_t length,
                       grebe_call_done_fn on_done, void *arg);

/* ---- failure.c ------------------------------------------------------------------------ */

/* What the channel knows now; NULL when out of memory. */
struct grebe_failure *grebe__failure_new(const struct grebe_channel *channel);
void grebe__failure_free(const struct grebe_mem *mem, struct grebe_failure *failure);

#endif
