/* SPDX-License-Identifier: Apache-2.0 */
/* grebe/channelz.h: the book of this process. */
#include <grebe/channelz.h>

#include "channelz/json.h"
#include "channelz/snapshot.h"
#include "core/channel.h"
#include "io/book.h"
#include "io/loop.h"

void grebe_channelz_set_enabled(bool is_enabled)
{
    struct grebe__book *book = grebe__process_book();

    grebe__book_acquire(book);
    book->is_off = !is_enabled;
    grebe__book_release(book);
}

int64_t grebe_channelz_id(const struct grebe_channel *channel)
{
    const struct grebe__channel_entity *entity = channel->host.entity;

    return entity == NULL ? 0 : entity->base.id;
}

/* ---- As structs ------------------------------------------------------------------------ */

static int get(enum grebe_channelz_kind kind, int64_t id, const struct grebe_mem *mem,
               struct grebe_channelz_channel **out)
{
    struct grebe__channel_snapshot *snapshot;
    int result = grebe__snapshot_channel(grebe__process_book(), kind, id, mem, &snapshot);

    if (result == GREBE_OK)
        *out = &snapshot->view;
    return result;
}

int grebe_channelz_channel_get(int64_t id, const struct grebe_mem *mem,
                               struct grebe_channelz_channel **out)
{
    return get(GREBE_CHANNELZ_CHANNEL, id, mem, out);
}

int grebe_channelz_subchannel_get(int64_t id, const struct grebe_mem *mem,
                                  struct grebe_channelz_channel **out)
{
    return get(GREBE_CHANNELZ_SUBCHANNEL, id, mem, out);
}

int grebe_channelz_socket_get(int64_t id, const struct grebe_mem *mem,
                              struct grebe_channelz_socket **out)
{
    struct grebe__socket_snapshot *snapshot;
    int result = grebe__snapshot_socket(grebe__process_book(), id, mem, &snapshot);

    if (result == GREBE_OK)
        *out = &snapshot->view;
    return result;
}

int grebe_channelz_top_channels(int64_t start_id, size_t n_max,
                                const struct grebe_mem *mem,
                                struct grebe_channelz_page **out)
{
    struct grebe__page_snapshot *snapshot;
    int result =
        grebe__snapshot_page(grebe__process_book(), start_id, n_max, mem, &snapshot);

    if (result == GREBE_OK)
        *out = &snapshot->view;
    return result;
}

/* ---- As JSON --------------------------------------------------------------------------- */

static struct grebe__json_request request_to(grebe_channelz_write_fn write, void *arg)
{
    return (struct grebe__json_request){
        .book = grebe__process_book(),
        .epoch_ns = grebe__epoch_ns(),
        .write = write,
        .arg = arg,
    };
}

int grebe_channelz_json_top_channels(int64_t start_id, size_t n_max,
                                     grebe_channelz_write_fn write, void *arg)
{
    struct grebe__json_request request = request_to(write, arg);

    return grebe__json_answer_top(&request, start_id, n_max);
}

int grebe_channelz_json_channel(int64_t id, grebe_channelz_write_fn write, void *arg)
{
    struct grebe__json_request request = request_to(write, arg);

    return grebe__json_answer_one(&request, GREBE_CHANNELZ_CHANNEL, id);
}

int grebe_channelz_json_subchannel(int64_t id, grebe_channelz_write_fn write, void *arg)
{
    struct grebe__json_request request = request_to(write, arg);

    return grebe__json_answer_one(&request, GREBE_CHANNELZ_SUBCHANNEL, id);
}

int grebe_channelz_json_socket(int64_t id, grebe_channelz_write_fn write, void *arg)
{
    struct grebe__json_request request = request_to(write, arg);

    return grebe__json_answer_one(&request, GREBE_CHANNELZ_SOCKET, id);
}

int grebe_channelz_json_all(grebe_channelz_write_fn write, void *arg)
{
    struct grebe__json_request request = request_to(write, arg);

    return grebe__json_answer_all(&request);
}
