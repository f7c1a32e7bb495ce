/* SPDX-License-Identifier: Apache-2.0 */
/* A feed: one stream of a subconn after the other.
 *
 *   STARTING --> OPEN --> BACKOFF --> OPEN ...        OVER
 *       ^          |                                    ^
 *       +----------+ ended, and had brought a message   | on_end said so
 *
 * What a backend can make it do is bounded: messages are asked for one by one, a hundred
 * a second, and a stream that ends at once after each message is not reopened for ever
 * without a pause.
 *
 * Sources: gRFC A17 (the loop of health checks), A51 (that of load reports).
 */
#include <stdio.h>
#include <string.h>

#include <grebe/producer.h>

#include "base/options.h"
#include "core/backoff.h"
#include "core/client_conn.h"
#include "core/subconn_stream.h"

enum {
    DEFAULT_MESSAGE_BYTES = 65536,
    BURST = 100, /* messages in a row before pacing begins */
    /* Streams that are reopened at once within churn_window_ns; the next has to wait. */
    CHURN_LIMIT = 10,
};
static const uint64_t pace_ns = UINT64_C(10000000); /* of messages, beyond the burst */
static const uint64_t churn_window_ns = UINT64_C(10000000000);

enum state {
    STARTING, /* `effect` will open it */
    OPEN,
    BACKOFF, /* `timer` will */
    OVER,
};

struct grebe_feed {
    struct grebe__subconn_stream stream;
    struct grebe_subconn *subconn;     /* a reference */
    struct grebe__list link;           /* on host->feeds, if that is driven */
    struct grebe_feed_options options; /* text and bytes are behind this struct */
    enum state state;
    uint32_t id;    /* of host->next_id, if it is a policy's */
    bool is_public; /* what it says reaches a policy */
    bool is_stopped;
    bool has_message;                   /* this stream brought one that made sense */
    bool is_moving;                     /* to another connection: on_open need not know */
    bool has_told_pace, has_told_churn; /* in the log */
    unsigned n_failures;                /* streams in a row without a message */
    unsigned n_churned;                 /* reopened at once since churn_since_ns */
    uint64_t churn_since_ns;
    uint64_t due_ns; /* when the next message would be on time, at pace_ns each */
    struct grebe__effect effect; /* to open it; to free it, once it is stopped */
    struct grebe__timer timer;   /* of a backoff; of the pause before a message */
};

static struct grebe_feed *of(struct grebe__subconn_stream *stream)
{
    return grebe_container_of(stream, struct grebe_feed, stream);
}

static const struct grebe_mem *mem_of(const struct grebe_feed *feed)
{
    return grebe_client_conn_mem(feed->subconn->owner);
}

static struct grebe__env *env_of(const struct grebe_feed *feed)
{
    return feed->subconn->owner->host->env;
}

static const char *peer_of(const struct grebe_feed *feed)
{
    return feed->stream.peer == NULL ? "" : grebe_address_text(feed->stream.peer);
}

static void warn_once(const struct grebe_feed *feed, bool *has_told, const char *what)
{
    if (*has_told)
        return;
    *has_told = true;
    grebe_client_conn_log(feed->subconn->owner, GREBE_LOG_WARNING, "%s: %s %s",
                          peer_of(feed), feed->options.method, what);
}

/* Where what is told to its owner is written down; NULL: nowhere. */
static struct grebe__recording *recording_of(const struct grebe_feed *feed)
{
    return feed->is_public ? feed->subconn->owner->host->recording : NULL;
}

/* ---- To the owner ------------------------------------------------------------------- */

static void tell_open(struct grebe_feed *feed)
{
    if (feed->options.on_open == NULL)
        return;
    if (recording_of(feed) != NULL)
        grebe__record_feed_open(recording_of(feed), feed->id);
    feed->options.on_open(feed->options.arg);
}

static bool tell_message(struct grebe_feed *feed, const void *bytes, size_t length)
{
    if (recording_of(feed) != NULL)
        grebe__record_feed_message(recording_of(feed), feed->id, bytes, length);
    return feed->options.on_message(feed->options.arg, bytes, length);
}

static bool tell_end(struct grebe_feed *feed, const struct grebe_feed_end *end)
{
    if (recording_of(feed) != NULL)
        grebe__record_feed_end(recording_of(feed), feed->id, end);
    return feed->options.on_end(feed->options.arg, end);
}

/* ---- Messages ------------------------------------------------------------------------ */

/* How long the next message has to wait: a hundred may come early. */
static uint64_t pause_before_next(struct grebe_feed *feed, uint64_t now_ns)
{
    uint64_t due_ns = feed->due_ns > now_ns ? feed->due_ns : now_ns;
    uint64_t early_ns = due_ns - now_ns, allowed_ns = (BURST - 1) * pace_ns;

    feed->due_ns = due_ns + pace_ns;
    return early_ns > allowed_ns ? early_ns - allowed_ns : 0;
}

static void ask_for_next(struct grebe_feed *feed)
{
    struct grebe__env *env = env_of(feed);
    uint64_t pause_ns = pause_before_next(feed, env->now_ns);

    if (pause_ns == 0) {
        grebe__subconn_stream_receive(&feed->stream);
        return;
    }
    warn_once(feed, &feed->has_told_pace,
              "sends messages faster than they are of use: they are read more slowly");
    grebe__env_start_timer(env, &feed->timer, env->now_ns + pause_ns);
}

static void on_message(struct grebe__subconn_stream *stream, const void *bytes,
                       size_t length)
{
    struct grebe_feed *feed = of(stream);
    bool makes_sense;

    if (feed->is_stopped)
        return;
    makes_sense = tell_message(feed, bytes, length);
    if (feed->is_stopped)
        return;
    if (!makes_sense) {
        grebe__subconn_stream_fail(stream, GREBE_STATUS_INTERNAL,
                                   "the message cannot be understood");
        return;
    }
    feed->has_message = true;
    ask_for_next(feed);
}

/* ---- One stream after the other --------------------------------------------------------- */

static bool is_churning(struct grebe_feed *feed)
{
    uint64_t now_ns = env_of(feed)->now_ns;

    if (now_ns - feed->churn_since_ns > churn_window_ns) {
        feed->n_churned = 0;
        feed->churn_since_ns = now_ns;
    }
    return ++feed->n_churned > CHURN_LIMIT;
}

static void open_soon(struct grebe_feed *feed)
{
    feed->state = STARTING;
    grebe__env_do(env_of(feed), &feed->effect);
}

static void back_off(struct grebe_feed *feed)
{
    struct grebe__env *env = env_of(feed);
    uint64_t delay_ns = grebe__backoff_delay_ns(
        &grebe__backoff_default, feed->n_failures++, grebe__rng_unit(&env->rng));

    feed->state = BACKOFF;
    grebe__env_start_timer(env, &feed->timer, grebe__env_after(env, delay_ns));
}

static void open_again(struct grebe_feed *feed)
{
    if (feed->has_message)
        feed->n_failures = 0;
    if (!feed->has_message) {
        back_off(feed);
    } else if (is_churning(feed)) {
        warn_once(feed, &feed->has_told_churn,
                  "ends all the time: it is left alone for a while");
        back_off(feed);
    } else {
        open_soon(feed);
    }
}

/* The attempt is over, whether it had come to a stream or not. */
static void conclude(struct grebe_feed *feed, const struct grebe_feed_end *end)
{
    bool goes_on = tell_end(feed, end);

    if (feed->is_stopped)
        return;
    feed->state = OVER;
    if (goes_on)
        open_again(feed);
}

static void on_end(struct grebe__subconn_stream *stream)
{
    struct grebe_feed *feed = of(stream);
    struct grebe_feed_end end = {
        .status = &stream->end.view,
        .peer = peer_of(feed),
        .was_open = stream->was_open,
    };

    if (feed->is_stopped)
        return;
    grebe__timer_cancel(&feed->timer);
    if (stream->is_lost) {
        feed->is_moving = true;
        open_soon(feed);
        return;
    }
    conclude(feed, &end);
}

static const struct grebe__subconn_stream_listener listener = {
    .on_message = on_message,
    .on_end = on_end,
};

static int open_stream(struct grebe_feed *feed)
{
    return feed->subconn->ops->open_stream(feed->subconn, &feed->stream);
}

static void open_now(struct grebe_feed *feed)
{
    struct grebe_status status =
        grebe_status_of(GREBE_STATUS_UNAVAILABLE, "SubConn state is not Ready");
    struct grebe_feed_end end = {.status = &status, .peer = ""};
    bool is_moving = feed->is_moving;

    if (feed->subconn->owner->host->is_driven) {
        feed->state = OPEN; /* what it brings, a replay will say */
        return;
    }
    /* A subconn of a bench, or one that is no more: nothing will ever come. */
    if (feed->subconn->ops->open_stream == NULL || feed->subconn->is_shutting_down) {
        feed->state = OVER;
        return;
    }
    feed->is_moving = feed->has_message = false;
    if (!is_moving)
        tell_open(feed);
    if (feed->is_stopped)
        return;
    if (open_stream(feed) != GREBE_OK) {
        conclude(feed, &end);
        return;
    }
    feed->state = OPEN;
    ask_for_next(feed);
}

static void on_timer(struct grebe__timer *timer)
{
    struct grebe_feed *feed = grebe_container_of(timer, struct grebe_feed, timer);

    if (feed->state == BACKOFF)
        open_now(feed);
    else
        grebe__subconn_stream_receive(&feed->stream);
}

/* ---- A replay ---------------------------------------------------------------------------- */

struct grebe_feed *grebe__feed_find(struct grebe__lb_host *host, uint32_t id)
{
    grebe__list_foreach (link, &host->feeds) {
        struct grebe_feed *feed = grebe_container_of(link, struct grebe_feed, link);

        if (feed->id == id && !feed->is_stopped)
            return feed;
    }
    return NULL;
}

void grebe__feed_drive_open(struct grebe_feed *feed)
{
    tell_open(feed);
}

void grebe__feed_drive_message(struct grebe_feed *feed, const void *bytes, size_t length)
{
    (void)tell_message(feed, bytes, length);
}

void grebe__feed_drive_end(struct grebe_feed *feed, const struct grebe_feed_end *end)
{
    (void)tell_end(feed, end);
}

/* ---- Life ------------------------------------------------------------------------------- */

static void destroy(struct grebe_feed *feed)
{
    const struct grebe_mem *mem = mem_of(feed);
    struct grebe_subconn *subconn = feed->subconn;

    grebe__list_remove(&feed->link);
    grebe__subconn_stream_fini(&feed->stream);
    grebe_metadata_unref(feed->options.metadata);
    grebe_mem_free(mem, feed);
    grebe_subconn_unref(subconn);
}

static void run(struct grebe__effect *effect)
{
    struct grebe_feed *feed = grebe_container_of(effect, struct grebe_feed, effect);

    if (feed->is_stopped)
        destroy(feed);
    else
        open_now(feed);
}

/* The struct, and behind it the texts that it copies. */
static struct grebe_feed *allocate(const struct grebe_mem *mem,
                                   const struct grebe_feed_options *options)
{
    size_t size = strlen(options->method) + 1;
    struct grebe_feed *feed =
        grebe_mem_zalloc(mem, sizeof *feed + size + options->request_length);
    char *texts;

    if (feed == NULL)
        return NULL;
    texts = (char *)(feed + 1);
    memcpy(texts, options->method, size);
    if (options->request_length > 0)
        memcpy(texts + size, options->request, options->request_length);
    feed->options = *options;
    feed->options.method = texts;
    feed->options.request = texts + size;
    if (options->metadata != NULL)
        grebe_metadata_ref(options->metadata);
    return feed;
}

/* A policy's, or a producer's that policies hold.  Those of health checks are not: what they
 * bring is told as a state. */
static void make_public(struct grebe_feed *feed)
{
    struct grebe__lb_host *host = feed->subconn->owner->host;

    feed->is_public = true;
    feed->id = host->next_id.feeds++;
    if (host->is_driven)
        grebe__list_append(&host->feeds, &feed->link);
    if (host->recording != NULL)
        grebe__record_start_feed(host->recording, feed->id, feed->subconn,
                                 feed->options.method);
}

int grebe_feed_start(struct grebe_subconn *subconn,
                     const struct grebe_feed_options *options, struct grebe_feed **out)
{
    return grebe__feed_start(subconn, options, true, out);
}

int grebe__feed_start(struct grebe_subconn *subconn,
                      const struct grebe_feed_options *asked, bool wants_ready,
                      struct grebe_feed **out)
{
    const struct grebe_mem *mem = grebe_client_conn_mem(subconn->owner);
    struct grebe_feed_options options = GREBE_FEED_OPTIONS_INIT;
    struct grebe_feed *feed;

    grebe__options_read(&options, sizeof options, asked);
    if (options.method == NULL || options.on_message == NULL || options.on_end == NULL)
        return GREBE_ERR_INVALID;
    if (subconn->is_shutting_down)
        return GREBE_ERR_CLOSED;
    feed = allocate(mem, &options);
    if (feed == NULL)
        return GREBE_ERR_NOMEM;
    feed->subconn = grebe_subconn_ref(subconn);
    grebe__list_init(&feed->link);
    if (wants_ready)
        make_public(feed);
    grebe__effect_init(&feed->effect, run);
    grebe__timer_init(&feed->timer, on_timer);
    grebe__subconn_stream_init(&feed->stream, mem);
    feed->stream.listener = &listener;
    feed->stream.method = feed->options.method;
    feed->stream.request = feed->options.request;
    feed->stream.request_length = options.request_length;
    feed->stream.request_metadata = options.metadata;
    feed->stream.max_message_bytes = options.max_message_bytes == 0
                                         ? DEFAULT_MESSAGE_BYTES
                                         : options.max_message_bytes;
    feed->stream.wants_ready = wants_ready;
    open_soon(feed);
    *out = feed;
    return GREBE_OK;
}

void grebe_feed_stop(struct grebe_feed **slot)
{
    struct grebe_feed *feed = *slot;

    *slot = NULL;
    if (feed == NULL)
        return;
    feed->is_stopped = true;
    grebe__timer_cancel(&feed->timer);
    grebe__env_do(env_of(feed), &feed->effect);
}
