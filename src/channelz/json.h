/* SPDX-License-Identifier: Apache-2.0 */
/* channelz/json.h -- what the book knows as messages of grpc.channelz.v1, in proto3's JSON.
 *
 * Moments in the book are of a clock that knows no date: `epoch_ns` is what to add for
 * nanoseconds since 1970.
 *
 * Sources     grpc.channelz.v1 (proto/grpc/channelz/v1/channelz.proto).
 */
#ifndef GREBE_CHANNELZ_JSON_H
#define GREBE_CHANNELZ_JSON_H

#include "channelz/json_out.h"
#include "channelz/snapshot.h"

/* Channel or Subchannel, and Socket.  `key` NULL: an element of an array. */
void grebe__json_channel(struct grebe__json_out *out, const char *key,
                         const struct grebe_channelz_channel *channel, int64_t epoch_ns);
void grebe__json_socket(struct grebe__json_out *out, const char *key,
                        const struct grebe__socket_snapshot *socket, int64_t epoch_ns);

/* The functions of grebe/channelz.h, for any book. */
struct grebe__json_request {
    struct grebe__book *book;
    int64_t epoch_ns;
    grebe_channelz_write_fn write;
    void *arg;
};
int grebe__json_answer_top(const struct grebe__json_request *request, int64_t start_id,
                           size_t n_max);
int grebe__json_answer_one(const struct grebe__json_request *request,
                           enum grebe_channelz_kind kind, int64_t id);
int grebe__json_answer_all(const struct grebe__json_request *request);

#endif
