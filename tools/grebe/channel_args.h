/* SPDX-License-Identifier: Apache-2.0 */
/* channel_args.h -- the options of every verb that opens a channel. */
#ifndef TOOL_CHANNEL_ARGS_H
#define TOOL_CHANNEL_ARGS_H

#include <stdbool.h>
#include <stdint.h>

#include <grebe/grebe.h>

#include "options.h"
#include "proxy_args.h"

struct channel_args {
    bool is_plaintext, skips_verification;
    const char *ca, *cert, *key;
    const char *authority;
    const char *policy;
    const char *service_config;                     /* JSON or @file */
    uint64_t connect_timeout_ns, keepalive_time_ns; /* 0: the library's */
    const char *congestion;
    struct text_list headers;
    uint64_t max_time_ns; /* 0: none */
    const char *record;   /* file, or NULL */
    const char *record_metadata;
    const char *channelz; /* file, or NULL */
    bool waits_for_ready;
    struct proxy_args proxy; /* proxy_options, a group of its own */
};

extern const struct option_spec channel_options[];

/* A scheme that nobody resolves makes the whole target a name for the DNS, as gRPC has it:
 * whoever types one meant something else.  Gives EXIT_FINE, or EXIT_USAGE and says so. */
int channel_check_target(const char *verb, const char *target);

/* Opens a channel.  What is wrong is said on stderr; gives EXIT_FINE, EXIT_USAGE or
 * EXIT_FAILED.  `loop` NULL: one of its own; `on_log` NULL: silent. */
int channel_open(const char *verb, const char *target, const struct channel_args *args,
                 struct grebe_loop *loop, grebe_log_fn on_log, void *log_arg,
                 struct grebe_channel **out);

/* Destroys it, and before that writes what --channelz asks for; gives EXIT_FINE, or says
 * so and gives EXIT_FAILED if that, or the recording, could not be written.  `channel` NULL:
 * no-op. */
int channel_close(const char *verb, const struct channel_args *args,
                  struct grebe_channel *channel);

/* Says what the library found wrong; gives EXIT_USAGE, or EXIT_FAILED if the words were
 * right. */
int channel_refused(const char *verb, int result, const struct grebe_diag *diag);

/* The options of a call; out->metadata is the caller's to unref. */
int channel_call_options(const char *verb, const struct channel_args *args,
                         struct grebe_call_options *out);

/* The policy that a channel balances with, "round_robin": which the options name, until the
 * channel logs, in on_log(), that it has another one.  A target may bring a service config
 * of its own. */
struct channel_policy {
    char name[64];
};
void channel_policy_init(struct channel_policy *policy, const struct channel_args *args);
void channel_policy_on_log(struct channel_policy *policy, const char *message);

/* "/pkg.Service/Method", whether or not it was written with the first slash; false if it
 * does not look like a method. */
bool channel_method(const char *text, char *buf, size_t size);

#endif
