/* SPDX-License-Identifier: Apache-2.0 */
/* grebe/producer.h -- streams on a subconn, and sharing what they bring.
 *
 *   policy --hold--+
 *   policy --hold--+--> producer --feed--> the backend of one subconn
 *
 * A feed is a server-streaming call that goes to the backend of one subconn, past resolver,
 * policy and service config, and is opened again whenever it ends.  Health checks and load
 * reports are feeds.
 *
 * A producer is whatever turns a feed into something that several policies want of the same
 * subconn, such that there is one stream for all of them.  Whoever wants it holds it.  The
 * first hold builds it, the last release closes it, and so does every change of the
 * subconn's state: a producer lives as long as one connection at most.
 *
 * Threading   Everything here runs on the channel's loop.
 * Re-entrancy As grebe/balancer.h: functions record what you asked for and return, and
 *             callbacks begin after yours has returned.
 * Growth      Structs the library fills only grow at their end; structs you fill carry
 *             their size, or GREBE_PRODUCER_API.
 * Sources     grpc-go package balancer (ProducerBuilder, GetOrBuildProducer).
 */
#ifndef GREBE_PRODUCER_H
#define GREBE_PRODUCER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <grebe/attr.h>
#include <grebe/error.h>
#include <grebe/metadata.h>
#include <grebe/status.h>

GREBE_BEGIN_DECLS

#define GREBE_PRODUCER_API 1 /* grows when a struct that a producer fills does */

struct grebe_client_conn;
struct grebe_feed;
struct grebe_producer;
struct grebe_producer_hold;
struct grebe_subconn;

/* ---- Feed -------------------------------------------------------------------------- */

struct grebe_feed_end {
    const struct grebe_status *status;
    const char *peer; /* "10.0.0.1:443"; "" if there was none */
    bool was_open;    /* false: there was no connection, or no memory; status says it */
};

/* Fill with GREBE_FEED_OPTIONS_INIT, then set what you need. */
struct grebe_feed_options {
    size_t struct_size;
    const char *method;              /* "/package.Service/Method"; copied */
    const void *request;             /* the one message that is sent; copied */
    size_t request_length;           /* may be 0 */
    struct grebe_metadata *metadata; /* sent with it: referenced; may be NULL */
    uint32_t max_message_bytes;      /* a longer one ends the stream; 0: 64 KiB */
    /* The stream is about to be opened, for the first time or again.  May be NULL. */
    void (*on_open)(void *arg);
    /* A message, borrowed.  False: it makes no sense; the stream then ends with INTERNAL,
     * as if the backend had ended it so. */
    bool (*on_message)(void *arg, const void *bytes, size_t length);
    /* The stream ended.  True: open it again, at once if it brought a message, else after
     * a wait that grows from 1 s to 120 s.  False: that was all. */
    bool (*on_end)(void *arg, const struct grebe_feed_end *end);
    void *arg;
};
#define GREBE_FEED_OPTIONS_INIT                                                          \
    {                                                                                    \
        sizeof(struct grebe_feed_options), NULL, NULL, 0, NULL, 0, NULL, NULL, NULL,     \
            NULL                                                                         \
    }

/* Open a stream to the backend of `subconn`.  While the subconn is not READY there is no
 * connection for it, and it ends with UNAVAILABLE.  When its connection goes away and the
 * subconn has others, it moves to one of them without a word.  A backend that sends more
 * than a hundred messages a second, or ends the stream all the time, is read more slowly,
 * or left alone for a while; one line in the log says so.
 *
 * *out is the caller's to stop.  GREBE_ERR_INVALID: no method, on_message or on_end;
 * GREBE_ERR_CLOSED: the subconn was shut down; GREBE_ERR_NOMEM. */
GREBE_API int grebe_feed_start(struct grebe_subconn *subconn,
                               const struct grebe_feed_options *options,
                               struct grebe_feed **out) GREBE_MUST_CHECK;

/* End it: nothing of it is called any more.  Takes the address of the pointer and makes
 * it NULL, so that stopping twice is harmless. */
GREBE_API void grebe_feed_stop(struct grebe_feed **feed);

/* ---- Producer ---------------------------------------------------------------------- */

struct grebe_producer_ops {
    /* Nobody holds it any more, or the subconn's state changed: stop feeds, free. */
    void (*close)(struct grebe_producer *producer);
};

/* The first member of every producer. */
struct grebe_producer {
    const struct grebe_producer_ops *ops;
    uint32_t api;
};

static inline void grebe_producer_init(struct grebe_producer *producer,
                                       const struct grebe_producer_ops *ops)
{
    producer->ops = ops;
    producer->api = GREBE_PRODUCER_API;
}

/* Static storage: its address tells one kind of producer from another. */
struct grebe_producer_builder {
    uint32_t api;     /* GREBE_PRODUCER_API */
    const char *name; /* for people */
    /* `subconn` is borrowed and outlives the producer. */
    int (*build)(struct grebe_subconn *subconn, struct grebe_producer **out);
};

/* Hold the producer of this kind of `subconn`; the first to ask has it built.  Best asked
 * for when the subconn is READY, anew each time that it is.
 * GREBE_ERR_CLOSED: the subconn was shut down; GREBE_ERR_INVALID: `builder` is made for a
 * newer library, or incomplete; GREBE_ERR_NOMEM, or what build() returned. */
GREBE_API int grebe_subconn_get_producer(
    struct grebe_subconn *subconn, const struct grebe_producer_builder *builder,
    struct grebe_producer_hold **out) GREBE_MUST_CHECK;

/* What is held, borrowed; NULL: closed since, because the subconn's state changed. */
GREBE_API struct grebe_producer *
grebe_producer_held(const struct grebe_producer_hold *hold);

/* Let go.  Takes the address of the pointer and makes it NULL: once more, or after the
 * producer was closed, or after the subconn is gone, is harmless. */
GREBE_API void grebe_producer_release(struct grebe_producer_hold **hold);

/* The client_conn of the policy that made `subconn`, for its allocator, clock and log.
 * Borrowed. */
GREBE_API struct grebe_client_conn *
grebe_subconn_client_conn(const struct grebe_subconn *subconn);

GREBE_END_DECLS

#endif
