/* SPDX-License-Identifier: Apache-2.0 */
/* grebe/channelz.h -- what channels, subchannels and connections are doing, for any thread
 * to look at.
 *
 *   channel -> subchannel -> socket
 *
 * Every object has an id, used once in a process, by which it can be looked up: its state,
 * its calls, its children, and its latest events.  A look is a snapshot, the caller's to
 * free; as JSON it is what a channelz service would say, in the JSON form of its messages,
 * so that tools made for those can read it.  No server has to run in the process.
 *
 * A subchannel is what balancers know as a subconn.
 *
 * Threading   Any thread, whoever runs the loops, and even if nobody does.  Numbers that
 *             calls change are each true, if not all from the same moment.
 * Time        Moments are those of grebe_now_ns(); 0 for what did not happen.
 * Sources     gRFC A14 (channelz), A3 (channel tracing), A105 (max_connections);
 *             grpc.channelz.v1.
 */
#ifndef GREBE_CHANNELZ_H
#define GREBE_CHANNELZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <grebe/attr.h>
#include <grebe/connectivity.h>
#include <grebe/error.h>
#include <grebe/mem.h>

GREBE_BEGIN_DECLS

/* Data is collected unless this says otherwise; objects made while it is off are never
 * seen.  For programs to which some hundred bytes a connection matter. */
GREBE_API void grebe_channelz_set_enabled(bool is_enabled);

enum grebe_channelz_kind {
    GREBE_CHANNELZ_CHANNEL,
    GREBE_CHANNELZ_SUBCHANNEL,
    GREBE_CHANNELZ_SOCKET,
};

struct grebe_channel;

/* The id of a channel; 0: it is not seen. */
GREBE_API int64_t grebe_channelz_id(const struct grebe_channel *channel);

struct grebe_channelz_ref {
    enum grebe_channelz_kind kind;
    int64_t id;
    const char *name; /* a channel's target, a socket's remote address; else "" */
};

/* ---- Channels and subchannels ------------------------------------------------------- */

enum grebe_channelz_severity {
    GREBE_CHANNELZ_UNKNOWN = 0,
    GREBE_CHANNELZ_INFO = 1,
    GREBE_CHANNELZ_WARNING = 2,
    GREBE_CHANNELZ_ERROR = 3,
};

struct grebe_channelz_event {
    enum grebe_channelz_severity severity;
    const char *description; /* UTF-8, less than 1 KiB */
    uint64_t at_ns;
    struct grebe_channelz_ref about; /* a child that it is about; id 0: none */
};

/* What a backend says when its health is checked (grebe/balancer.h). */
enum grebe_channelz_health {
    GREBE_CHANNELZ_NOT_CHECKED,
    GREBE_CHANNELZ_CHECKING, /* no answer yet */
    GREBE_CHANNELZ_UNHEALTHY,
    GREBE_CHANNELZ_HEALTHY,
};

/* Calls by the address that carried them.  Those of subchannels that are gone are
 * remembered, for up to 1,024 addresses. */
struct grebe_channelz_endpoint {
    const char *address;
    uint64_t calls_started, calls_succeeded, calls_failed; /* the rest are in flight */
    uint64_t latency_ns;               /* from pick to end, of all that ended, together */
    uint32_t n_subchannels;            /* to it now */
    enum grebe_connectivity state;     /* the best of theirs; SHUTDOWN: there is none */
    enum grebe_channelz_health health; /* likewise */
};

/* A channel or a subchannel.  Lists are read with the functions below. */
struct grebe_channelz_channel {
    enum grebe_channelz_kind kind;
    int64_t id;
    const char *target; /* as it was written; of a subchannel: the address last tried */
    enum grebe_connectivity state;
    /* Calls of the application; of a subchannel: attempts that it was picked for, and
     * streams of its own, as those of health checks. */
    uint64_t calls_started, calls_succeeded, calls_failed;
    uint64_t last_call_started_ns;
    uint64_t latency_ns;      /* of all that ended, together */
    uint32_t max_connections; /* of each subchannel of a channel; 0 for a subchannel */
    uint64_t created_ns;
    uint64_t n_events_logged; /* so far; the latest are kept */
    size_t n_events, n_children, n_endpoints;
    enum grebe_channelz_health health; /* of a subchannel */
};

/* GREBE_ERR_NOT_FOUND: there is none with this id.  GREBE_ERR_NOMEM.  `mem` NULL: malloc.
 * *out is the caller's to free. */
GREBE_API int
grebe_channelz_channel_get(int64_t id, const struct grebe_mem *mem,
                           struct grebe_channelz_channel **out) GREBE_MUST_CHECK;
GREBE_API int
grebe_channelz_subchannel_get(int64_t id, const struct grebe_mem *mem,
                              struct grebe_channelz_channel **out) GREBE_MUST_CHECK;
GREBE_API void grebe_channelz_channel_free(struct grebe_channelz_channel *channel);

/* The oldest first.  Borrowed; NULL beyond the end. */
GREBE_API const struct grebe_channelz_event *
grebe_channelz_channel_event(const struct grebe_channelz_channel *channel, size_t i);

/* Nested channels and subchannels, or sockets, in the order of their ids.  Likewise. */
GREBE_API const struct grebe_channelz_ref *
grebe_channelz_channel_child(const struct grebe_channelz_channel *channel, size_t i);

/* Of a channel; in no order.  Likewise. */
GREBE_API const struct grebe_channelz_endpoint *
grebe_channelz_channel_endpoint(const struct grebe_channelz_channel *channel, size_t i);

/* ---- Sockets ------------------------------------------------------------------------- */

/* A connection.  A stream succeeds if its server ended it, whatever the status. */
struct grebe_channelz_socket {
    int64_t id;
    const char *local, *remote; /* "10.0.0.1:443", "unix:/run/s"; "" if not known */
    const char *cipher;         /* of TLS, its standard name; NULL: there is no TLS */
    uint64_t streams_started, streams_succeeded, streams_failed;
    uint64_t messages_sent, messages_received;
    uint64_t keepalives_sent;
    uint64_t last_stream_ns, last_sent_ns, last_received_ns;
    int64_t local_window, remote_window; /* flow control, of the whole connection */
    uint32_t peer_max_streams;           /* SETTINGS_MAX_CONCURRENT_STREAMS */
    bool has_goaway;
    uint32_t goaway; /* its error code; valid if has_goaway */
};

/* As for channels. */
GREBE_API int
grebe_channelz_socket_get(int64_t id, const struct grebe_mem *mem,
                          struct grebe_channelz_socket **out) GREBE_MUST_CHECK;
GREBE_API void grebe_channelz_socket_free(struct grebe_channelz_socket *socket);

/* ---- All of them --------------------------------------------------------------------- */

enum { GREBE_CHANNELZ_PAGE = 50 }; /* what `n_max` 0 stands for */

struct grebe_channelz_page {
    size_t n;
    bool is_end; /* nothing comes after */
};

/* Channels that are not nested, from this id on, ascending, at most `n_max`.
 * GREBE_ERR_NOMEM. */
GREBE_API int
grebe_channelz_top_channels(int64_t start_id, size_t n_max, const struct grebe_mem *mem,
                            struct grebe_channelz_page **out) GREBE_MUST_CHECK;
/* Borrowed; NULL beyond the end. */
GREBE_API const struct grebe_channelz_ref *
grebe_channelz_page_channel(const struct grebe_channelz_page *page, size_t i);
GREBE_API void grebe_channelz_page_free(struct grebe_channelz_page *page);

/* ---- As JSON -------------------------------------------------------------------------- */

typedef void (*grebe_channelz_write_fn)(void *arg, const char *text, size_t length);

/* The answers of a grpc.channelz.v1.Channelz service, piece by piece: GetChannel,
 * GetSubchannel, GetSocket.  Nothing is written unless the result is GREBE_OK.
 * GREBE_ERR_NOT_FOUND, GREBE_ERR_NOMEM. */
GREBE_API int grebe_channelz_json_channel(int64_t id, grebe_channelz_write_fn write,
                                          void *arg) GREBE_MUST_CHECK;
GREBE_API int grebe_channelz_json_subchannel(int64_t id, grebe_channelz_write_fn write,
                                             void *arg) GREBE_MUST_CHECK;
GREBE_API int grebe_channelz_json_socket(int64_t id, grebe_channelz_write_fn write,
                                         void *arg) GREBE_MUST_CHECK;

/* GetTopChannels; `n_max` as above.  What goes away meanwhile is left out.
 * GREBE_ERR_NOMEM, perhaps in the middle. */
GREBE_API int grebe_channelz_json_top_channels(int64_t start_id, size_t n_max,
                                               grebe_channelz_write_fn write,
                                               void *arg) GREBE_MUST_CHECK;

/* Everything there is: {"channel": [...], "subchannel": [...], "socket": [...]}, of the
 * messages Channel, Subchannel and Socket.  Likewise. */
GREBE_API int grebe_channelz_json_all(grebe_channelz_write_fn write,
                                      void *arg) GREBE_MUST_CHECK;

GREBE_END_DECLS

#endif
