/* SPDX-License-Identifier: Apache-2.0 */
/* support/look.h -- what a book knows, as text that a test can compare.
 *
 * An entity is written as its kind and id: "channel 1", "subchannel 2", "socket 3".  Each
 * function returns text that lives until the next.
 */
#ifndef SUPPORT_LOOK_H
#define SUPPORT_LOOK_H

#include "channelz/snapshot.h"

/* Its events, the oldest first, joined with " | ", those about a child with its reference
 * behind: "Subchannel(id:2) created -> subchannel 2".  "?" if it is not there. */
const char *look_events(struct grebe__book *book, enum grebe_channelz_kind kind,
                        int64_t id);

/* "subchannel 2, subchannel 4". */
const char *look_children(struct grebe__book *book, enum grebe_channelz_kind kind,
                          int64_t id);

/* "a READY: 3 started, 1 succeeded, 1 failed". */
const char *look_channel(struct grebe__book *book, enum grebe_channelz_kind kind,
                         int64_t id);

/* Each address with the figures of a channel, as "a 2/1/0 READY, healthy; b 1/0/1 SHUTDOWN". */
const char *look_endpoints(struct grebe__book *book, int64_t id);

bool look_is_there(struct grebe__book *book, enum grebe_channelz_kind kind, int64_t id);

/* The first channel that has no parent; 0: there is none. */
int64_t look_first_channel(struct grebe__book *book);

/* The i-th child of a channel or subchannel; 0: there are not so many. */
int64_t look_child(struct grebe__book *book, enum grebe_channelz_kind kind, int64_t id,
                   size_t i);

#endif
