/* SPDX-License-Identifier: Apache-2.0 */
/* grebe/call.h -- one remote procedure call.
 *
 * A call is started, goes where the channel's picker says, and ends with exactly one
 * status.  Its object stays readable until the last reference goes, whatever happens to
 * the channel.
 *
 * Threading   Start, cancel and wait from any thread.  on_done runs on the loop's thread,
 *             never inside the function that started the call.  What a call returned may
 *             be read by any thread once it is done.
 * Sources     gRPC over HTTP/2; gRPC status codes; wait-for-ready semantics.
 */
#ifndef GREBE_CALL_H
#define GREBE_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <grebe/attr.h>
#include <grebe/channel.h>
#include <grebe/error.h>
#include <grebe/metadata.h>
#include <grebe/status.h>

GREBE_BEGIN_DECLS

struct grebe_call;

enum grebe_choice {
    GREBE_DEFAULT = 0, /* as the service config says */
    GREBE_NO,
    GREBE_YES,
};

/* Fill with GREBE_CALL_OPTIONS_INIT, then set what you need. */
struct grebe_call_options {
    size_t struct_size;
    int64_t timeout_ns;               /* from now; 0: none; negative: already over */
    struct grebe_metadata *metadata;  /* referenced; NULL: none */
    enum grebe_choice wait_for_ready; /* wait instead of failing while no backend is up */
    const char *authority; /* copied; NULL: the connection's.  Over TLS the backend's
                            * certificate has to be for it, too: else UNAVAILABLE */
    const char *content_subtype; /* "proto" gives application/grpc+proto; NULL: bare */
    uint32_t max_receive_bytes;  /* 0: the channel's */
    uint32_t max_send_bytes;     /* 0: the channel's */
    bool wants_explanation;      /* keep what grebe_call_explain() tells */
    /* The method is one of those that the program knows, not one that its users make up:
     * metrics may tell it by its name.  Else it is "other" (gRFC A66). */
    bool labels_method;
    const char *custom_label; /* grpc.client.call.custom of metrics; copied; NULL: "" */
};
#define GREBE_CALL_OPTIONS_INIT                                                          \
    {                                                                                    \
        sizeof(struct grebe_call_options), 0, NULL, GREBE_DEFAULT, NULL, NULL, 0, 0,     \
            false, false, NULL                                                           \
    }

/* One request message, one response message; wait for the end.  `request` is borrowed
 * until then.  GREBE_OK means that the call ended: ask grebe_call_status(*out) how.
 * Otherwise nothing was sent: GREBE_ERR_NOMEM, GREBE_ERR_INVALID (the method is not
 * "/service/method", or the authority or the content subtype is no text for a header),
 * GREBE_ERR_DEADLOCK (on the loop's own thread), GREBE_ERR_FORKED.
 * `options` NULL: defaults.  *out is the caller's to unref. */
GREBE_API int grebe_call_unary(struct grebe_channel *channel, const char *method,
                               const void *request, size_t request_length,
                               const struct grebe_call_options *options,
                               struct grebe_call **out) GREBE_MUST_CHECK;

typedef void (*grebe_call_done_fn)(void *arg, struct grebe_call *call);

/* The same without waiting: on_done(arg, call) runs once.  `request` is borrowed until
 * then, `method` is copied.  The caller's reference is *out; `out` NULL gives it up, and
 * the call object then ends with on_done.  GREBE_OK means that on_done will run; otherwise
 * it will not: GREBE_ERR_NOMEM, GREBE_ERR_INVALID, GREBE_ERR_FORKED, as above. */
GREBE_API int grebe_call_start_unary(struct grebe_channel *channel, const char *method,
                                     const void *request, size_t request_length,
                                     const struct grebe_call_options *options,
                                     grebe_call_done_fn on_done, void *arg,
                                     struct grebe_call **out) GREBE_MUST_CHECK;

/* End the call with CANCELLED, unless it is done.  More than once is harmless.  Does not
 * wait: on_done comes as it would have. */
GREBE_API void grebe_call_cancel(struct grebe_call *call);

/* Wait for the end.  GREBE_ERR_TIMEOUT after `timeout_ns` (negative: never), and the call
 * goes on; GREBE_ERR_DEADLOCK on the loop's own thread; GREBE_ERR_FORKED.  The channel may
 * be destroyed while threads wait, which ends the call, but not before they do. */
GREBE_API int grebe_call_wait(struct grebe_call *call, int64_t timeout_ns);

/* The results below may be read. */
GREBE_API bool grebe_call_is_done(const struct grebe_call *call);

GREBE_API struct grebe_call *grebe_call_ref(struct grebe_call *call);
/* Does not cancel.  NULL: no-op. */
GREBE_API void grebe_call_unref(struct grebe_call *call);

/* Of a call that is done; borrowed from it.  `call` may be NULL: UNKNOWN, nothing. */
GREBE_API const struct grebe_status *grebe_call_status(const struct grebe_call *call);
/* The response message; NULL unless the status is OK.  Never NULL when it is.  `length`
 * may be NULL. */
GREBE_API const void *grebe_call_response(const struct grebe_call *call, size_t *length);
GREBE_API const struct grebe_metadata *grebe_call_headers(const struct grebe_call *call);
GREBE_API const struct grebe_metadata *grebe_call_trailers(const struct grebe_call *call);
/* The address that the last attempt went to, "10.0.0.1:443"; "" if none did. */
GREBE_API const char *grebe_call_peer(const struct grebe_call *call);

/* Moments on grebe_now_ns()'s clock; 0 for what did not happen. */
struct grebe_call_times {
    uint64_t started_ns;
    uint64_t picked_ns;  /* the last attempt got its backend */
    uint64_t headers_ns; /* the first response headers */
    uint64_t done_ns;
    uint32_t n_attempts;
};
GREBE_API struct grebe_call_times grebe_call_times(const struct grebe_call *call);

GREBE_END_DECLS

#endif
