/* SPDX-License-Identifier: Apache-2.0 */
/* Entities that there was no memory for are missing, and with them what is below. */
#include "book.h"

#include "calls.h"
#include "core/subconn.h"
#include "trace.h"

static size_t length(const struct grebe__list *list)
{
    size_t n = 0;

    for (const struct grebe__list *at = list->next; at != list; at = at->next)
        n++;
    return n;
}

static void check_calls(const struct client *client)
{
    struct grebe__call_counts counts = grebe__book_counts(client->channel->host.entity);
    size_t n_open = length(&client->calls);

    if (counts.n_started - counts.n_succeeded - counts.n_failed != n_open)
        fail("the book counts every call",
             "client %u: of %llu calls %llu went well and %llu did not, and %zu run",
             client->index, (unsigned long long)counts.n_started,
             (unsigned long long)counts.n_succeeded, (unsigned long long)counts.n_failed,
             n_open);
}

static void check_state(const struct grebe__channel_entity *entity,
                        enum grebe_connectivity state, const char *name)
{
    if (entity->state != state)
        fail("the book knows every state", "%s is %s there, and is %s", name,
             grebe_connectivity_name((enum grebe_connectivity)entity->state),
             grebe_connectivity_name(state));
}

static void check_subconns(const struct grebe_channel *channel)
{
    grebe__list_foreach (link, &channel->subconns) {
        const struct grebe__subconn *subconn =
            grebe_container_of(link, struct grebe__subconn, link);

        if (subconn->entity != NULL)
            check_state(subconn->entity, subconn->state, "a subconn");
    }
}

/* Those that drain included, whatever became of their subconns. */
static void check_sockets(const struct client *client)
{
    struct grebe_channel *channel = client->channel;
    size_t n = 0;

    grebe__list_foreach (link, &channel->host.entity->base.children)
        n += length(&grebe__entity_of_link(link)->children);
    if (n != length(&channel->transports) && !client_was_starved(client))
        fail("the book knows every connection", "client %u: %zu of %zu", client->index, n,
             length(&channel->transports));
}

void book_check(const struct client *client)
{
    const struct grebe__channel_entity *entity = client->channel->host.entity;

    if (entity == NULL && client_was_starved(client))
        return;
    if (entity == NULL)
        fail("the book knows every channel", "not that of client %u", client->index);
    check_calls(client);
    check_state(entity, grebe__channel_get_state(client->channel), "the channel");
    check_subconns(client->channel);
    check_sockets(client);
}

void book_check_empty(const struct grebe__book *book)
{
    if (!grebe__list_is_empty(&book->channels))
        fail("the book is empty at the end", "a channel is in it");
    for (unsigned i = 0; i < GREBE__BOOK_BUCKETS; i++)
        if (book->buckets[i] != NULL)
            fail("the book is empty at the end", "number %lld is in it",
                 (long long)book->buckets[i]->id);
}
