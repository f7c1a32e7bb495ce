/* SPDX-License-Identifier: Apache-2.0 */
/* The state of a channel, and who hears of it. */
#include "base/assert.h"
#include "core/channel.h"
#include "core/tell.h"

struct watcher;

struct report {
    struct grebe__effect completion;
    struct grebe__list link; /* on watcher->reports until it is told */
    struct watcher *watcher;
    enum grebe_connectivity state;
};

/* Who hears every state. */
struct watcher {
    struct grebe__list link; /* on channel->state_watchers */
    struct grebe_channel *channel;
    grebe_channel_state_fn on_state;
    void *arg;
    bool has_told; /* on_state() was called, with told_state last */
    enum grebe_connectivity told_state;
    struct grebe__list reports; /* on their way, oldest first */
    struct report usual;        /* needs no allocation */
};

enum grebe_connectivity grebe__channel_get_state(const struct grebe_channel *channel)
{
    return __atomic_load_n(&channel->state, __ATOMIC_ACQUIRE);
}

/* ---- Watchers ---------------------------------------------------------------------- */

static void drop_report(struct report *report)
{
    struct watcher *watcher = report->watcher;

    grebe__effect_cancel(&report->completion);
    grebe__list_remove(&report->link);
    if (report != &watcher->usual)
        grebe_mem_free(watcher->channel->host.mem, report);
}

static void run_report(struct grebe__effect *completion)
{
    struct report *report = grebe_container_of(completion, struct report, completion);
    struct watcher *watcher = report->watcher;
    enum grebe_connectivity state = report->state;

    drop_report(report);
    if (watcher->has_told && watcher->told_state == state)
        return; /* merged reports may have come to nothing */
    watcher->has_told = true;
    watcher->told_state = state;
    watcher->on_state(watcher->arg, state);
}

static struct report *new_report(struct watcher *watcher)
{
    return grebe__list_is_linked(&watcher->usual.link)
               ? grebe_mem_alloc(watcher->channel->host.mem, sizeof(struct report))
               : &watcher->usual;
}

/* Without memory the report that is on its way says this state instead of its own, which
 * nobody hears of: better a merged report than a lost one.  Its name, or NULL. */
static const char *report_state(struct watcher *watcher, enum grebe_connectivity state)
{
    struct report *report = new_report(watcher);
    const char *missed;

    if (report == NULL) {
        report = grebe_container_of(watcher->reports.prev, struct report, link);
        missed = grebe_connectivity_name(report->state);
        report->state = state;
        return missed;
    }
    grebe__effect_init(&report->completion, run_report);
    grebe__list_init(&report->link);
    grebe__list_append(&watcher->reports, &report->link);
    report->watcher = watcher;
    report->state = state;
    grebe__env_finish(watcher->channel->host.env, &report->completion);
    return NULL;
}

static struct watcher *find(struct grebe_channel *channel,
                            grebe_channel_state_fn on_state, const void *arg)
{
    grebe__list_foreach (link, &channel->state_watchers) {
        struct watcher *watcher = grebe_container_of(link, struct watcher, link);

        if (watcher->on_state == on_state && watcher->arg == arg)
            return watcher;
    }
    return NULL;
}

int grebe__channel_watch_state(struct grebe_channel *channel,
                               grebe_channel_state_fn on_state, void *arg)
{
    struct watcher *watcher;

    if (find(channel, on_state, arg) != NULL)
        return GREBE_OK;
    if (channel->is_closed)
        return GREBE_ERR_CLOSED; /* its report might come after on_closed() */
    watcher = grebe_mem_alloc(channel->host.mem, sizeof *watcher);
    if (watcher == NULL)
        return GREBE_ERR_NOMEM;
    *watcher = (struct watcher){.channel = channel, .on_state = on_state, .arg = arg};
    grebe__list_init(&watcher->link);
    grebe__list_init(&watcher->reports);
    grebe__list_init(&watcher->usual.link);
    grebe__list_append(&channel->state_watchers, &watcher->link);
    if (channel->has_changed_state)
        report_state(watcher, channel->state);
    return GREBE_OK;
}

static void drop_watcher(struct watcher *watcher)
{
    grebe__list_foreach_safe (link, &watcher->reports) {
        drop_report(grebe_container_of(link, struct report, link));
    }
    grebe__list_remove(&watcher->link);
    grebe_mem_free(watcher->channel->host.mem, watcher);
}

void grebe__channel_unwatch_state(struct grebe_channel *channel,
                                  grebe_channel_state_fn on_state, const void *arg)
{
    struct watcher *watcher = find(channel, on_state, arg);

    if (watcher != NULL)
        drop_watcher(watcher);
}

void grebe__channel_drop_watchers(struct grebe_channel *channel)
{
    grebe__list_foreach_safe (link, &channel->state_watchers) {
        drop_watcher(grebe_container_of(link, struct watcher, link));
    }
}

/* ---- Changes ----------------------------------------------------------------------- */

/* Nothing is logged before all have been told: who reads the log may end a watcher. */
static void report_to_all(struct grebe_channel *channel, enum grebe_connectivity state)
{
    const char *missed = NULL;

    grebe__list_foreach (link, &channel->state_watchers) {
        const char *missed_here =
            report_state(grebe_container_of(link, struct watcher, link), state);

        missed = missed_here == NULL ? missed : missed_here;
    }
    if (missed != NULL)
        grebe__channel_log(channel, GREBE_LOG_ERROR,
                           "out of memory: a state watcher misses %s", missed);
}

void grebe__channel_set_state(struct grebe_channel *channel,
                              enum grebe_connectivity state)
{
    static const struct grebe__phrase changes = {"Channel Connectivity change to ", ""};
    struct grebe__list waiters, *link;

    if (channel->state == state || channel->state == GREBE_SHUTDOWN)
        return;
    __atomic_store_n(&channel->state, state, __ATOMIC_RELEASE);
    channel->has_changed_state = true;
    grebe__book_set_state(channel->host.entity, state);
    grebe__tell_plainly(&channel->host, channel->host.entity, GREBE_LOG_DEBUG, &changes,
                        grebe_connectivity_name(state));
    report_to_all(channel, state);
    grebe__list_init(&waiters);
    grebe__list_splice(&waiters, &channel->state_waiters);
    while ((link = grebe__list_shift(&waiters)) != NULL) {
        struct grebe__state_waiter *waiter =
            grebe_container_of(link, struct grebe__state_waiter, link);

        waiter->on_change(waiter);
    }
}
