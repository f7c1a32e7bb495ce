/* SPDX-License-Identifier: Apache-2.0 */
#include "support/look.h"

#include "support/test.h"

#include <grebe/error.h>

enum { TEXT = 16384 };

static char buf[TEXT];

static const char *kind_name(enum grebe_channelz_kind kind)
{
    static const char *const names[] = {
        [GREBE_CHANNELZ_CHANNEL] = "channel",
        [GREBE_CHANNELZ_SUBCHANNEL] = "subchannel",
        [GREBE_CHANNELZ_SOCKET] = "socket",
    };

    return names[kind];
}

/* NULL: it is not there. */
static struct grebe_channelz_channel *get(struct grebe__book *book,
                                          enum grebe_channelz_kind kind, int64_t id)
{
    struct grebe__channel_snapshot *snapshot;
    int result = grebe__snapshot_channel(book, kind, id, NULL, &snapshot);

    if (result == GREBE_ERR_NOT_FOUND)
        return NULL;
    assert_int_equal(result, GREBE_OK);
    return &snapshot->view;
}

const char *look_events(struct grebe__book *book, enum grebe_channelz_kind kind,
                        int64_t id)
{
    struct grebe_channelz_channel *channel = get(book, kind, id);
    struct grebe__text text = grebe__text_init(buf, sizeof buf);

    if (channel == NULL)
        return "?";
    for (size_t i = 0; i < channel->n_events; i++) {
        const struct grebe_channelz_event *event =
            grebe_channelz_channel_event(channel, i);

        grebe__text_printf(&text, "%s%s", i > 0 ? " | " : "", event->description);
        if (event->about.id != 0)
            grebe__text_printf(&text, " -> %s %lld", kind_name(event->about.kind),
                               (long long)event->about.id);
    }
    grebe_channelz_channel_free(channel);
    assert_true(text.length < sizeof buf);
    return buf;
}

const char *look_children(struct grebe__book *book, enum grebe_channelz_kind kind,
                          int64_t id)
{
    struct grebe_channelz_channel *channel = get(book, kind, id);
    struct grebe__text text = grebe__text_init(buf, sizeof buf);

    if (channel == NULL)
        return "?";
    for (size_t i = 0; i < channel->n_children; i++) {
        const struct grebe_channelz_ref *child = grebe_channelz_channel_child(channel, i);

        grebe__text_printf(&text, "%s%s %lld", i > 0 ? ", " : "", kind_name(child->kind),
                           (long long)child->id);
    }
    assert_null(grebe_channelz_channel_child(channel, channel->n_children));
    grebe_channelz_channel_free(channel);
    return buf;
}

const char *look_channel(struct grebe__book *book, enum grebe_channelz_kind kind,
                         int64_t id)
{
    struct grebe_channelz_channel *channel = get(book, kind, id);

    if (channel == NULL)
        return "?";
    assert_int_equal(channel->kind, kind);
    assert_int_equal(channel->id, id);
    snprintf(buf, sizeof buf, "%s %s: %llu started, %llu succeeded, %llu failed",
             channel->target, grebe_connectivity_name(channel->state),
             (unsigned long long)channel->calls_started,
             (unsigned long long)channel->calls_succeeded,
             (unsigned long long)channel->calls_failed);
    grebe_channelz_channel_free(channel);
    return buf;
}

static const char *const healths[] = {
    [GREBE_CHANNELZ_NOT_CHECKED] = "",
    [GREBE_CHANNELZ_CHECKING] = ", checking",
    [GREBE_CHANNELZ_UNHEALTHY] = ", unhealthy",
    [GREBE_CHANNELZ_HEALTHY] = ", healthy",
};

const char *look_endpoints(struct grebe__book *book, int64_t id)
{
    struct grebe_channelz_channel *channel = get(book, GREBE_CHANNELZ_CHANNEL, id);
    struct grebe__text text = grebe__text_init(buf, sizeof buf);

    if (channel == NULL)
        return "?";
    for (size_t i = 0; i < channel->n_endpoints; i++) {
        const struct grebe_channelz_endpoint *endpoint =
            grebe_channelz_channel_endpoint(channel, i);

        grebe__text_printf(&text, "%s%s %llu/%llu/%llu %s%s", i > 0 ? "; " : "",
                           endpoint->address, (unsigned long long)endpoint->calls_started,
                           (unsigned long long)endpoint->calls_succeeded,
                           (unsigned long long)endpoint->calls_failed,
                           grebe_connectivity_name(endpoint->state),
                           healths[endpoint->health]);
    }
    grebe_channelz_channel_free(channel);
    return buf;
}

bool look_is_there(struct grebe__book *book, enum grebe_channelz_kind kind, int64_t id)
{
    return grebe__book_find(book, kind, id) != NULL;
}

int64_t look_first_channel(struct grebe__book *book)
{
    struct grebe__page_snapshot *page;
    int64_t id;

    assert_int_equal(grebe__snapshot_page(book, 0, 1, NULL, &page), GREBE_OK);
    id = page->view.n == 0 ? 0 : grebe_channelz_page_channel(&page->view, 0)->id;
    grebe_channelz_page_free(&page->view);
    return id;
}

int64_t look_child(struct grebe__book *book, enum grebe_channelz_kind kind, int64_t id,
                   size_t i)
{
    struct grebe_channelz_channel *channel = get(book, kind, id);
    const struct grebe_channelz_ref *child;
    int64_t found;

    assert_non_null(channel);
    child = grebe_channelz_channel_child(channel, i);
    found = child == NULL ? 0 : child->id;
    grebe_channelz_channel_free(channel);
    return found;
}
