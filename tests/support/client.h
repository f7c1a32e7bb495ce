/* SPDX-License-Identifier: Apache-2.0 */
/* support/client.h -- the public API with the patience of a test: one line a call.
 *
 * What a test cannot do without (memory, a valid target) is asserted here, so that what
 * remains in the test is what it is about.
 */
#ifndef SUPPORT_CLIENT_H
#define SUPPORT_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <grebe/grebe.h>

#define CLIENT_MS INT64_C(1000000) /* nanoseconds */

/* A channel to be destroyed by the caller.  `policy` NULL: the default; `credentials`
 * NULL: plaintext. */
struct grebe_channel *client_open(const char *target, const char *policy,
                                  struct grebe_credentials *credentials);

struct client_request {
    const char *method; /* "/service/method" */
    const void *message;
    size_t message_length;
    struct grebe_metadata *metadata; /* given up to the call; may be NULL */
    int64_t timeout_ns;              /* 0: 20 s, more than any test waits for */
    bool waits_for_ready;
    const char *authority; /* NULL: the connection's */
};

/* Call, wait, return the call for the caller to unref. */
struct grebe_call *client_call(struct grebe_channel *channel,
                               const struct client_request *request);

/* The same without waiting; on_done may be NULL. */
struct grebe_call *client_start(struct grebe_channel *channel,
                                const struct client_request *request,
                                grebe_call_done_fn on_done, void *arg);

/* Text pairs, ended by NULL: client_metadata("x-a", "1", "x-b", "2", NULL). */
struct grebe_metadata *client_metadata(const char *key, ...) __attribute__((sentinel));

/* Assert how a call ended: its code, and a part of its message (NULL: any). */
void client_expect(const struct grebe_call *call, int code, const char *part);

/* Assert that it ended well, and copy the response, cut to fit and with a NUL. */
void client_copy_text(const struct grebe_call *call, char *buf, size_t size);

/* Assert that it ended well and that the response is this text. */
void client_expect_text(const struct grebe_call *call, const char *text);

#endif
