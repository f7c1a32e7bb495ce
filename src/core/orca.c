/* SPDX-License-Identifier: Apache-2.0 */
/* Load reports out of band: one feed for all who watch a subconn, with the shortest of
 * their intervals.
 *
 * The feed starts anew when somebody wants reports more often than everyone before, and
 * when the last who wanted them that often leaves.  The new feed is there before the old
 * one goes, so that without memory everything stays as it is.
 *
 * Source: gRFC A51; grpc-go package orca.
 */
#include <grebe/load_report.h>
#include <grebe/producer.h>

#include "core/client_conn.h"
#include "messages/load_report.h"

struct orca {
    struct grebe_producer base;
    struct grebe_subconn *subconn;
    const struct grebe_mem *mem;
    struct grebe_feed *feed;
    uint64_t interval_ns; /* of the feed; UINT64_MAX: there is none yet */
    struct grebe__list watches;
    uint32_t n_reports; /* so far */
    bool is_telling;    /* deliver() is on the stack; closed now, it is freed there */
    bool is_closed;
    bool has_told_error; /* in the log */
};

struct grebe_orca_watch {
    struct grebe__list link; /* on orca->watches; not linked: the producer is closed */
    struct grebe_producer_hold *hold;
    uint64_t interval_ns;
    uint32_t n_reports; /* of orca's, when it was last told one */
    grebe_load_report_fn on_report;
    void *arg;
    const struct grebe_mem *mem;
};

static struct orca *of(struct grebe_producer *base)
{
    return grebe_container_of(base, struct orca, base);
}

static struct grebe_orca_watch *watch_of(struct grebe__list *link)
{
    return grebe_container_of(link, struct grebe_orca_watch, link);
}

/* ---- Reports ------------------------------------------------------------------------- */

static struct grebe_orca_watch *first_untold(const struct orca *orca)
{
    grebe__list_foreach (link, &orca->watches) {
        if (watch_of(link)->n_reports != orca->n_reports)
            return watch_of(link);
    }
    return NULL;
}

/* Whoever is told may stop, itself or others, or watch anew: so each one is looked for from
 * the beginning. */
static void deliver(struct orca *orca, const struct grebe_load_report *report)
{
    struct grebe_orca_watch *watch;

    orca->n_reports++;
    orca->is_telling = true;
    while ((watch = first_untold(orca)) != NULL) {
        watch->n_reports = orca->n_reports;
        watch->on_report(watch->arg, report);
    }
    orca->is_telling = false;
    if (orca->is_closed)
        grebe_mem_free(orca->mem, orca);
}

static bool on_message(void *arg, const void *bytes, size_t length)
{
    const struct grebe_mem *mem = ((struct orca *)arg)->mem;
    struct grebe__load_report report;

    if (grebe__load_report_read(mem, bytes, length, &report) != GREBE_OK)
        return false;
    deliver(arg, &report.view);
    grebe__load_report_fini(&report);
    return true;
}

/* What is usual when a backend goes away need not be told. */
static bool is_error(int code)
{
    return code != GREBE_STATUS_OK && code != GREBE_STATUS_UNAVAILABLE &&
           code != GREBE_STATUS_CANCELLED;
}

static bool on_end(void *arg, const struct grebe_feed_end *end)
{
    struct orca *orca = arg;
    char name[24];

    orca->subconn->lacks_load_reports =
        end->was_open && end->status->code == GREBE_STATUS_UNIMPLEMENTED;
    if (is_error(end->status->code) && !orca->has_told_error) {
        orca->has_told_error = true;
        grebe_client_conn_log(
            orca->subconn->owner, GREBE_LOG_ERROR,
            "%s: no load reports out of band: the stream ended with %s%s", end->peer,
            grebe_status_code_name(end->status->code, name),
            orca->subconn->lacks_load_reports ? ", and is not tried again" : "");
    }
    return !orca->subconn->lacks_load_reports;
}

/* ---- The interval ---------------------------------------------------------------------- */

static int start_feed(struct orca *orca, uint64_t interval_ns)
{
    struct grebe_feed_options options = GREBE_FEED_OPTIONS_INIT;
    unsigned char request[GREBE__LOAD_REQUEST_MAX];
    struct grebe_feed *feed;
    int result;

    options.method = GREBE__LOAD_REPORT_STREAM;
    options.request = request;
    options.request_length = grebe__load_request_write(interval_ns, request);
    options.on_message = on_message;
    options.on_end = on_end;
    options.arg = orca;
    result = grebe_feed_start(orca->subconn, &options, &feed);
    if (result != GREBE_OK)
        return result;
    grebe_feed_stop(&orca->feed);
    orca->feed = feed;
    orca->interval_ns = interval_ns;
    return GREBE_OK;
}

/* Somebody wants reports this often. */
static int shorten(struct orca *orca, uint64_t interval_ns)
{
    bool is_short_enough = orca->feed != NULL && orca->interval_ns <= interval_ns;

    if (is_short_enough || orca->subconn->lacks_load_reports)
        return GREBE_OK;
    return start_feed(orca, interval_ns);
}

static uint64_t shortest(const struct orca *orca)
{
    uint64_t shortest_ns = UINT64_MAX;

    grebe__list_foreach (link, &orca->watches) {
        if (watch_of(link)->interval_ns < shortest_ns)
            shortest_ns = watch_of(link)->interval_ns;
    }
    return shortest_ns;
}

/* Without memory reports go on coming more often than anyone needs. */
static void lengthen(struct orca *orca)
{
    uint64_t interval_ns = shortest(orca);

    if (interval_ns > orca->interval_ns && !orca->subconn->lacks_load_reports &&
        start_feed(orca, interval_ns) != GREBE_OK)
        grebe_client_conn_log(orca->subconn->owner, GREBE_LOG_WARNING,
                              "out of memory: load reports keep their interval");
}

/* ---- The producer ----------------------------------------------------------------------- */

static void close(struct grebe_producer *base)
{
    struct orca *orca = of(base);

    while (grebe__list_shift(&orca->watches) != NULL)
        ; /* they are their owners' to stop */
    grebe_feed_stop(&orca->feed);
    orca->is_closed = true;
    if (!orca->is_telling)
        grebe_mem_free(orca->mem, orca);
}

static const struct grebe_producer_ops orca_ops = {.close = close};

static int build(struct grebe_subconn *subconn, struct grebe_producer **out)
{
    const struct grebe_mem *mem = grebe_client_conn_mem(subconn->owner);
    struct orca *orca = grebe_mem_zalloc(mem, sizeof *orca);

    if (orca == NULL)
        return GREBE_ERR_NOMEM;
    grebe_producer_init(&orca->base, &orca_ops);
    orca->subconn = subconn;
    orca->mem = mem;
    orca->interval_ns = UINT64_MAX;
    grebe__list_init(&orca->watches);
    *out = &orca->base;
    return GREBE_OK;
}

static const struct grebe_producer_builder orca_builder = {
    .api = GREBE_PRODUCER_API,
    .name = "orca",
    .build = build,
};

/* ---- Watching ------------------------------------------------------------------------------ */

int grebe_orca_watch(struct grebe_subconn *subconn, uint64_t interval_ns,
                     grebe_load_report_fn on_report, void *arg,
                     struct grebe_orca_watch **out)
{
    const struct grebe_mem *mem = grebe_client_conn_mem(subconn->owner);
    struct grebe_orca_watch *watch = grebe_mem_zalloc(mem, sizeof *watch);
    struct orca *orca;
    int result;

    if (watch == NULL)
        return GREBE_ERR_NOMEM;
    result = grebe_subconn_get_producer(subconn, &orca_builder, &watch->hold);
    if (result == GREBE_OK) {
        orca = of(grebe_producer_held(watch->hold));
        result = shorten(orca, interval_ns);
    }
    if (result != GREBE_OK) {
        grebe_producer_release(&watch->hold);
        grebe_mem_free(mem, watch);
        return result;
    }
    watch->mem = mem;
    watch->interval_ns = interval_ns;
    watch->on_report = on_report;
    watch->arg = arg;
    watch->n_reports = orca->n_reports;
    grebe__list_init(&watch->link);
    grebe__list_append(&orca->watches, &watch->link);
    *out = watch;
    return GREBE_OK;
}

void grebe_orca_stop(struct grebe_orca_watch **slot)
{
    struct grebe_orca_watch *watch = *slot;
    struct grebe_producer *held;

    *slot = NULL;
    if (watch == NULL)
        return;
    held = grebe_producer_held(watch->hold);
    grebe__list_remove(&watch->link);
    if (held != NULL && !grebe__list_is_empty(&of(held)->watches))
        lengthen(of(held));
    grebe_producer_release(&watch->hold);
    grebe_mem_free(watch->mem, watch);
}
