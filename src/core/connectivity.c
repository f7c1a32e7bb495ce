/* SPDX-License-Identifier: Apache-2.0 */
/* The state of a channel, and who hears of it. */
#include "base/assert.h"
#include "core/channel.h"

enum grebe_connectivity grebe__channel_get_state(const struct grebe_channel *channel)
{
    return __atomic_load_n(&channel->state, __ATOMIC_ACQUIRE);
}

static void drop_report(struct grebe__state_report *report)
{
    struct grebe_channel *channel = report->channel;

    grebe__effect_cancel(&report->completion);
    grebe__list_remove(&report->link);
    if (report != &channel->state_report)
        grebe_mem_free(channel->host.mem, report);
}

static void run_report(struct grebe__effect *completion)
{
    struct grebe__state_report *report =
        grebe_container_of(completion, struct grebe__state_report, completion);
    struct grebe_channel *channel = report->channel;
    enum grebe_connectivity state = report->state;

    drop_report(report);
    if (channel->has_told_state && channel->told_state == state)
        return; /* merged reports may have come to nothing */
    channel->has_told_state = true;
    channel->told_state = state;
    channel->on_state(channel->on_state_arg, state);
}

static struct grebe__state_report *new_report(struct grebe_channel *channel)
{
    return grebe__list_is_linked(&channel->state_report.link)
               ? grebe_mem_alloc(channel->host.mem, sizeof(struct grebe__state_report))
               : &channel->state_report;
}

static void report_state(struct grebe_channel *channel, enum grebe_connectivity state)
{
    struct grebe__state_report *report = new_report(channel);

    if (report == NULL) {
        /* Out of memory: better a merged report than a lost one. */
        report = grebe_container_of(channel->state_reports.prev,
                                    struct grebe__state_report, link);
        grebe__channel_log(channel, GREBE_LOG_ERROR,
                           "out of memory: the state watcher misses %s",
                           grebe_connectivity_name(report->state));
        report->state = state;
        return;
    }
    grebe__effect_init(&report->completion, run_report);
    grebe__list_init(&report->link);
    grebe__list_append(&channel->state_reports, &report->link);
    report->channel = channel;
    report->state = state;
    grebe__env_finish(channel->host.env, &report->completion);
}

void grebe__channel_set_watcher(struct grebe_channel *channel,
                                grebe_channel_state_fn on_state, void *arg)
{
    grebe__list_foreach_safe (link, &channel->state_reports) {
        drop_report(grebe_container_of(link, struct grebe__state_report, link));
    }
    channel->on_state = on_state;
    channel->on_state_arg = arg;
    channel->has_told_state = false;
}

void grebe__channel_set_state(struct grebe_channel *channel,
                              enum grebe_connectivity state)
{
    struct grebe__list waiters, *link;

    if (channel->state == state || channel->state == GREBE_SHUTDOWN)
        return;
    __atomic_store_n(&channel->state, state, __ATOMIC_RELEASE);
    grebe__channel_log(channel, GREBE_LOG_DEBUG, "Channel Connectivity change to %s",
                       grebe_connectivity_name(state));
    if (channel->on_state != NULL)
        report_state(channel, state);
    grebe__list_init(&waiters);
    grebe__list_splice(&waiters, &channel->state_waiters);
    while ((link = grebe__list_shift(&waiters)) != NULL) {
        struct grebe__state_waiter *waiter =
            grebe_container_of(link, struct grebe__state_waiter, link);

        waiter->on_change(waiter);
    }
}
