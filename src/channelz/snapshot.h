/* SPDX-License-Identifier: Apache-2.0 */
/* channelz/snapshot.h -- one entity as it is now, copied out of the book.
 *
 * What it takes is measured and copied under the lock, and allocated in between: if the
 * entity has grown meanwhile, once more.
 *
 * Threading   Any thread.
 */
#ifndef GREBE_CHANNELZ_SNAPSHOT_H
#define GREBE_CHANNELZ_SNAPSHOT_H

#include "channelz/book.h"

/* The public struct, and behind it what its functions give out; one block. */
struct grebe__channel_snapshot {
    struct grebe_channelz_channel view;
    const struct grebe_mem *mem;
    struct grebe_channelz_event *events;
    struct grebe_channelz_ref *children;
    struct grebe_channelz_endpoint *endpoints;
};

struct grebe__socket_snapshot {
    struct grebe_channelz_socket view;
    const struct grebe_mem *mem;
    struct grebe__socket_end local, remote; /* with the texts of `view` */
};

struct grebe__page_snapshot {
    struct grebe_channelz_page view;
    const struct grebe_mem *mem;
    struct grebe_channelz_ref *channels;
};

/* GREBE_ERR_NOT_FOUND, GREBE_ERR_NOMEM.  `mem` NULL: malloc. */
int grebe__snapshot_channel(struct grebe__book *book, enum grebe_channelz_kind kind,
                            int64_t id, const struct grebe_mem *mem,
                            struct grebe__channel_snapshot **out);
int grebe__snapshot_socket(struct grebe__book *book, int64_t id,
                           const struct grebe_mem *mem,
                           struct grebe__socket_snapshot **out);
/* GREBE_ERR_NOMEM. */
int grebe__snapshot_page(struct grebe__book *book, int64_t start_id, size_t n_max,
                         const struct grebe_mem *mem, struct grebe__page_snapshot **out);

#endif
